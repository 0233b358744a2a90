// Changed code and runs that are under way: refused when it does not fit, guarded by a patch, or beside it as a new version.
import { Context, Run, Runtime, Signal, Step, Workflow } from "@holdfast/core";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "holdfast-tour-"));
const database = `sqlite:${join(folder, "tour.db")}`;
const paid = Signal.define("paid");

// What was deployed first.
const old = Workflow.define({ name: "order" }, async (ctx) => {
  await Step.run(ctx, "reserve", () => "reserved");
  await Step.wait(ctx, paid);
  return Step.run(ctx, "ship", () => "shipped");
});

// A change that does not fit: runs that are past "reserve" never recorded a "check".
const careless = Workflow.define({ name: "order" }, async (ctx) => {
  await Step.run(ctx, "check", () => "checked");
  await Step.run(ctx, "reserve", () => "reserved");
  await Step.wait(ctx, paid);
  return Step.run(ctx, "ship", () => "shipped");
});

// The same change with a guard: true for runs that come here for the first time.
const guarded = Workflow.define({ name: "order" }, async (ctx) => {
  if (Context.patched(ctx, "check-first")) await Step.run(ctx, "check", () => "checked");
  await Step.run(ctx, "reserve", () => "reserved");
  await Step.wait(ctx, paid);
  return Step.run(ctx, "ship", () => "shipped");
});

// Or a version of its own: old runs end with the old code, new ones start with the new.
const second = Workflow.define({ name: "order", version: 2 }, async (ctx) => {
  await Step.wait(ctx, paid);
  return Step.run(ctx, "hand-over", () => "handed over");
});

const until = async (run: Run.Handle, status: Run.Status): Promise<void> => {
  while ((await Run.get(run)).status !== status) await Bun.sleep(5);
};
const keysOf = async (run: Run.Handle): Promise<string> =>
  (await Run.history(run)).flatMap(({ kind, key }) => (kind === "step" ? (key ?? []) : [])).join(" → ");

const first = await Runtime.open({ database, workflows: [old] });
await until(await Workflow.start(first, old, undefined, { id: "before" }), "waiting");
await Runtime.close(first);

const mistaken = await Runtime.open({ database, workflows: [careless] });
await Signal.send(Run.of(mistaken, "before"), paid, null);
await until(Run.of(mistaken, "before"), "blocked");
console.log((await Run.get(Run.of(mistaken, "before"))).reason?.message);
await Runtime.close(mistaken);

// The next deploy tries blocked runs again by itself.
const mended = await Runtime.open({ database, workflows: [guarded, second] });
const before = Run.of(mended, "before", guarded);
console.log("before:", await Run.result(before), "|", await keysOf(before));

const after = await Workflow.start(mended, guarded, undefined, { id: "after" });
await Signal.send(after, paid, null);
console.log("after:", await Run.result(after), "|", await keysOf(after));

const next = await Workflow.start(mended, second, undefined, { id: "next" });
await Signal.send(next, paid, null);
console.log("next:", await Run.result(next), "| version", (await Run.get(next)).version);
await Runtime.close(mended);
rmSync(folder, { recursive: true, force: true });
