/** The second row with a million finished runs in the file, beside its rate on an empty one; and what a step takes on the disk. */
import { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import { join } from "node:path";
import { median } from "../figure.ts";
import { fill } from "../fill.ts";
import { manyRuns } from "../many-runs.ts";
import { folder, opened, report } from "../workload.ts";

const place = folder();
const finished = 1_000_000;
const each = 10;
const [full, empty] = [join(place, "full.db"), join(place, "empty.db")];

/** Bytes that a run of ten steps takes, without the text of its results. */
const bytesOfStep = async (): Promise<number> => {
  const file = join(place, "bytes.db");
  await opened(file, async (runtime) => {
    for (let round = 0; round < 20; round++) await manyRuns(runtime, 1_000, each);
  });
  const client = new Database(file);
  client.run("PRAGMA wal_checkpoint(TRUNCATE)");
  const payload =
    client.query<{ bytes: number }, []>("select sum(length(value)) as bytes from holdfast_history").get()?.bytes ?? 0;
  client.close();
  return (statSync(file).size - payload) / (20_000 * each);
};

await opened(full, async (runtime) => void (await manyRuns(runtime, 1_000, each)));
fill(full, finished);
const ratios: number[] = [];
const rates: number[] = [];
await opened(full, (crowded) =>
  opened(empty, async (bare) => {
    for (let round = 0; round < 24; round++) {
      const before = await manyRuns(bare, 1_000, each);
      const ms = await manyRuns(crowded, 1_000, each);
      const after = await manyRuns(bare, 1_000, each);
      ratios.push((before + after) / 2 / ms);
      rates.push(10_000_000 / ms);
    }
  }),
);
report(
  {
    what: "1,000 runs × 10 steps with 1,000,000 finished runs in the file: part of its rate on an empty one",
    value: median(ratios.slice(4)),
    unit: "",
    goal: { of: "value", least: 0.8 },
  },
  { what: "the same, steps a second", value: median(rates.slice(4)), unit: "steps/s" },
  { what: "file, beyond the payload", value: await bytesOfStep(), unit: "bytes a step", goal: { of: "value", most: 120 } },
);
