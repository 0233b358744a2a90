/** The client of the soak: starts runs at a steady rate, signals them and awaits them. What it knows of them is in a file, not in its memory. */
import { Database } from "bun:sqlite";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { appendFileSync } from "node:fs";
import { Run, Runtime, Signal, Workflow } from "../../src/index.ts";
import { chanceOf } from "../../test/fuzz/chance.ts";
import { asForeigner } from "../kit/foreign.ts";
import { tell, tellVitals } from "./vitals.ts";
import { go, napOf, part, runId, workOn } from "./workflows.ts";

const [file = "", ledger = "", seed = "1", rate = "50", ms = "1000", every = "5000"] = process.argv.slice(2);
const chance = chanceOf(Number(seed));
/** More runs than this are not under way: a machine that stands still is not buried. */
const most = 2_000;

const work = workOn(drizzle(new Database(":memory:")));
const runtime = await Runtime.open({ database: `sqlite:${file}`, workflows: [work, part], execute: false });
tellVitals(Number(every));

const load = { started: 0, underWay: 0 };
const keep = (...words: readonly (string | number)[]): void => appendFileSync(ledger, `${words.join(" ")}\n`);

/** Some signals come while the run is on its way to its wait or asleep, and some when it waits for them. */
const signalDelay = (n: number): number =>
  chance.happens(0.3) ? napOf(n) + 20 + chance.next() * 100 : (chance.next() * napOf(n)) / 2;

const one = async (n: number): Promise<void> => {
  const startedAt = performance.now();
  const run = await Workflow.start(runtime, work, n, { id: runId(n) });
  keep("started", n);
  const delay = signalDelay(n);
  await Bun.sleep(delay);
  await Signal.send(run, go, 7, { key: "once" });
  const value = await Run.result(run, { timeout: "2m" });
  const beyond = performance.now() - startedAt - Math.max(napOf(n), delay);
  keep("ended", n, Math.round(beyond * 10) / 10, value);
};

const begin = (n: number): void => {
  load.underWay++;
  asForeigner("a client", () => one(n))
    .catch((error: unknown) => keep("error", n, String(error).replaceAll("\n", " ")))
    .finally(() => load.underWay--);
};

const askForStuck = async (): Promise<void> => {
  const stuck = await Runtime.check(runtime);
  tell(stuck.length > 0 ? { asked: 1, stuck } : { asked: 1 });
};
const asking = setInterval(() => void askForStuck().catch((error: unknown) => tell({ stuck: [Bun.inspect(error)] })), 1_000);

const openedAt = performance.now();
for (let passed = 0; passed < Number(ms); passed = performance.now() - openedAt) {
  while (load.started < (passed / 1_000) * Number(rate) && load.underWay < most) begin(load.started++);
  await Bun.sleep(10);
}
tell({ started: load.started });
while (load.underWay > 0) await Bun.sleep(50);
clearInterval(asking);
await askForStuck();
await Runtime.close(runtime);
tell({ over: true });
process.exit(0);
