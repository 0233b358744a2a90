// Running it: a clean stop, a look at its health, a backup, and going on from that backup.
import { Database, Run, Runtime, Step, Workflow } from "@holdfast/core";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "holdfast-tour-"));
const file = join(folder, "service.db");

const report = Workflow.define({ name: "report" }, async (ctx) => {
  await Step.run(ctx, "collect", () => console.log("collecting"));
  await Step.sleep(ctx, "overnight", "400ms");
  return Step.run(ctx, "print", () => "printed");
});

const runtime = await Runtime.open({ database: `sqlite:${file}`, workflows: [report], drain: "10s" });

const close = async (): Promise<void> => {
  await Runtime.close(runtime);
  process.exit(0);
};
process.once("SIGTERM", () => void close());

const run = await Workflow.start(runtime, report, undefined, { id: "r-1" });
while ((await Run.get(run)).status !== "waiting") await Bun.sleep(5);

// For a health check: what keeps the database from taking writes, and runs for which nothing will ever happen.
console.log("trouble:", Runtime.trouble(runtime));
console.log("stuck:", (await Runtime.check(runtime)).length);

// What the database really promises: its settings, and which of them weaken a promise.
const { warnings } = await Runtime.durability(runtime);
for (const { setting, value, means, fix } of warnings) console.error(`${setting} is ${value}. ${means} ${fix}`);

// A backup while it runs. Never copy the file: only SQLite may touch it.
const backup = join(folder, "backup.db");
await Database.backup(runtime, backup);

console.log("the service:", await Run.result(run));
await Runtime.close(runtime);

// Restored somewhere else, the run goes on from what was recorded when the backup was made. The original is closed for good.
const place = `sqlite:${join(folder, "restored.db")}`;
const { original } = await Database.restore(backup, place, { original: `sqlite:${file}` });
console.log("the original is closed:", original.closed);
const restored = await Runtime.open({ database: place, workflows: [report] });
console.log("the backup:", await Run.result(Run.of(restored, "r-1", report)));
await Runtime.close(restored);
rmSync(folder, { recursive: true, force: true });
