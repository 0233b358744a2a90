/** From start to result of a one-step run on an idle runtime, with gaps, beside single durable commits. */
import { Run, Workflow } from "@holdfast/core";
import { join } from "node:path";
import { median, quantile, type Figure } from "../figure.ts";
import { commits } from "../raw.ts";
import { folder, opened, report, steps, timed } from "../workload.ts";

const place = folder();
const raw = commits(place);
const times: number[] = [];
const limits: number[] = [];

await opened(join(place, "latency.db"), async (runtime) => {
  for (let round = 0; round < 1_000; round++) {
    await Bun.sleep(2);
    limits.push(raw(1));
    await Bun.sleep(2);
    times.push(await timed(async () => Run.result(await Workflow.start(runtime, steps, 1))));
  }
});

const [warm, commit] = [times.slice(100), median(limits.slice(100))];
const figure = (what: string, part: number, most: number): Figure => ({
  what: `start → result of one step, ${what}`,
  value: quantile(warm, part),
  unit: "ms",
  raw: { value: commit, unit: "ms a commit" },
  ratio: quantile(warm, part) / commit,
  goal: { of: "ratio", most },
});
report(figure("p50", 0.5, 4), figure("p99", 0.99, 10));
