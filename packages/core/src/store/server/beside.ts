/** A thread beside the loop, with a connection of its own, that beats for a worker: a busy loop costs no lease. */
import type { SQL } from "bun";
import { beatCells, readBeats } from "../beat.ts";
import type { Beat } from "../contract.ts";
import { startThread } from "../thread.ts";

type Orders = {
  readonly options: unknown;
  readonly text: string;
  readonly every: number;
  /** Ms after which a beat without an answer counts as failed. */
  readonly deadline: number;
  readonly shared: SharedArrayBuffer;
};

type Message = "stop" | { readonly load: string };

/** The program of the thread. */
const program = `
let stop = () => {};
let load = null;
let heardAt = 0;
const heard = new Promise((resolve) => {
  globalThis.addEventListener("message", ({ data }) => {
    if (data === "stop") return stop();
    if ("load" in data) {
      load = data.load;
      return;
    }
    heardAt = performance.now();
    resolve(data);
  });
});
const beat = async () => {
  const { SQL } = await import("bun");
  const { options, text, every, deadline, shared } = await heard;
  const cell = new Int32Array(shared);
  Atomics.store(cell, 4, Math.trunc(heardAt));
  let client;
  let stopped = false;
  stop = () => {
    stopped = true;
    void client?.close({ timeout: 0 }).catch(() => {});
    postMessage("stopped");
  };
  const close = () => {
    const was = client;
    client = undefined;
    void was?.close({ timeout: 0 }).catch(() => {});
  };
  const inTime = (work) => {
    const { promise: late, reject } = Promise.withResolvers();
    const timer = setTimeout(() => reject(new Error("late")), deadline);
    return Promise.race([work, late]).finally(() => clearTimeout(timer));
  };
  while (!stopped) {
    const begun = performance.now();
    let pause = every;
    try {
      client ??= new SQL(options);
      const worker = Atomics.load(cell, 3);
      // With each beat: the client may have connected anew, and a beat that is not committed locks its row.
      if (options.adapter === "mysql") await inTime(client.unsafe("set session autocommit = 1"));
      const answer = await inTime(client.unsafe(text, [load, worker]));
      if (answer.count === 1) {
        Atomics.store(cell, 0, begun);
        Atomics.store(cell, 1, 1);
      } else Atomics.store(cell, 2, worker);
    } catch (error) {
      if (String(error.message).includes("holdfast_moved")) Atomics.store(cell, 5, 1);
      close();
      pause = Math.min(every, 500);
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
};
void beat();
`;

export const startBeside = (
  options: SQL.Options,
  text: string,
  { worker, every, deadline }: { readonly worker: number; readonly every: number; readonly deadline: number },
): Beat => {
  const shared = new SharedArrayBuffer(24);
  const cell = new Int32Array(shared);
  cell[beatCells.worker] = worker;
  const thread = startThread(program);
  thread.unref();
  const post = (message: Orders | Message): void => thread.post(message);
  const beats = readBeats(cell);
  post({ options, text, every, deadline, shared });
  return {
    ...beats,
    tell: (load) => post({ load }),
    died: thread.died,
    stop: () => {
      post("stop");
      setTimeout(thread.terminate, 1_000).unref();
    },
  };
};
