/** `bun run bench:growth`: how cost grows with the number of runs, the length of a history, the finished runs in the file, and the parked runs. Draws the plots of the docs. */
import { Run, Workflow } from "@holdfast/core";
import { join } from "node:path";
import { median } from "./figure.ts";
import { fill } from "./fill.ts";
import { manyRuns } from "./many-runs.ts";
import { svg, type Plot } from "./plot.ts";
import { folder, memory, opened, sleeper } from "./workload.ts";

const place = folder();
const file = (name: string): string => join(place, `${name}.db`);

/** Steps a second over several rounds of so many runs of so many steps. */
const rate = (name: string, runs: number, each: number, rounds: number): Promise<number> =>
  opened(file(name), async (runtime) => {
    const rates: number[] = [];
    for (let round = 0; round < rounds + 2; round++) rates.push((runs * each * 1_000) / (await manyRuns(runtime, runs, each)));
    return median(rates.slice(2));
  });

const plot = async (
  about: Omit<Plot, "points">,
  values: readonly number[],
  measure: (value: number) => Promise<number>,
): Promise<Plot> => {
  const points: { at: number; value: number }[] = [];
  for (const at of values) points.push({ at, value: await measure(at) });
  console.log(`${about.title}: ${points.map(({ at, value }) => `${at}: ${value.toFixed(1)}`).join(", ")} ${about.up}`);
  return { ...about, points };
};

const byRuns = await plot(
  { title: "Runs of 10 steps at once", across: "runs", up: "steps/s" },
  [1, 10, 100, 1_000, 10_000],
  (runs) => rate(`runs-${runs}`, runs, 10, runs >= 10_000 ? 3 : 10),
);

const byHistory = await plot(
  { title: "100 runs at once, by the length of their history", across: "steps of a run", up: "steps/s" },
  [10, 100, 1_000, 10_000],
  (each) => rate(`history-${each}`, 100, each, each >= 1_000 ? 1 : 5),
);

const byFinished = await plot(
  { title: "1,000 runs of 10 steps, by what is in the file", across: "finished runs in the file", up: "steps/s" },
  [0, 10_000, 100_000, 1_000_000],
  async (finished) => {
    await rate(`finished-${finished}`, 100, 10, 1);
    fill(file(`finished-${finished}`), finished);
    return rate(`finished-${finished}`, 1_000, 10, 12);
  },
);

const parkedMemory = (count: number): Promise<number> =>
  opened(file(`parked-${count}`), async (runtime) => {
    await manyRuns(runtime, 1_000, 1);
    const before = memory();
    for (let made = 0; made < count; made += 1_000)
      await Promise.all(Array.from({ length: Math.min(1_000, count - made) }, () => Workflow.start(runtime, sleeper)));
    while ((await Run.list(runtime, { status: "running", limit: 1 })).runs.length > 0) await Bun.sleep(20);
    await Bun.sleep(300);
    return Math.max(0, memory() - before);
  });

const byParked = await plot(
  { title: "Memory of parked runs, above a runtime at work", across: "parked runs", up: "MB" },
  [100, 1_000, 10_000, 100_000],
  parkedMemory,
);

if (process.argv.includes("--write")) {
  const plots: Readonly<Record<string, Plot>> = { runs: byRuns, history: byHistory, finished: byFinished, parked: byParked };
  for (const [name, drawn] of Object.entries(plots))
    await Bun.write(join(import.meta.dir, "../docs/figures", `${name}.svg`), svg(drawn));
}
