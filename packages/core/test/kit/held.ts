/** Functions that begin when they are called and end when the test lets them. Sees how many were under way at a time. */
import type { ManualClock } from "./clock.ts";

export type Held = {
  readonly seen: { readonly calls: number; readonly most: number };
  /** What a step does: it is under way until the test lets it answer. */
  readonly work: <T>(value: T) => Promise<T>;
  /** Lets one end after the other, the first first, with `ms` of the clock before each, until none is under way. */
  readonly release: (clock: ManualClock, ms?: number) => Promise<void>;
};

export const createHeld = (): Held => {
  const underWay: (() => void)[] = [];
  const seen = { calls: 0, most: 0 };
  return {
    seen,
    work: (value) => {
      const { promise, resolve } = Promise.withResolvers<typeof value>();
      seen.calls++;
      seen.most = Math.max(
        seen.most,
        underWay.push(() => resolve(value)),
      );
      return promise;
    },
    release: async (clock, ms = 0) => {
      for (await clock.advance(ms); underWay.length > 0; await clock.advance(ms)) underWay.shift()?.();
    },
  };
};
