/**
 * Backoff: how long to wait before the next attempt.
 */

/** Settled retry options, in milliseconds. `attempts` counts all tries, the first one too; `ceiling` bounds one wait. */
export type Retry = {
  readonly attempts: number;
  readonly delay: number;
  readonly factor: number;
  readonly ceiling: number;
  readonly jitter: "full" | "none";
};

/**
 * Milliseconds to wait after so many failed attempts (1 after the first). `chance` is in [0, 1): with full jitter the wait
 * is spread evenly from 0 to the backoff, so that many runs that failed together do not come back together.
 */
export const delayBefore = (retry: Retry, failedAttempts: number, chance: number): number => {
  const backoff = bounded(retry.delay * retry.factor ** Math.max(0, failedAttempts - 1), retry.ceiling);
  return retry.jitter === "full" ? Math.floor(backoff * chance) : Math.floor(backoff);
};

/** A large power is Infinity, and 0 times Infinity NaN: a delay of 0 stays 0, all else ends at the ceiling. */
const bounded = (backoff: number, ceiling: number): number => (Number.isNaN(backoff) ? 0 : Math.min(backoff, ceiling));
