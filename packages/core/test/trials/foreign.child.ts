// A rejection that belongs to no run: `foreign.child.ts <database or "without"> <how>`. Without Holdfast it is the control.
import { Run, Runtime, Step, Workflow } from "../../src/index.ts";
import { fail } from "./foreign.ts";

const [database = "", how = ""] = process.argv.slice(2);
const workflow = Workflow.define({ name: "work" }, async (ctx) => {
  await Step.run(ctx, "once", () => 1);
  // Rejected in the same task as the other one, ahead of it and after it.
  if (how.includes("beside")) {
    const begun = (async () => Step.run(ctx, "bad", () => Promise.reject(new Error("of a run")), { retry: { attempts: 1 } }))();
    const derived = begun.then(() => 1);
    await Step.sleep(ctx, "meanwhile", "1h");
    await derived;
  }
});
const open = (name = ""): Promise<Runtime.Runtime> =>
  Runtime.open({ database: name === "" ? database : "sqlite::memory:", workflows: [workflow] });

const runtimes: Runtime.Runtime[] = [];
if (database !== "without") {
  runtimes.push(await open());
  if (how.includes("two")) runtimes.push(await open("second"));
  for (const runtime of runtimes) {
    const run = await Workflow.start(runtime, workflow);
    if (!how.includes("beside")) await Run.result(run);
  }
  if (how.includes("closed")) for (const runtime of runtimes) await Runtime.close(runtime);
  if (how.includes("one left") && runtimes[0]) await Runtime.close(runtimes[0]);
}
const server = how.includes("serve")
  ? Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("here") })
  : undefined;
const hear = (error: unknown): void => console.log("heard", (error as Error).message ?? error);
if (how.includes("listener")) process.on("unhandledRejection", hear);
if (how.includes("once")) process.once("unhandledRejection", hear);
if (how.includes("closed") || how.includes("counted")) {
  await Bun.sleep(50);
  console.log("listeners", process.listenerCount("unhandledRejection"));
}
setTimeout(() => fail(how), 100);
// Bun may let a process go on for a while before it ends it. Here it ends by itself, with the exit code that Bun has set.
setTimeout(() => void Promise.all([server?.stop(true), ...runtimes.map((runtime) => Runtime.close(runtime))]), 600);
