// A process that is killed in the middle of a step, and another that goes on: what is recorded is not done again.
import { Run, Runtime, Step, Workflow } from "@holdfast/core";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const dies = process.argv[3] === "dies";

const order = Workflow.define({ name: "order" }, async (ctx, id: string) => {
  await Step.run(ctx, "reserve", () => console.log("  reserve"));
  await Step.sleep(ctx, "breathe", "20ms");
  await Step.run(ctx, "charge", ({ key, attempt }) => {
    // The effect may have happened when the process dies: the same key lets the other side tell.
    console.log(`  charge, key ${key}, attempt ${attempt}`);
    if (dies) process.kill(process.pid, "SIGKILL");
  });
  await Step.run(ctx, "ship", () => console.log("  ship"));
  return `${id} done`;
});

const work = async (database: string): Promise<void> => {
  const runtime = await Runtime.open({ database, workflows: [order] });
  const run = await Workflow.start(runtime, order, "o-1", { id: "o-1" });
  console.log(`  ${run.id} ${run.disposition}`);
  console.log(`  ${await Run.result(run)}`);
  await Runtime.close(runtime);
};

const watch = async (): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-tour-"));
  const database = `sqlite:${join(folder, "tour.db")}`;
  for (const end of ["dies", "lives"]) {
    console.log(`a process that ${end}`);
    const child = Bun.spawn([process.execPath, import.meta.path, database, end], { stdout: "inherit", stderr: "inherit" });
    await child.exited;
    console.log(`  ended by ${child.signalCode ?? `itself, with ${child.exitCode}`}`);
  }
  rmSync(folder, { recursive: true, force: true });
};

const [database] = process.argv.slice(2);
await (database === undefined ? watch() : work(database));
