/** What a thread that beats shares with its process, and what the process reads from it. */
import type { Beat } from "./contract.ts";

/**
 * In whole numbers of 32 bits: when the last beat began (ms, by the thread's own monotonic clock), whether there was one, whether it was
 * refused, and for whom to beat.
 */
export const beatCells = { begun: 0, beaten: 1, refused: 2, worker: 3 } as const;

/** The process's side, without the end of the thread. */
export const readBeats = (cell: Int32Array): Omit<Beat, "stop"> => {
  const startedAt = performance.now();
  // Each thread counts from a moment of its own. The least difference ever seen is that of the two moments, and no age.
  let apart: number | undefined;
  return {
    age: () => {
      const now = performance.now();
      if (Atomics.load(cell, beatCells.beaten) === 0) return now - startedAt;
      // The difference of two counts that wrap at 2^32 ms (49 days), as a count that does.
      const difference = (Math.trunc(now) - Atomics.load(cell, beatCells.begun)) | 0;
      if (apart === undefined || difference < apart) apart = difference;
      return difference - apart;
    },
    refused: () => Atomics.exchange(cell, beatCells.refused, 0) === 1,
    beatFor: (next) => void Atomics.store(cell, beatCells.worker, next),
  };
};
