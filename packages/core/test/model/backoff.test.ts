import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";

import { delayBefore, type Retry } from "../../src/model/backoff.ts";

const retry: Retry = { attempts: 5, delay: 1_000, factor: 2, ceiling: 60_000, jitter: "none" };

describe("delayBefore", () => {
  const cases: readonly [number, number][] = [
    [0, 1_000],
    [1, 1_000],
    [2, 2_000],
    [3, 4_000],
    [6, 32_000],
    [7, 60_000],
    [2_000, 60_000],
    [2 ** 31, 60_000],
  ];
  test.each(cases)("after %p failed attempts", (failed, expected) => expect(delayBefore(retry, failed, 0.5)).toBe(expected));

  test("full jitter spreads the wait from nothing to the backoff", () => {
    const jittered: Retry = { ...retry, jitter: "full" };
    expect([0, 0.25, 0.5, 0.999_999].map((chance) => delayBefore(jittered, 3, chance))).toEqual([0, 1_000, 2_000, 3_999]);
  });

  test("a delay of nothing stays nothing, however often", () =>
    expect(delayBefore({ ...retry, delay: 0 }, 2 ** 31, 0.5)).toBe(0));
  test("a factor of one never grows", () => expect(delayBefore({ ...retry, factor: 1 }, 2 ** 31, 0.5)).toBe(1_000));
  test("a factor below one shrinks to nothing", () => expect(delayBefore({ ...retry, factor: 0.5 }, 2 ** 31, 0.5)).toBe(0));

  test("is always a whole number from 0 to the ceiling", () => {
    const options = fc.record<Retry>({
      attempts: fc.nat(),
      delay: fc.nat(),
      factor: fc.double({ min: 0, max: 1e9, noNaN: true }),
      ceiling: fc.nat(),
      jitter: fc.constantFrom("full", "none"),
    });
    fc.assert(
      fc.property(
        options,
        fc.integer({ min: 1, max: 2 ** 31 - 1 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (settled, failed, chance) => {
          const wait = delayBefore(settled, failed, chance);
          return Number.isSafeInteger(wait) && wait >= 0 && wait <= settled.ceiling;
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
