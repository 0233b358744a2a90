/** A fixed port in front of servers that come and go: new connections go to whichever it is turned to. */
import type { Socket } from "bun";

export type Front = {
  readonly port: number;
  /** From here on new connections go to this port of the loopback; those that are there are cut. */
  readonly turn: (to: number) => void;
  /** What comes in either direction is thrown away, and nobody is told. */
  readonly swallow: (on: boolean) => void;
  readonly cut: () => void;
  readonly close: () => void;
};

/** Sends what a socket does not take at once when it takes more, in order. */
type Side = { readonly socket: () => Socket<Pair> | undefined; readonly waiting: Buffer[] };
type Pair = { readonly client: Side; readonly server: Side; ended: boolean };

const push = (side: Side): void => {
  const socket = side.socket();
  if (!socket) return;
  for (let [chunk] = side.waiting; chunk; [chunk] = side.waiting) {
    const sent = socket.write(chunk);
    if (sent < chunk.length) {
      side.waiting[0] = chunk.subarray(Math.max(0, sent));
      return;
    }
    side.waiting.shift();
  }
};

export const openFront = (first: number): Front => {
  let to = first;
  let swallowing = false;
  const pairs = new Set<Pair>();

  const pass = (side: Side, chunk: Buffer): void => {
    if (swallowing) return;
    side.waiting.push(Buffer.from(chunk));
    if (side.waiting.length === 1) push(side);
  };

  const end = (pair: Pair): void => {
    if (pair.ended) return;
    pair.ended = true;
    pairs.delete(pair);
    pair.client.socket()?.terminate();
    pair.server.socket()?.terminate();
  };

  const connect = async (pair: Pair, found: (server: Socket<Pair>) => void): Promise<void> => {
    try {
      await Bun.connect<Pair>({
        hostname: "127.0.0.1",
        port: to,
        data: pair,
        socket: {
          open: (server) => {
            found(server);
            if (pair.ended) server.terminate();
            else push(pair.server);
          },
          data: (_, chunk) => pass(pair.client, chunk),
          drain: () => push(pair.server),
          close: () => end(pair),
          error: () => end(pair),
        },
      });
    } catch {
      end(pair);
    }
  };

  const listener = Bun.listen<Pair>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (client) => {
        let server: Socket<Pair> | undefined;
        const pair: Pair = {
          client: { socket: () => client, waiting: [] },
          server: { socket: () => server, waiting: [] },
          ended: false,
        };
        client.data = pair;
        pairs.add(pair);
        void connect(pair, (found) => (server = found));
      },
      data: ({ data: pair }, chunk) => pass(pair.server, chunk),
      drain: ({ data: pair }) => push(pair.client),
      close: ({ data: pair }) => end(pair),
      error: ({ data: pair }) => end(pair),
    },
  });

  const cut = (): void => {
    for (const pair of pairs) end(pair);
  };
  return {
    port: listener.port,
    turn: (next) => {
      to = next;
      cut();
    },
    swallow: (on) => {
      swallowing = on;
    },
    cut,
    close: () => {
      cut();
      listener.stop(true);
    },
  };
};
