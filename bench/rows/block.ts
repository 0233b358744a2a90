/** The longest block of the event loop under the load of a thousand runs of ten steps: one process, and two on one file. */
import { join } from "node:path";
import { median } from "../figure.ts";
import { manyRuns } from "../many-runs.ts";
import { folder, opened, part, report } from "../workload.ts";

const [role, file = ""] = process.argv.slice(2);

/** The longest time between two turns of the loop, in ms: the worst of each round. */
const load = (): Promise<void> =>
  opened(file, async (runtime) => {
    const worst: number[] = [];
    for (let round = 0; round < 25; round++) {
      const stop = watchLoop();
      await manyRuns(runtime, 1_000, 10);
      worst.push(stop());
    }
    console.log(JSON.stringify(median(worst.slice(5))));
  });

/** Looks at the clock in every turn of the loop. Answers with what stops it and says the longest gap. */
const watchLoop = (): (() => number) => {
  let longest = 0;
  let last = performance.now();
  let on = true;
  const look = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (on) setImmediate(look);
  };
  setImmediate(look);
  return () => {
    on = false;
    return longest;
  };
};

const measure = async (): Promise<void> => {
  const place = folder();
  const alone = await part<number>(import.meta.path, "load", join(place, "one.db"));
  const shared = join(place, "two.db");
  const both = await Promise.all([1, 2].map(() => part<number>(import.meta.path, "load", shared)));
  report(
    {
      what: "longest block of the event loop in 1,000 runs × 10 steps",
      value: alone,
      unit: "ms",
      goal: { of: "value", most: 10 },
    },
    { what: "the same, two processes on one file", value: Math.max(...both), unit: "ms", goal: { of: "value", most: 25 } },
  );
};

await (role === "load" ? load() : measure());
