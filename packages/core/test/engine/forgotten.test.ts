// A step that nobody awaits: it is said, and nothing of it is run.
import { expect, test } from "bun:test";
import { Run, Step, Workflow } from "../../src/index.ts";
import { listening, setup } from "../kit/world.ts";

test("a body that ends without awaiting a step is warned of, with the workflow and the step", async () => {
  const world = setup();
  const { logger, lines } = listening("warn");
  let ran = false;
  const flow = Workflow.define({ name: "hasty" }, async (ctx) => {
    await Step.run(ctx, "awaited", () => 1);
    void Step.run(ctx, "forgotten", () => {
      ran = true;
    });
    return "done";
  });
  const run = await Workflow.start(await world.open([flow], { logger }), flow);
  expect(await Run.result(run)).toBe("done");
  expect(ran).toBe(false);
  expect(lines).toMatchObject([{ workflow: "hasty", steps: ["forgotten"] }]);
});

test("the loser of a race is none", async () => {
  const world = setup();
  const { logger, lines } = listening("warn");
  const flow = Workflow.define({ name: "race" }, (ctx) =>
    Promise.race([Step.run(ctx, "quick", () => 1), Step.sleep(ctx, "slow", "1h")]),
  );
  await Run.result(await Workflow.start(await world.open([flow], { logger }), flow));
  expect(lines).toEqual([]);
});
