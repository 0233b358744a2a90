// The schema: looked at, printed, tried, brought forward, and opened without being touched.
import { Database, Fault, Runtime } from "@holdfast/core";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "holdfast-tour-"));
const database = `sqlite:${join(folder, "service.db")}`;

// A service that may not change the schema refuses what it cannot work on, before it writes.
const serve = (): Promise<Runtime.Runtime> => Runtime.open({ database, migrate: "verify" });
await serve().catch((error: unknown) => console.log("too early:", Fault.is(error) && error.code));

// What would be run: for a database as it is, or for any of a dialect.
const plan = await Database.plan(database);
console.log(
  "here:",
  plan.statements.some((text) => text.includes("holdfast_runs")),
);
const offline = await Database.plan("postgres", { from: 0 });
console.log("for a DBA:", offline.sql.split("\n").includes("begin;"));

// In the pipeline, before the deploy: tried in a transaction that is taken back, then done.
const tried = await Database.migrate(database, { dry: true });
console.log("tried:", tried.moves[0]?.name, (await Database.verify(database)).version);
await Database.migrate(database);

const { pending, differences } = await Database.verify(database);
console.log("pending:", pending.length, "differences:", differences.length);
await Runtime.close(await serve());

// And back, to the schema of an earlier release.
const { moves } = await Database.migrate(database, { to: 1 });
console.log(
  "back:",
  moves.every(({ direction }) => direction === "back"),
);
await Database.migrate(database, { to: 0, acceptDataLoss: true });
rmSync(folder, { recursive: true, force: true });
