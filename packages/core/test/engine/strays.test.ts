// Runs that are ours in the database and not in memory: given back once, and not executed here as well when they arrive after all.
import { expect, test } from "bun:test";
import { engineOf } from "../../src/engine/opened.ts";
import { Run, Step, Workflow, type Runtime } from "../../src/index.ts";
import { rest } from "../face/scene.ts";
import { share, together } from "./shared.ts";

/** Keeps the history of every run from the runtime until it is let through. */
const holdHistory = (runtime: Runtime.Runtime): (() => void) => {
  const { history } = engineOf(runtime).store;
  const { readFirst } = history;
  const gate = Promise.withResolvers<void>();
  const held = (...of: Parameters<typeof readFirst>) => readFirst(...of).then((rows) => gate.promise.then(() => rows));
  Object.assign(history, { readFirst: held });
  return gate.resolve;
};

test("a run whose history came so late that it was given back is not executed by both", async () => {
  const shared = share();
  let calls = 0;
  const flow = Workflow.define({ name: "flow" }, (ctx) => Step.run(ctx, "work", () => ++calls));
  const slow = await shared.open([flow], { lease: 3_000 });
  const letThrough = holdHistory(slow.runtime);
  const run = await Workflow.start(slow.runtime, flow, undefined, { delay: 100 });
  await together([slow.clock], 2_000);
  const other = await shared.open([flow], { lease: 3_000 });
  await together([slow.clock, other.clock], 4_000);
  expect((await Run.get(Run.of(other.runtime, run.id))).status).toBe("completed");
  letThrough();
  await rest();
  await together([slow.clock, other.clock], 1_000);
  expect(calls).toBe(1);
});
