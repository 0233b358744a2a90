/** One row of the table for one system, in a process of its own: `measure.ts <system> <row> <database> [<file of ids>]`. Tells its figures as JSON lines. */
import { readFileSync, writeFileSync } from "node:fs";
import { systems } from "./systems.ts";
import { begun, type Opened } from "./system.ts";

const [name = "", row = "", at = "", ids = ""] = process.argv.slice(2);

const tell = (line: Readonly<Record<string, unknown>>): void => console.log(JSON.stringify(line));
const quantile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? NaN;
const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
};

/** The median of the rounds after the first, which warms up. */
const rounds = async (count: number, work: () => Promise<unknown>): Promise<number> => {
  const times: number[] = [];
  for (let round = 0; round <= count; round++) times.push(await timed(work));
  return quantile(times.slice(1), 0.5);
};

const many = async ({ start }: Opened): Promise<void> => {
  const results = await Promise.all(Array.from({ length: 1_000 }, () => start(10)));
  await Promise.all(results.map((result) => result()));
};

/** Parks runs, and waits until each has come to its wait and things are quiet. */
const park = async ({ park: one }: Opened, runs: number, steps: number): Promise<readonly string[]> => {
  let arrived = 0;
  const all = Promise.withResolvers<void>();
  const parked: string[] = [];
  for (let from = 0; from < runs; from += 500) {
    const batch = Array.from({ length: Math.min(500, runs - from) }, () =>
      one(steps, () => void (++arrived === runs && all.resolve())),
    );
    parked.push(...(await Promise.all(batch)));
  }
  await all.promise;
  await Bun.sleep(2_000);
  return parked;
};

const memory = (): number => {
  Bun.gc(true);
  return process.memoryUsage.rss() / 1e6;
};

const rows: Readonly<Record<string, (opened: Opened) => Promise<Readonly<Record<string, number>> | undefined>>> = {
  /** W1: one run of 100 trivial steps, from the first to the last of them. */
  alone: async ({ start }) => {
    const rates: number[] = [];
    for (let round = 0; round <= 5; round++) {
      begun.count = 0;
      await (
        await start(100)
      )();
      rates.push(((begun.count - 1) * 1_000) / (begun.last - begun.first));
    }
    return { perSecond: quantile(rates.slice(1), 0.5) };
  },

  /** W2: 1,000 runs of ten steps, started, executed and awaited in one process. */
  many: async (opened) => ({ perSecond: 10_000_000 / (await rounds(2, () => many(opened))) }),

  /** W3: from start to result of a one-step run on an idle system, with gaps. */
  latency: async ({ start }) => {
    const times: number[] = [];
    const until = performance.now() + 25_000;
    for (let round = 0; round < 220 && performance.now() < until; round++) {
      await Bun.sleep(5 + ((round * 37) % 60));
      times.push(await timed(async () => (await start(1))()));
    }
    const warm = times.slice(Math.min(20, Math.floor(times.length / 4)));
    return { p50: quantile(warm, 0.5), p99: quantile(warm, 0.99), runs: warm.length };
  },

  /** W4: a thousand children of one parent, awaited. */
  family: async ({ family }) => (family ? { ms: await rounds(1, () => family(1_000)) } : undefined),

  /** W5, before the process is killed: 1,000 runs parked after five steps. */
  park: async (opened) => {
    writeFileSync(ids, (await park(opened, 1_000, 5)).join("\n"));
    return {};
  },
  /** W5, in the new process: all of them are sent their message and come to their end. */
  release: async ({ release }) => {
    await Promise.all(readFileSync(ids, "utf8").split("\n").map(release));
    return {};
  },

  /** What 10,000 waiting runs keep in memory. */
  waiting: async (opened) => {
    await (
      await opened.start(1)
    )();
    const before = memory();
    await park(opened, 10_000, 1);
    return { megabytes: memory() - before };
  },
};

const entry = systems.find((one) => one.name === name);
if (!entry) throw new Error(`There is no system "${name}".`);
const system = await entry.load();
if (row === "describe") {
  tell({ name: system.name, configuration: system.configuration, package: system.package, database: system.database });
} else if (row === "prepare") {
  await system.prepare?.(at);
} else {
  const measure = rows[row];
  if (!measure) throw new Error(`There is no row "${row}".`);
  const opened = await system.open(at);
  tell({ figures: (await measure(opened)) ?? null });
  // What waits stays as it is: this process is killed by the one that started it, or just ends.
  if (row === "park") await Bun.sleep(3_600_000);
  if (row !== "waiting") await opened.close();
  // Threads let go of the database a moment later, and only then is the file all there is.
  await Bun.sleep(500);
}
process.exit(0);
