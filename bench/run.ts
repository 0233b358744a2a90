/** `bun run bench`: how fast the core is, each figure beside the physical limit of the same run. Writes `bench/baseline.json` when asked to. */
import { Run, Runtime, Step, Workflow } from "@holdfast/core";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { rawCommitMs, rawCommits, rawRows } from "./raw.ts";

type Figure = {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly raw: number;
  readonly rawUnit: string;
  readonly ratio: number;
  readonly goal: string;
};

const folder = mkdtempSync(join(process.env["HOLDFAST_BENCH_FOLDER"] ?? tmpdir(), "holdfast-bench-"));
const rounds = 5;

const steps = Workflow.define({ name: "steps" }, async (ctx, count: number) => {
  let sum = 0;
  for (let index = 0; index < count; index++) sum += await Step.run(ctx, "step", () => 1);
  return sum;
});

const opened = async <T>(name: string, work: (runtime: Runtime.Runtime) => Promise<T>): Promise<T> => {
  const runtime = await Runtime.open({
    database: `sqlite:${join(folder, `${name}.db`)}`,
    workflows: [steps],
    concurrency: 1_000,
  });
  try {
    return await work(runtime);
  } finally {
    await Runtime.close(runtime);
  }
};

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const quantile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? 0;

/** One run of 100 steps, alone: 101 commits and one for its start. */
const alone = (): Promise<Figure> =>
  opened("alone", async (runtime) => {
    const rates: number[] = [];
    const raws: number[] = [];
    for (let round = 0; round < rounds + 1; round++) {
      raws.push(rawCommits(folder, 500));
      const startedAt = performance.now();
      await Run.result(await Workflow.start(runtime, steps, 100));
      rates.push((100 / (performance.now() - startedAt)) * 1_000);
    }
    const [value, raw] = [median(rates.slice(1)), median(raws.slice(1))];
    return {
      what: "one run of 100 steps",
      value,
      unit: "steps/s",
      raw,
      rawUnit: "commits/s",
      ratio: value / raw,
      goal: "≥ 0.85",
    };
  });

/** A thousand runs of ten steps, started, executed and awaited in one process. */
const many = (): Promise<Figure> =>
  opened("many", async (runtime) => {
    const rates: number[] = [];
    const raws: number[] = [];
    for (let round = 0; round < rounds + 2; round++) {
      raws.push(rawRows(folder, 20));
      const startedAt = performance.now();
      const runs = await Promise.all(Array.from({ length: 1_000 }, () => Workflow.start(runtime, steps, 10)));
      await Promise.all(runs.map((run) => Run.result(run)));
      rates.push((10_000 / (performance.now() - startedAt)) * 1_000);
    }
    const [value, raw] = [median(rates.slice(2)), median(raws.slice(2))];
    return { what: "1,000 runs × 10 steps", value, unit: "steps/s", raw, rawUnit: "rows/s", ratio: value / raw, goal: "≥ 0.15" };
  });

/** From start to result of a one-step run, on an idle runtime. */
const latency = (): Promise<Figure[]> =>
  opened("latency", async (runtime) => {
    const times: number[] = [];
    for (let round = 0; round < 400; round++) {
      await Bun.sleep(1);
      const startedAt = performance.now();
      await Run.result(await Workflow.start(runtime, steps, 1));
      times.push(performance.now() - startedAt);
    }
    const raw = rawCommitMs(folder, 500);
    const figure = (what: string, part: number, goal: string): Figure => {
      const value = quantile(times.slice(50), part);
      return { what, value, unit: "ms", raw, rawUnit: "ms a commit", ratio: value / raw, goal };
    };
    return [figure("start → result, p50", 0.5, "≤ 4"), figure("start → result, p99", 0.99, "≤ 10")];
  });

const shown = (value: number): string => (value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toFixed(3));

try {
  const figures = [await alone(), await many(), ...(await latency())];
  console.log(`Bun ${Bun.version}, ${cpus().length} × ${cpus()[0]?.model ?? "?"}, WAL, synchronous=FULL\n`);
  console.log("| what | Holdfast | raw bun:sqlite, same run | ratio | to reach |\n| --- | ---: | ---: | ---: | ---: |");
  for (const { what, value, unit, raw, rawUnit, ratio, goal } of figures) {
    console.log(`| ${what} | ${shown(value)} ${unit} | ${shown(raw)} ${rawUnit} | ${ratio.toFixed(2)} | ${goal} |`);
  }
  if (process.argv.includes("--write")) {
    writeFileSync(
      join(import.meta.dir, "baseline.json"),
      `${JSON.stringify({ bun: Bun.version, cpus: cpus().length, figures }, null, 2)}\n`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
