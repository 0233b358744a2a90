// Moving: everything in one database comes into another, while a process works on the first one until the last moment.
import { Database, Fault, Run, Runtime, Signal, Step, Workflow } from "@holdfast/core";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "holdfast-tour-"));
const approved = Signal.define<string>("approved");

const order = Workflow.define({ name: "order" }, async (ctx, lines: number) => {
  await Step.run(ctx, "reserve", () => console.log(`reserved ${lines} lines`));
  const by = await Step.wait(ctx, approved);
  return `approved by ${by}`;
});

const from = `sqlite:${join(folder, "orders.db")}`;
const to = process.env["ORDERS_DATABASE"] ?? `sqlite:${join(folder, "new.db")}`; // "postgres://orders@db.internal/orders"

const old = await Runtime.open({ database: from, workflows: [order] });
const run = await Workflow.start(old, order, 3, { id: "o-1" });
while ((await Run.get(run)).status !== "waiting") await Bun.sleep(5);

// A move that is called off leaves the old place in use. It can be repeated, or given up.
const called = await Database.copy(from, to, { signal: AbortSignal.abort() }).catch((error: unknown) => error);
console.log(Fault.is(called, "cancelled"));
await Database.abandon(from);

const moved = await Database.copy(from, to, {
  onProgress: ({ phase, carried, runs }) => console.log(`${phase}: ${carried} carried of ${runs}`),
});
console.log(`${moved.runs} run moved`);

// Whoever still has the old place open is told where to go, and writes nothing.
const refused = await Signal.send(run, approved, "Ada").catch((error: unknown) => error);
console.log(Fault.is(refused, "database_moved"));
await Runtime.close(old);

// At the new place the run goes on from its last record: nothing is reserved a second time.
const runtime = await Runtime.open({ database: to, workflows: [order] });
await Signal.send(Run.of(runtime, "o-1"), approved, "Ada");
console.log(await Run.result(Run.of(runtime, "o-1", order)));
await Runtime.close(runtime);
rmSync(folder, { recursive: true, force: true });
