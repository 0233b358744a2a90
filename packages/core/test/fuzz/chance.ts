/** Chance that can be had again: the same seed gives the same sequence. */

export type Chance = {
  /** A number from 0 up to 1. */
  readonly next: () => number;
  readonly one: <T>(of: readonly T[]) => T | undefined;
  readonly happens: (probability: number) => boolean;
};

export const chanceOf = (seed: number): Chance => {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return { next, one: (of) => of[Math.floor(next() * of.length)], happens: (probability) => next() < probability };
};
