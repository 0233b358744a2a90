import { expect, test } from "bun:test";
import { Run, Step, Workflow } from "../src/index.ts";
import { setup } from "./kit/world.ts";

const nap = Workflow.define({ name: "nap" }, async (ctx, n: number) => {
  const a = await Step.run(ctx, "a", () => n + 1);
  await Step.sleep(ctx, "nap", "3d");
  return a + (await Step.run(ctx, "b", () => 1));
});

test("a run goes on after a crash from its last recorded step", async () => {
  const world = setup();
  const first = await world.open([nap]);
  const run = await Workflow.start(first, nap, 1, { id: "one" });
  await world.clock.advance(1_000);
  expect((await Run.get(run)).status).toBe("waiting");
  await world.crash(first);
  const second = await world.open([nap]);
  expect(await world.result(Run.of(second, "one", nap))).toBe(3);
});
