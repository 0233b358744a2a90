/** A way to a server that can be disturbed: answers are swallowed, everything is held up, connections are cut. */
import type { Socket, TCPSocketListener } from "bun";

export type Proxy = {
  readonly port: number;
  /** Cuts the connection in place of so many of the next answers that hold this text: what they tell of has been done. */
  readonly dropAnswers: (text: string, times: number) => void;
  /** The same, where an answer does not tell what it is to: of the next questions that hold this text. */
  readonly dropAnswersTo: (text: string, times: number) => void;
  /** Nothing passes any more, in either direction, and nobody is told. */
  readonly hold: (on: boolean) => void;
  readonly cutAll: () => void;
  readonly dropped: () => number;
  readonly close: () => void;
};

type Pair = { upstream: Socket<unknown> | undefined; doomed: boolean; readonly early: Buffer[] };

export const openProxy = (host: string, to: number): Proxy => {
  const open = new Set<Socket<Pair>>();
  let drop: { text: string; left: number } | undefined;
  let dropTo: { text: string; left: number } | undefined;
  let held = false;
  let dropped = 0;
  const listener: TCPSocketListener<Pair> = Bun.listen<Pair>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (client) => {
        const pair: Pair = { upstream: undefined, doomed: false, early: [] };
        client.data = pair;
        open.add(client);
        void Bun.connect({
          hostname: host,
          port: to,
          socket: {
            open: (upstream) => {
              pair.upstream = upstream;
              for (const chunk of pair.early.splice(0)) upstream.write(chunk);
            },
            data: (_, chunk) => {
              if (held) return;
              const isToDrop = drop !== undefined && drop.left > 0 && chunk.includes(drop.text);
              if (isToDrop || pair.doomed) {
                if (drop && isToDrop) drop.left--;
                dropped++;
                client.terminate();
                return;
              }
              client.write(chunk);
            },
            close: () => void client.end(),
            error: () => void client.end(),
          },
        }).catch(() => client.end());
      },
      data: (client, chunk) => {
        if (held) return;
        const { data: pair } = client;
        if (dropTo && dropTo.left > 0 && chunk.includes(dropTo.text)) {
          dropTo.left--;
          pair.doomed = true;
        }
        if (pair.upstream) pair.upstream.write(chunk);
        else pair.early.push(Buffer.from(chunk));
      },
      close: (client) => {
        open.delete(client);
        client.data.upstream?.end();
      },
      error: () => {},
    },
  });
  return {
    port: listener.port,
    dropAnswers: (text, times) => {
      drop = { text, left: times };
    },
    dropAnswersTo: (text, times) => {
      dropTo = { text, left: times };
    },
    hold: (on) => {
      held = on;
    },
    cutAll: () => {
      for (const client of open) client.terminate();
    },
    dropped: () => dropped,
    close: () => {
      for (const client of open) client.terminate();
      listener.stop(true);
    },
  };
};
