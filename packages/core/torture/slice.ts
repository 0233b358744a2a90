/** The slice of a suite as a test: fixed seed, some seconds. */
import { expect, test } from "bun:test";
import { carryOut, defaultSeed } from "./carry-out.ts";
import type { Suite } from "./suite.ts";

export const testSlice = (suite: Suite): void =>
  test(`${suite.name}: ${suite.title}`, async () => {
    const { figures, breaches, skipped = [] } = await carryOut(suite, { seed: defaultSeed, size: "slice", say: () => {} });
    console.log(`${suite.name}, seed ${defaultSeed}: ${JSON.stringify(figures)}`);
    for (const why of skipped) console.warn(`${suite.name}: skipped: ${why}`);
    expect(breaches).toEqual([]);
  }, 300_000);
