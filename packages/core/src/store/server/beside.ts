/** A thread beside the loop, with a connection of its own, that beats for a worker: a busy loop costs no lease. */
import type { SQL } from "bun";
import type { Beat } from "../contract.ts";

type Orders = {
  readonly options: unknown;
  readonly text: string;
  readonly every: number;
  /** Ms after which a beat without an answer counts as failed. */
  readonly deadline: number;
  readonly shared: SharedArrayBuffer;
};

/** What both share, in whole numbers of 32 bits: when the last beat began (ms, by the thread's own clock), whether there was one, whether it was refused, for whom to beat. */
const cells = { begun: 0, beaten: 1, refused: 2, worker: 3 } as const;

/** Runs in the thread, from its own text: it may use nothing of this file. */
const thread = async (): Promise<void> => {
  let stop = (): void => {};
  const heard = new Promise<Orders>((resolve) => {
    globalThis.addEventListener("message", ({ data }: MessageEvent<Orders | "stop">) => {
      if (data === "stop") stop();
      else resolve(data);
    });
  });
  const { SQL } = await import("bun");
  const { options, text, every, deadline, shared } = await heard;
  const cell = new Int32Array(shared);
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
      const answer = (await inTime(client.unsafe(text, [Atomics.load(cell, 3)]))) as { count: number };
      if (answer.count === 1) {
        Atomics.store(cell, 0, begun);
        Atomics.store(cell, 1, 1);
      } else Atomics.store(cell, 2, 1);
    } catch {
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
  const shared = new SharedArrayBuffer(16);
  const cell = new Int32Array(shared);
  cell[cells.worker] = worker;
  const url = URL.createObjectURL(new Blob([`(${thread.toString()})()`], { type: "application/javascript" }));
  const running = new Worker(url);
  running.unref();
  const post = (message: Orders | "stop"): void => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    running.postMessage(message);
  };
  post({ options, text, every, deadline, shared });
  const startedAt = performance.now();
  // Each thread counts from a moment of its own. The least difference ever seen is that of the two moments, and no age.
  let apart: number | undefined;
  return {
    age: () => {
      const now = performance.now();
      if (Atomics.load(cell, cells.beaten) === 0) return now - startedAt;
      const difference = (Math.trunc(now) - Atomics.load(cell, cells.begun)) | 0;
      if (apart === undefined || difference < apart) apart = difference;
      return difference - apart;
    },
    refused: () => Atomics.exchange(cell, cells.refused, 0) === 1,
    beatFor: (next) => void Atomics.store(cell, cells.worker, next),
    stop: () => {
      post("stop");
      setTimeout(() => {
        running.terminate();
        URL.revokeObjectURL(url);
      }, 1_000).unref();
    },
  };
};
