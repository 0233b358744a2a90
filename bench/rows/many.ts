/** A thousand runs of ten steps, started, executed and awaited in one process, beside rows that go in a thousand to a commit. */
import { join } from "node:path";
import { paired } from "../figure.ts";
import { manyRuns } from "../many-runs.ts";
import { rows } from "../raw.ts";
import { folder, opened, report } from "../workload.ts";

const place = folder();
const raw = rows(place);
const pairs: { value: number; raw: number }[] = [];

await opened(join(place, "many.db"), async (runtime) => {
  for (let round = 0; round < 30; round++) {
    const before = raw(10);
    const ms = await manyRuns(runtime, 1_000, 10);
    const after = raw(10);
    pairs.push({ value: 10_000_000 / ms, raw: 20_000_000 / (before + after) });
  }
});

report(paired({ what: "1,000 runs × 10 steps", unit: "steps/s", goal: { of: "ratio", least: 0.15 } }, pairs.slice(6), "rows/s"));
