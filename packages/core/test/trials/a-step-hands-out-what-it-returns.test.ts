// What docs/workflows.md says of variables of the body: what a function writes there is lost in a replay, what it returns is not.
import { expect, test } from "bun:test";
import { Step, Workflow } from "../../src/index.ts";
import { setup } from "../kit/world.ts";

const prices = [1, 2, 3];

test.each([
  [1_000, 6],
  [0, 0],
])("with %p hot runs, what functions wrote comes to %p and what they returned to 6", async (hot, written) => {
  const world = setup();
  const wrong = Workflow.define({ name: "wrong" }, async (ctx) => {
    let total = 0;
    for (const price of prices) await Step.run(ctx, "add", () => void (total += price));
    await Step.sleep(ctx, "pause", "1m");
    return total;
  });
  const right = Workflow.define({ name: "right" }, async (ctx) => {
    let total = 0;
    for (const price of prices) total += await Step.run(ctx, "add", () => price);
    await Step.sleep(ctx, "pause", "1m");
    return total;
  });
  const runtime = await world.open([wrong, right], { hot });
  expect(await world.result(await Workflow.start(runtime, wrong))).toBe(written);
  expect(await world.result(await Workflow.start(runtime, right))).toBe(6);
});
