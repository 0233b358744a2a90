// A cluster: who works on a database, how work is shared, and runs that nobody can execute.
import { Run, Runtime, Step, Workflow } from "@holdfast/core";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "holdfast-tour-"));
const database = `sqlite:${join(folder, "tour.db")}`;

const bill = Workflow.define({ name: "bill" }, async (ctx, customer: string) =>
  Step.run(ctx, "send", () => `a bill for ${customer}`),
);
const billAnew = Workflow.define({ name: "bill", version: 2 }, async () => "not deployed yet");

const worker = await Runtime.open({
  database,
  workflows: [bill],
  release: "2026-11-25",
  concurrency: 8,
  strategy: "sticky",
  weight: 2,
});
const client = await Runtime.open({ database, execute: false });

// Each customer has its share of the workers, however many runs the others have.
const run = await Workflow.start(client, bill, "Ada", { tenant: "ada" });
console.log(await Run.result(run), "| shared as", (await Run.get(run)).tenant);

for (const { executes, release, workflows = [], capacity } of await Runtime.workers(client))
  console.log(executes ? "worker" : "client", release, workflows.map(({ name }) => name).join(), capacity);

// No worker knows the second version: the run waits, keeps nothing else waiting, and says why.
const waiting = await Workflow.start(client, billAnew, undefined);
for (const { workflow, version, runs } of await Runtime.unclaimed(client))
  console.log("nobody executes", workflow, version, runs);
console.log((await Run.get(waiting)).reason?.code);

const newer = await Runtime.open({ database, workflows: [bill, billAnew] });
console.log(await Run.result(waiting), "| nobody executes", (await Runtime.unclaimed(client)).length);

for (const runtime of [newer, worker, client]) await Runtime.close(runtime);
rmSync(folder, { recursive: true, force: true });
