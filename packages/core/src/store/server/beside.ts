/** A thread beside the loop, with a connection of its own, that beats for a worker: a busy loop costs no lease. */
import type { SQL } from "bun";
import { beatCells, readBeats } from "../beat.ts";
import type { Beat } from "../contract.ts";

type Orders = {
  readonly options: unknown;
  readonly text: string;
  readonly every: number;
  /** Ms after which a beat without an answer counts as failed. */
  readonly deadline: number;
  readonly shared: SharedArrayBuffer;
};

type Message = "stop" | { readonly load: string };

/** Runs in the thread, from its own text: it may use nothing of this file. */
const thread = async (): Promise<void> => {
  let stop = (): void => {};
  let load: string | null = null;
  let heardAt = 0;
  const heard = new Promise<Orders>((resolve) => {
    globalThis.addEventListener("message", ({ data }: MessageEvent<Orders | Message>) => {
      if (data === "stop") return stop();
      if ("load" in data) {
        ({ load } = data);
        return;
      }
      heardAt = performance.now();
      resolve(data);
    });
  });
  const { SQL } = await import("bun");
  const { options, text, every, deadline, shared } = await heard;
  const cell = new Int32Array(shared);
  Atomics.store(cell, 4, Math.trunc(heardAt));
  let client: SQL | undefined;
  const state = { stopped: false };
  stop = () => {
    state.stopped = true;
    void client?.close({ timeout: 0 }).catch(() => {});
    postMessage("stopped");
  };
  const close = (): void => {
    const was = client;
    client = undefined;
    void was?.close({ timeout: 0 }).catch(() => {});
  };
  const inTime = <T>(work: Promise<T>): Promise<T> => {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error("late")), deadline);
    return Promise.race([work, late]).finally(() => clearTimeout(timer));
  };
  while (!state.stopped) {
    const begun = performance.now();
    let pause = every;
    try {
      client ??= new SQL(options as SQL.Options);
      const answer = (await inTime(client.unsafe(text, [load, Atomics.load(cell, 3)]))) as { count: number };
      if (answer.count === 1) {
        Atomics.store(cell, 0, begun);
        Atomics.store(cell, 1, 1);
      } else Atomics.store(cell, 2, 1);
    } catch (error) {
      if (String((error as { message?: unknown }).message).includes("holdfast_moved")) Atomics.store(cell, 5, 1);
      close();
      pause = Math.min(every, 500);
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
};

export const startBeside = (
  options: SQL.Options,
  text: string,
  { worker, every, deadline }: { readonly worker: number; readonly every: number; readonly deadline: number },
): Beat => {
  const shared = new SharedArrayBuffer(24);
  const cell = new Int32Array(shared);
  cell[beatCells.worker] = worker;
  const url = URL.createObjectURL(new Blob([`(${thread.toString()})()`], { type: "application/javascript" }));
  const running = new Worker(url);
  running.unref();
  const post = (message: Orders | Message): void => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    running.postMessage(message);
  };
  const beats = readBeats(cell);
  post({ options, text, every, deadline, shared });
  return {
    ...beats,
    tell: (load) => post({ load }),
    stop: () => {
      post("stop");
      setTimeout(() => {
        running.terminate();
        URL.revokeObjectURL(url);
      }, 1_000).unref();
    },
  };
};
