/** One run of a hundred trivial steps, beside single durable commits. */
import { Run, Workflow } from "@holdfast/core";
import { join } from "node:path";
import { paired } from "../figure.ts";
import { commits } from "../raw.ts";
import { folder, opened, report, steps, timed } from "../workload.ts";

const place = folder();
const raw = commits(place);
const pairs: { value: number; raw: number }[] = [];

await opened(join(place, "alone.db"), async (runtime) => {
  for (let round = 0; round < 40; round++) {
    const before = raw(100);
    const ms = await timed(async () => Run.result(await Workflow.start(runtime, steps, 100)));
    const after = raw(100);
    pairs.push({ value: 100_000 / ms, raw: 200_000 / (before + after) });
  }
});

report(
  paired({ what: "one run of 100 steps", unit: "steps/s", goal: { of: "ratio", least: 0.85 } }, pairs.slice(10), "commits/s"),
);
