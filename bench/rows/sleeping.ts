/** A hundred thousand sleeping runs: the memory they take, and how soon a process that opens their file is ready. */
import { Run, Runtime, Workflow } from "@holdfast/core";
import { join } from "node:path";
import { median } from "../figure.ts";
import { folder, memory, open, opened, part, report, sleeper, steps } from "../workload.ts";

const [role, file = ""] = process.argv.slice(2);
const sleepers = 100_000;

/** Puts them to sleep, and says how much more memory that took than an empty runtime. */
const lull = async (): Promise<void> =>
  opened(file, async (runtime) => {
    await Run.result(await Workflow.start(runtime, steps, 1));
    const empty = memory();
    for (let made = 0; made < sleepers; made += 1_000)
      await Promise.all(Array.from({ length: 1_000 }, () => Workflow.start(runtime, sleeper)));
    while ((await Run.list(runtime, { status: "running", limit: 1 })).runs.length > 0) await Bun.sleep(20);
    await Bun.sleep(500);
    console.log(JSON.stringify(memory() - empty));
  });

/** A process keeps more or less of what it had for the making of them: what the median of five has counts. */
const lullTimes = 5;

/** Opens the file and does one run: how long both took, and the memory above a runtime on an empty file. */
const ready = async (): Promise<void> => {
  const startedAt = performance.now();
  const runtime = await open(file);
  await Run.result(await Workflow.start(runtime, steps, 1));
  const ms = performance.now() - startedAt;
  await Bun.sleep(500);
  console.log(JSON.stringify({ ms, megabytes: memory() }));
  await Runtime.close(runtime);
};

type Ready = { readonly ms: number; readonly megabytes: number };

const measure = async (): Promise<void> => {
  const place = folder();
  const [full, empty] = [join(place, "sleeping.db"), join(place, "empty.db")];
  const grown: number[] = [];
  for (let time = 0; time < lullTimes; time++)
    grown.push(await part<number>(import.meta.path, "lull", time === 0 ? full : join(place, `sleeping-${time}.db`)));
  const there = await part<Ready>(import.meta.path, "ready", full);
  const none = await part<Ready>(import.meta.path, "ready", empty);
  const most = { of: "value", most: 60 } as const;
  report(
    {
      what: "100,000 sleeping runs, above an empty runtime: the process that put them to sleep (median of five)",
      value: median(grown),
      unit: "MB",
      goal: most,
    },
    { what: "the same, a process that opens their file", value: there.megabytes - none.megabytes, unit: "MB", goal: most },
    {
      what: "the same, until that process has opened it and done a run",
      value: there.ms,
      unit: "ms",
      goal: { of: "value", most: 1_000 },
    },
  );
};

await (role === "lull" ? lull() : role === "ready" ? ready() : measure());
