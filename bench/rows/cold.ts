/** A process that imports Holdfast, opens an existing file and does its first run, above an empty script. */
import { Run, Workflow } from "@holdfast/core";
import { join } from "node:path";
import { median } from "../figure.ts";
import { folder, opened, report, steps, timed } from "../workload.ts";

const first = (file: string): Promise<void> =>
  opened(file, async (runtime) => {
    await Run.result(await Workflow.start(runtime, steps, 1));
    process.exit(0);
  });

const measure = async (): Promise<void> => {
  const place = folder();
  const [file, empty] = [join(place, "cold.db"), join(place, "empty.ts")];
  await opened(file, async (runtime) => Run.result(await Workflow.start(runtime, steps, 1)));
  await Bun.write(empty, "process.exit(0);\n");
  const run = (...args: readonly string[]): Promise<number> =>
    timed(() => Bun.spawn([process.execPath, ...args], { stdout: "ignore" }).exited);
  const above: number[] = [];
  for (let round = 0; round < 15; round++) above.push((await run(import.meta.path, "first", file)) - (await run(empty)));
  report({
    what: "import, open an existing file, first one-step run done, above an empty script",
    value: median(above),
    unit: "ms",
    goal: { of: "value", most: 120 },
  });
};

await (process.argv[2] === "first" ? first(process.argv[3] ?? "") : measure());
