/** A thousand runs parked after five steps, their process killed: how long a new one needs for all of them, from the moment it is up. */
import { Run, Runtime, Workflow } from "@holdfast/core";
import { join } from "node:path";
import { median } from "../figure.ts";
import { folder, open, parked, part, report } from "../workload.ts";

const [role, file = "", moment = "0"] = process.argv.slice(2);
const id = (index: number): string => `run-${index}`;
const all = Array.from({ length: 1_000 }, (_, index) => index);

const park = async (): Promise<void> => {
  const runtime = await open(file);
  const started = await Promise.all(all.map((index) => Workflow.start(runtime, parked, Number(moment), { id: id(index) })));
  while ((await Run.list(runtime, { status: "waiting", limit: 1_000 })).runs.length < started.length) await Bun.sleep(5);
  process.kill(process.pid, "SIGKILL");
};

const resume = async (): Promise<void> => {
  const runtime = await open(file);
  const startedAt = performance.now();
  await Promise.all(all.map((index) => Run.result(Run.of(runtime, id(index)))));
  console.log(JSON.stringify(performance.now() - startedAt));
  await Runtime.close(runtime);
};

const measure = async (): Promise<void> => {
  const place = folder();
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    const database = join(place, `resume-${round}.db`);
    const due = Date.now() + 4_000;
    await part(import.meta.path, "park", database, String(due));
    await Bun.sleep(Math.max(0, due - Date.now()) + 50);
    times.push(await part<number>(import.meta.path, "resume", database));
  }
  report({
    what: "1,000 runs parked after 5 steps, killed: all resumed and done in a new process",
    value: median(times),
    unit: "ms",
    goal: { of: "value", most: 500 },
  });
};

await (role === "park" ? park() : role === "resume" ? resume() : measure());
