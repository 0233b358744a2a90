/** A thread that beats for a worker on a connection of its own: a busy event loop costs no lease. */
import { statSync } from "node:fs";
import type { Beat } from "../contract.ts";

type Orders = {
  readonly file: string;
  readonly inode: number | undefined;
  readonly every: number;
  readonly shared: SharedArrayBuffer;
};

/** What the thread and its process share: when the last beat began (ns, by the thread's own monotonic clock), whether it was refused, and for whom to beat. */
const cells = { begun: 0, refused: 1, worker: 2 } as const;

/** Runs in the thread, from its own text: it may use nothing of this file. */
const thread = async (): Promise<void> => {
  // First of all the ear: orders that come while a module is loaded would be lost.
  const heard = new Promise<Orders>((resolve) => {
    globalThis.addEventListener("message", (event: MessageEvent<Orders>) => resolve(event.data), { once: true });
  });
  const { Database } = await import("bun:sqlite");
  const { statSync } = await import("node:fs");
  const orders = await heard;
  const cell = new BigInt64Array(orders.shared);
  const open = () => {
    // A file put in the place of ours is none of our business.
    if (statSync(orders.file).ino !== orders.inode) throw new Error("The file was replaced.");
    const database = new Database(orders.file, { create: false, readwrite: true });
    database.run("PRAGMA busy_timeout = 0");
    database.run("PRAGMA synchronous = NORMAL");
    return { database, beat: database.prepare<unknown, [bigint]>("update holdfast_workers set beat = beat + 1 where key = ?") };
  };
  let opened: ReturnType<typeof open> | undefined;
  const tick = (): void => {
    let pause = orders.every;
    const begun = process.hrtime.bigint();
    try {
      opened ??= open();
      const found = opened.beat.run(Atomics.load(cell, 2)).changes === 1;
      if (found) Atomics.store(cell, 0, begun);
      else Atomics.store(cell, 1, 1n);
    } catch (error) {
      const isBusy = String((error as { code?: unknown }).code).startsWith("SQLITE_BUSY");
      pause = isBusy ? 2 + Math.random() * 8 : Math.min(orders.every, 500);
      if (!isBusy) {
        opened?.database.close();
        opened = undefined;
      }
    }
    setTimeout(tick, pause);
  };
  tick();
};

const ms = 1_000_000n;

export const beatApart = (file: string, worker: number, every: number): Beat => {
  const shared = new SharedArrayBuffer(24);
  const cell = new BigInt64Array(shared);
  cell[cells.worker] = BigInt(worker);
  const url = URL.createObjectURL(new Blob([`(${thread.toString()})()`], { type: "application/javascript" }));
  const running = new Worker(url);
  running.unref();
  const orders: Orders = { file, inode: statSync(file, { throwIfNoEntry: false })?.ino, every, shared };
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  running.postMessage(orders);
  const startedAt = process.hrtime.bigint();
  // Each thread counts from a moment of its own. The least difference ever seen is that of the two moments, and no age.
  let apart: bigint | undefined;
  return {
    age: () => {
      const now = process.hrtime.bigint();
      const begun = Atomics.load(cell, cells.begun);
      if (begun === 0n) return Number((now - startedAt) / ms);
      const difference = now - begun;
      if (apart === undefined || difference < apart) apart = difference;
      return Number((difference - apart) / ms);
    },
    refused: () => Atomics.exchange(cell, cells.refused, 0n) === 1n,
    beatFor: (next) => void Atomics.store(cell, cells.worker, BigInt(next)),
    stop: () => {
      running.terminate();
      URL.revokeObjectURL(url);
    },
  };
};
