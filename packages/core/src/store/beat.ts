/** What a thread that beats shares with its process, and what the process reads from it. */
import type { Beat } from "./contract.ts";

/**
 * In whole numbers of 32 bits: when the last beat began (ms, by the thread's own monotonic clock), whether there was one, for which worker
 * one was refused, for whom to beat, when the thread heard its orders, and whether a beat met a database that is being moved.
 */
export const beatCells = { begun: 0, beaten: 1, refused: 2, worker: 3, heard: 4, fenced: 5 } as const;

/** The process's side, without the life of the thread. To be made in the moment in which the orders are sent. */
export const readBeats = (cell: Int32Array): Omit<Beat, "stop" | "tell" | "died"> => {
  const sentAt = performance.now();
  return {
    age: () => {
      const now = performance.now();
      if (Atomics.load(cell, beatCells.beaten) === 0) return Infinity;
      // Each thread counts from a moment of its own. The orders were heard after they were sent: so the age is never less than it is.
      // Both counts wrap at 2^32 ms (49 days), and so does their difference.
      const since = (Atomics.load(cell, beatCells.begun) - Atomics.load(cell, beatCells.heard)) | 0;
      return (Math.trunc(now - sentAt) - since) | 0;
    },
    refused: () => {
      const refused = Atomics.exchange(cell, beatCells.refused, 0);
      // A beat for the worker of before says nothing of the one that is there now.
      return refused !== 0 && refused === Atomics.load(cell, beatCells.worker);
    },
    fenced: () => Atomics.exchange(cell, beatCells.fenced, 0) === 1,
    beatFor: (next) => void Atomics.store(cell, beatCells.worker, next),
  };
};
