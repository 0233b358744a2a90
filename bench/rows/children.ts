/** A thousand children of one parent, awaited. */
import { Run, Workflow } from "@holdfast/core";
import { join } from "node:path";
import { median } from "../figure.ts";
import { folder, opened, parent, report, timed } from "../workload.ts";

const times: number[] = [];
await opened(join(folder(), "children.db"), async (runtime) => {
  for (let round = 0; round < 15; round++)
    times.push(await timed(async () => Run.result(await Workflow.start(runtime, parent, 1_000))));
});
report({
  what: "1,000 children of one parent, awaited",
  value: median(times.slice(4)),
  unit: "ms",
  goal: { of: "value", most: 100 },
});
