// A client and a worker: two processes on one file. The client starts and reads runs, the worker executes them.
import { Run, Runtime, Signal, Step, Workflow } from "@holdfast/core";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const name = Signal.define<string>("name");
const greet = Workflow.define({ name: "greet" }, async (ctx) => {
  const who = await Step.wait(ctx, name);
  return Step.run(ctx, "greet", () => ({ text: `Hello, ${who}!`, pid: process.pid }));
});

const work = async (database: string): Promise<void> => {
  const runtime = await Runtime.open({ database, workflows: [greet] });
  process.once("SIGTERM", () => void Runtime.close(runtime).then(() => process.exit(0)));
};

const greeting = Workflow.declare<undefined, { readonly text: string; readonly pid: number }>({ name: "greet" });

const ask = async (database: string): Promise<void> => {
  await using client = await Runtime.open({ database, execute: false });
  const run = await Workflow.start(client, greeting, undefined, { id: "g-1" });
  console.log("nobody executes it yet:", (await Run.get(run)).status);

  const worker = Bun.spawn([process.execPath, import.meta.path, database], { stdout: "inherit", stderr: "inherit" });
  await Signal.send(run, name, "Ada");
  const { text, pid } = await Run.result(run);
  console.log(text, "| by the worker:", pid === worker.pid, "| by this process:", pid === process.pid);

  worker.kill("SIGTERM");
  console.log("the worker ended with", await worker.exited);
};

const [database] = process.argv.slice(2);
if (database !== undefined) await work(database);
else {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-tour-"));
  await ask(`sqlite:${join(folder, "tour.db")}`);
  rmSync(folder, { recursive: true, force: true });
}
