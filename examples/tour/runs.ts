// Runs: finding them, looking at them, following them, and a person's word on them.
import { Fault, Run, Runtime, Signal, Step, Workflow } from "@holdfast/core";

const go = Signal.define("go");
let printerWorks = false;

const print = Workflow.define({ name: "print" }, async (ctx, pages: number) => {
  const prepared = await Step.run(ctx, "prepare", () => `${pages} pages`);
  await Step.wait(ctx, go);
  return Step.run(ctx, "print", () => {
    if (!printerWorks) throw Fault.fatal("no paper");
    return `printed ${prepared}`;
  });
});

const until = async (run: Run.Handle, status: Run.Status): Promise<void> => {
  while ((await Run.get(run)).status !== status) await Bun.sleep(5);
};

const runtime = await Runtime.open({ database: "sqlite::memory:", workflows: [print] });
const run = await Workflow.start(runtime, print, 3, { id: "p-1", tags: ["office"] });
await until(run, "waiting");

console.log("## get");
const { id, workflow, version, status, input, progress, tags } = await Run.get(run);
console.log({ id, workflow, version, status, input, tags });
console.log(`${progress.done} done, the last is ${progress.last}, waiting for ${progress.pending[0]?.key}`);

console.log("## list");
for (const pages of [1, 2]) await until(await Workflow.start(runtime, print, pages, { id: `small-${pages}` }), "waiting");
const page = await Run.list(runtime, { workflow: "print", status: ["waiting", "running"], limit: 2 });
console.log("newest first:", page.runs.map(({ id }) => id).join(", "));
const rest = await Run.list(runtime, { workflow: "print", limit: 2, ...(page.next !== undefined && { after: page.next }) });
console.log("next page:", rest.runs.map(({ id }) => id).join(", "));
console.log("by tag:", (await Run.list(runtime, { tag: "office" })).runs.map(({ id }) => id).join(", "));

console.log("## pause, resume");
await Run.pause(run);
await until(run, "paused");
await Signal.send(run, go, null); // kept until it goes on
await Bun.sleep(20);
console.log("still", (await Run.get(run)).status);
await Run.resume(run);

console.log("## result");
await Run.result(run).catch((error: Error) => console.log(error.message));
await Run.resume(run).catch((error: unknown) => console.log("resume:", Fault.is(error) && error.code));

console.log("## retry: what is recorded stays, the failed step is tried again");
printerWorks = true;
await Run.retry(run);
console.log(await Run.result(run));

console.log("## history");
for (const { kind, key, value } of await Run.history(run)) console.log(kind, key ?? "-", JSON.stringify(value));

console.log("## fork: a new run with everything recorded before a step");
const copy = await Run.fork(run, { from: "print", id: "p-1-again" });
console.log(copy.id, "|", await Run.result(copy));

console.log("## watch");
const watched = Run.of(runtime, "small-2", print);
const watching = (async () => {
  for await (const change of Run.watch(watched)) {
    if (change.kind === "record") console.log("record", change.record.kind, change.record.key ?? "-");
    else if (change.status === "completed") console.log("status", change.status);
  }
})();
await Signal.send(watched, go, null);
await watching;

console.log("## cancel");
const cancelled = Run.of(runtime, "small-1");
await Run.result(cancelled, { timeout: "10ms" }).catch((error: unknown) => console.log("result:", Fault.is(error) && error.code));
await Run.cancel(cancelled, "nobody needs it");
await Run.result(cancelled).catch((error: Error) => console.log(error.message));
await Run.cancel(cancelled).catch((error: unknown) => console.log("again:", Fault.is(error) && error.code));
await Runtime.close(runtime);
