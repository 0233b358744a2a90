/** The load of several rows: so many runs of so many steps, started at once, executed and awaited. */
import { Run, Workflow, type Runtime } from "@holdfast/core";
import { steps, timed } from "./workload.ts";

/** How long it took, in ms. */
export const manyRuns = (runtime: Runtime.Runtime, runs: number, each: number): Promise<number> =>
  timed(async () => {
    const started = await Promise.all(Array.from({ length: runs }, () => Workflow.start(runtime, steps, each)));
    await Promise.all(started.map((run) => Run.result(run)));
  });
