// A deploy in progress: old and new code run side by side on one file.
import { expect, test } from "bun:test";
import { Run, Step, Workflow } from "../../src/index.ts";
import { share } from "../engine/shared.ts";

const name = "rolled-out";
const before = Workflow.define({ name }, async (ctx) => {
  await Step.run(ctx, "old", () => 1);
  await Step.sleep(ctx, "nap", "20s");
  return "old code";
});
const after = Workflow.define({ name }, async (ctx) => {
  await Step.run(ctx, "new", () => 1);
  await Step.sleep(ctx, "nap", "20s");
  return "new code";
});

test("a run that an old process blocked is taken by a new one that is running already", async () => {
  const { open } = share();
  const held = Promise.withResolvers<void>();
  const hold = Workflow.define({ name: "hold" }, (ctx) => Step.run(ctx, "hold", () => held.promise));
  const fresh = await open([after, hold], { lease: 6_000, concurrency: 1 });
  const run = await Workflow.start(fresh.runtime, after, undefined, { id: "one" });
  await fresh.clock.advance(100);
  expect((await Run.get(run)).status).toBe("waiting");

  await Workflow.start(fresh.runtime, hold);
  const stale = await open([before], { lease: 6_000, clock: fresh.clock });
  await Run.pause(run);
  await Run.resume(Run.of(stale.runtime, "one"));
  await fresh.clock.advance(2_000);
  expect((await Run.get(run)).status).toBe("blocked");

  held.resolve();
  await fresh.clock.advance(3_000);
  expect((await Run.get(run)).status).toBe("waiting");
  await fresh.clock.advance(20_000);
  expect(await Run.result(run)).toBe("new code");
});
