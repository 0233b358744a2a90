/** What the benchmark runs: workflows of trivial steps, and databases in a folder of their own. */
import { Runtime, Signal, Step, Workflow } from "@holdfast/core";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Figure } from "./figure.ts";

export const go = Signal.define("go");

/** So many trivial steps, one after the other. */
export const steps = Workflow.define({ name: "steps" }, async (ctx, count: number) => {
  let sum = 0;
  for (let index = 0; index < count; index++) sum += await Step.run(ctx, "step", () => 1);
  return sum;
});

/** So many children at once, of one step each. */
export const parent = Workflow.define({ name: "parent" }, async (ctx, count: number) => {
  const results = await Promise.all(Array.from({ length: count }, () => Step.call(ctx, steps, 1)));
  return results.length;
});

/** Five steps, a wait until a moment, five steps. */
export const parked = Workflow.define({ name: "parked" }, async (ctx, until: number) => {
  for (let index = 0; index < 5; index++) await Step.run(ctx, "before", () => 1);
  await Step.sleepUntil(ctx, "nap", until);
  for (let index = 0; index < 5; index++) await Step.run(ctx, "after", () => 1);
});

/** A step, then a month of sleep. */
export const sleeper = Workflow.define({ name: "sleeper" }, async (ctx) => {
  await Step.run(ctx, "step", () => 1);
  await Step.sleep(ctx, "month", "30d");
});

/** So many steps, then a wait for a signal. */
export const long = Workflow.define({ name: "long" }, async (ctx, count: number) => {
  for (let index = 0; index < count; index++) await Step.run(ctx, "step", () => 1);
  await Step.wait(ctx, go);
});

const workflows = [steps, parent, parked, sleeper, long];

export const open = (file: string, options: Runtime.Options = {}): Promise<Runtime.Runtime> =>
  Runtime.open({ database: `sqlite:${file}`, workflows, concurrency: 1_000, ...options });

/** A folder on the disk that is measured: `HOLDFAST_BENCH_FOLDER`, else the temporary folder. Gone when the process ends. */
export const folder = (): string => {
  const path = mkdtempSync(join(process.env["HOLDFAST_BENCH_FOLDER"] ?? tmpdir(), "holdfast-bench-"));
  process.on("exit", () => rmSync(path, { recursive: true, force: true }));
  return path;
};

export const opened = async <T>(
  file: string,
  work: (runtime: Runtime.Runtime) => Promise<T>,
  options?: Runtime.Options,
): Promise<T> => {
  const runtime = await open(file, options);
  try {
    return await work(runtime);
  } finally {
    await Runtime.close(runtime);
  }
};

/** How long something takes, in ms. */
export const timed = async (work: () => unknown): Promise<number> => {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
};

/** Megabytes that this process holds, after a collection. */
export const memory = (): number => {
  Bun.gc(true);
  return process.memoryUsage.rss() / 1_048_576;
};

/** Hands figures to whoever runs the row. */
export const report = (...figures: readonly Figure[]): void => {
  for (const figure of figures) console.log(JSON.stringify(figure));
};

/** Runs this row's own file in a process of its own, in another part, and answers with its last line as JSON. */
export const part = async <T>(file: string, ...args: readonly string[]): Promise<T> => {
  const child = Bun.spawn([process.execPath, file, ...args], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const lines = (await child.stdout.text()).trim().split("\n");
  await child.exited;
  return JSON.parse(lines.at(-1) || "null") as T;
};
