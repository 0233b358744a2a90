/** The slice of a suite as a test: fixed seed, some seconds. */
import { expect, test } from "bun:test";
import { carryOut, defaultSeed, labelOf, placesOf } from "./carry-out.ts";
import type { Suite } from "./suite.ts";

export const testSlice = (suite: Suite): void => {
  for (const on of placesOf(suite, [])) {
    const label = labelOf(suite, on);
    test(`${label}: ${suite.title}`, async () => {
      const { figures, breaches, skipped = [] } = await carryOut(suite, { seed: defaultSeed, size: "slice", on, say: () => {} });
      console.log(`${label}, seed ${defaultSeed}: ${JSON.stringify(figures)}`);
      for (const why of skipped) console.warn(`${label}: skipped: ${why}`);
      expect(breaches).toEqual([]);
    }, 300_000);
  }
};
