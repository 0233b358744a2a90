/** A thousand runs of ten steps in one process, beside plain inserts into the same server; and one run of a hundred steps. */
import { Run, Workflow } from "@holdfast/core";
import { paired } from "../figure.ts";
import { manyRuns } from "../many-runs.ts";
import { opened, report, steps, timed } from "../workload.ts";
import { asked, within } from "./place.ts";
import { rawRows } from "./raw.ts";

await within((url) =>
  asked(url, async (client) => {
    const raw = await rawRows(client);
    const pairs: { value: number; raw: number }[] = [];
    const alone = await opened(
      url,
      async (runtime) => {
        for (let round = 0; round < 12; round++) {
          const limit = await raw();
          pairs.push({ value: 10_000_000 / (await manyRuns(runtime, 1_000, 10)), raw: limit });
        }
        return timed(async () => Run.result(await Workflow.start(runtime, steps, 100)));
      },
      { database: url },
    );
    report(
      paired(
        { what: "1,000 runs × 10 steps, one worker", unit: "steps/s", goal: { of: "value", least: 20_000 } },
        pairs.slice(3),
        "rows/s",
      ),
      { what: "one run of 100 steps", value: 100_000 / alone, unit: "steps/s" },
    );
  }),
);
