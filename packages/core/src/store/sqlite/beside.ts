/**
 * A thread beside the loop, with a connection of its own: it beats for a worker, so that a busy loop costs no lease, and it brings the WAL
 * back into the file, so that hardly a commit has to.
 */
import { statSync } from "node:fs";
import { beatCells, readBeats } from "../beat.ts";
import type { Beat } from "../contract.ts";
import { startThread } from "../thread.ts";

type Orders = {
  readonly file: string;
  readonly inode: number | undefined;
  readonly every: number;
  readonly shared: SharedArrayBuffer;
};

/** What the thread and its process share: that of a beat, and whether a checkpoint is asked for. */
const cells = { ...beatCells, checkpoint: 6 } as const;

type Message = "checkpoint" | "stop" | { readonly load: string };

/** The program of the thread. */
const program = `
// First of all the ear: what comes while a module is loaded would be lost.
const early = [];
let hear = (message) => void early.push(message);
let heardAt = 0;
const heard = new Promise((resolve) => {
  globalThis.addEventListener("message", ({ data }) => {
    if (typeof data === "string" || "load" in data) return hear(data);
    heardAt = performance.now();
    resolve(data);
  });
});
const beat = async () => {
  const { Database } = await import("bun:sqlite");
  const { statSync } = await import("node:fs");
  const orders = await heard;
  const cell = new Int32Array(orders.shared);
  Atomics.store(cell, 4, Math.trunc(heardAt));
  const open = () => {
    // A file put in the place of ours is none of our business.
    if (statSync(orders.file).ino !== orders.inode) throw new Error("The file was replaced.");
    const database = new Database(orders.file, { create: false, readwrite: true });
    database.run("PRAGMA busy_timeout = 0");
    database.run("PRAGMA synchronous = NORMAL");
    return {
      database,
      beat: database.prepare("update holdfast_workers set beat = beat + 1, load = coalesce(?, load) where key = ?"),
      checkpoint: database.prepare("PRAGMA wal_checkpoint(PASSIVE)"),
    };
  };
  let opened;
  // A statement that is still open would keep the file open.
  const close = () => {
    const was = opened;
    opened = undefined;
    was?.beat.finalize();
    was?.checkpoint.finalize();
    was?.database.close();
  };
  let load = null;
  let ticking;
  const tick = () => {
    let pause = orders.every;
    const begun = performance.now();
    try {
      opened ??= open();
      const worker = Atomics.load(cell, 3);
      const found = opened.beat.run(load, worker).changes === 1;
      if (found) {
        Atomics.store(cell, 0, begun);
        Atomics.store(cell, 1, 1);
      } else Atomics.store(cell, 2, worker);
    } catch (error) {
      const isBusy = String(error.code).startsWith("SQLITE_BUSY");
      if (String(error.message).includes("holdfast_moved")) Atomics.store(cell, 5, 1);
      pause = isBusy ? 2 + Math.random() * 8 : Math.min(orders.every, 500);
      if (!isBusy) close();
    }
    ticking = setTimeout(tick, pause);
  };
  hear = (message) => {
    if (typeof message === "object") {
      load = message.load;
      return;
    }
    if (message === "stop") {
      hear = () => {};
      clearTimeout(ticking);
      close();
      postMessage("stopped");
      return;
    }
    try {
      opened ??= open();
      opened.checkpoint.all();
    } catch {
      close();
    }
    Atomics.store(cell, 6, 0);
  };
  tick();
  for (const message of early) hear(message);
};
void beat();
`;

export type Beside = Beat & {
  /** Asks for a checkpoint, unless one is asked for already. A crash in its middle leaves the WAL as it was. */
  readonly checkpoint: () => void;
  /** The checkpoints are left to its process. */
  readonly isDead: () => boolean;
  /** True from when one is asked for until it is done. */
  readonly isCheckpointing: () => boolean;
  /** Resolves once the thread has let go of the file. */
  readonly stopped: () => Promise<void>;
};

/** How long, in ms, a thread that is told to stop may take. One that is hung with its disk is left behind. */
const patience = 1_000;

export const startBeside = (file: string, worker: number, every: number): Beside => {
  const shared = new SharedArrayBuffer(28);
  const cell = new Int32Array(shared);
  cell[cells.worker] = worker;
  const thread = startThread(program);
  thread.unref();
  const post = (message: Orders | Message): void => thread.post(message);
  let isDead = false;
  void thread.died.then(() => {
    isDead = true;
    Atomics.store(cell, cells.checkpoint, 0);
  });
  const beats = readBeats(cell);
  post({ file, inode: statSync(file, { throwIfNoEntry: false })?.ino, every, shared });
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= end());
  const end = async (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    thread.onMessage(resolve);
    // Taken back below: it would keep a process that has nothing else to do.
    const timer = setTimeout(resolve, patience);
    post("stop");
    await Promise.race([promise, thread.died]);
    clearTimeout(timer);
    thread.terminate();
  };
  return {
    ...beats,
    died: thread.died,
    isDead: () => isDead,
    tell: (load) => post({ load }),
    checkpoint: () => {
      // Before the first beat the thread may not listen yet.
      if (!stopping && Atomics.load(cell, cells.beaten) === 1 && Atomics.exchange(cell, cells.checkpoint, 1) === 0)
        post("checkpoint");
    },
    isCheckpointing: () => Atomics.load(cell, cells.checkpoint) === 1,
    stop: () => void stop(),
    stopped: stop,
  };
};
