/** The replay of a run of ten thousand records, from a cold start. */
import { Run, Runtime, Signal, Workflow } from "@holdfast/core";
import { join } from "node:path";
import { median } from "../figure.ts";
import { folder, go, long, open, opened, report, timed } from "../workload.ts";

const records = 10_000;
const rounds = 9;
const file = join(folder(), "replay.db");

await opened(file, async (runtime) => {
  for (let round = 0; round < rounds; round++) {
    await Workflow.start(runtime, long, records, { id: `long-${round}` });
    await Workflow.start(runtime, long, 0, { id: `short-${round}` });
  }
  while ((await Run.list(runtime, { status: "running", limit: 1 })).runs.length > 0) await Bun.sleep(20);
});

const runtime = await open(file, { hot: 0 });
const end = (id: string): Promise<number> =>
  timed(async () => {
    await Signal.send(Run.of(runtime, id), go, 1);
    await Run.result(Run.of(runtime, id));
  });
const times: number[] = [];
for (let round = 0; round < rounds; round++) {
  const short = await end(`short-${round}`);
  times.push((((await end(`long-${round}`)) - short) * 1_000) / records);
}
await Runtime.close(runtime);
report({
  what: "replay of a run of 10,000 records",
  value: median(times.slice(2)),
  unit: "µs a record",
  goal: { of: "value", most: 3 },
});
