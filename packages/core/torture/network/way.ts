/**
 * A way to a server on which the weather is bad: answers to commits are lost, pieces come late, connections are cut or fall silent, and now and then
 * nothing gets through for a while. What was held up then arrives, also from those who have given up waiting.
 */
import type { Socket, TCPSocketListener } from "bun";
import type { Chance } from "../../test/fuzz/chance.ts";
import { createStream, type Stream } from "./stream.ts";

export type Weather = {
  /** The share of commits whose answer is lost, and their connection with it. */
  readonly lost: number;
  /** The share of pieces that come late, and by how many ms at most. */
  readonly late: number;
  readonly lateness: number;
};

export const calm: Weather = { lost: 0, late: 0, lateness: 0 };

export type Tally = { commits: number; lost: number; late: number; cut: number; silenced: number; held: number };

export type Way = {
  /** The URL by which it leads to the database. */
  readonly url: string;
  readonly setWeather: (weather: Weather) => void;
  /** Cuts a connection: both ends hear of it. */
  readonly cut: () => void;
  /** Nothing of a connection arrives any more, and nobody is told. */
  readonly silence: () => void;
  /** Nothing gets through for so many ms; then all of it arrives. */
  readonly hold: (ms: number) => Promise<void>;
  readonly tally: Readonly<Tally>;
  readonly close: () => void;
};

type Pair = {
  client: Socket<Pair>;
  upstream: Socket<Pair> | undefined;
  readonly up: Stream;
  readonly down: Stream;
  silent: boolean;
  /** The next answer is to a commit, and is lost. */
  doomed: boolean;
};

/** How a commit is known: by its answer, or, where an answer does not say what it is to, by its question. */
const answered = "COMMIT\0";
const asked = /(?<!auto)commit/i;

const usualPorts: Readonly<Record<string, number>> = { "postgres:": 5432, "mysql:": 3306 };

export const openWay = (to: string, chance: Chance): Way => {
  const url = new URL(to);
  const [host, port] = [url.hostname, Number(url.port || usualPorts[url.protocol])];
  const tellsByAnswer = url.protocol === "postgres:";
  const pairs = new Set<Pair>();
  /** Given up by the client while nothing got through: what it had sent is still on its way. */
  const leaving = new Set<Pair>();
  const tally: Tally = { commits: 0, lost: 0, late: 0, cut: 0, silenced: 0, held: 0 };
  let weather = calm;
  let held = false;

  const isLost = (): boolean => {
    tally.commits++;
    return chance.happens(weather.lost);
  };
  const lateness = (): number => {
    if (!chance.happens(weather.late)) return 0;
    tally.late++;
    return chance.next() * weather.lateness;
  };
  const pass = (pair: Pair, stream: Stream, chunk: Buffer): void => {
    if (!pair.silent) stream.push(Buffer.from(chunk), lateness());
  };
  const end = (pair: Pair): void => {
    pairs.delete(pair);
    pair.client.terminate();
    pair.up.finish();
  };
  const loseAnswer = (pair: Pair): void => {
    tally.lost++;
    end(pair);
  };

  const upstreamOf = (pair: Pair): void => {
    Bun.connect<Pair>({
      hostname: host,
      port,
      data: pair,
      socket: {
        open: (upstream) => {
          pair.upstream = upstream;
          pair.up.pump();
        },
        data: (_, chunk) => {
          if (pair.doomed || (tellsByAnswer && chunk.includes(answered) && isLost())) return loseAnswer(pair);
          pass(pair, pair.down, chunk);
        },
        drain: () => pair.up.pump(),
        close: () => pair.down.finish(),
        error: () => pair.down.finish(),
      },
    }).catch(() => end(pair));
  };

  const listener: TCPSocketListener<Pair> = Bun.listen<Pair>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (client) => {
        const isHeld = (): boolean => held;
        const pair: Pair = {
          client,
          upstream: undefined,
          silent: false,
          doomed: false,
          up: createStream(() => pair.upstream, isHeld),
          down: createStream(() => client, isHeld),
        };
        client.data = pair;
        pairs.add(pair);
        upstreamOf(pair);
      },
      data: (client, chunk) => {
        const { data: pair } = client;
        if (!tellsByAnswer && asked.test(chunk.toString("latin1")) && isLost()) pair.doomed = true;
        pass(pair, pair.up, chunk);
      },
      drain: ({ data: pair }) => pair.down.pump(),
      close: ({ data: pair }) => {
        pairs.delete(pair);
        if (held) leaving.add(pair);
        pair.up.finish();
      },
      error: () => {},
    },
  });

  const some = (): Pair | undefined => chance.one([...pairs]);
  url.hostname = "127.0.0.1";
  url.port = String(listener.port);
  return {
    url: url.href,
    tally,
    setWeather: (next) => void (weather = next),
    cut: () => {
      const pair = some();
      if (!pair) return;
      tally.cut++;
      pair.upstream?.terminate();
      end(pair);
    },
    silence: () => {
      const pair = some();
      if (!pair || pair.silent) return;
      tally.silenced++;
      pair.silent = true;
    },
    hold: async (ms) => {
      if (held) return;
      tally.held++;
      held = true;
      await Bun.sleep(ms);
      held = false;
      // Also of those that have left.
      for (const { up, down } of [...pairs, ...leaving]) for (const stream of [up, down]) stream.pump();
      leaving.clear();
    },
    close: () => {
      for (const pair of pairs) {
        pair.upstream?.terminate();
        end(pair);
      }
      listener.stop(true);
    },
  };
};
