// The reason of a quarantine names the step that was running when the process died, not one that is recorded.
import { expect, test } from "bun:test";
import { Run, Step, Workflow } from "../../src/index.ts";
import { setup } from "../kit/world.ts";

const never = (): Promise<never> => new Promise(() => {});

const untilPutAside = async (
  flow: Workflow.Definition<undefined>,
  { crashes, ms }: { readonly crashes: number; readonly ms: number },
): Promise<Run.View["reason"]> => {
  const world = setup();
  let runtime = await world.open([flow], { crashes });
  const { id } = await Workflow.start(runtime, flow, undefined);
  for (let crash = 0; crash <= crashes; crash++) {
    await world.clock.advance(ms);
    await world.crash(runtime);
    runtime = await world.open([flow], { crashes });
  }
  await world.clock.advance(500);
  return (await Run.get(Run.of(runtime, id))).reason;
};

test("a step that ran for long and is recorded is not named", async () => {
  const slow = Promise.withResolvers<number>();
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    await Step.run(ctx, "slow", () => slow.promise);
    return Step.run(ctx, "boom", never);
  });
  const world = setup();
  let runtime = await world.open([flow], { crashes: 1 });
  const { id } = await Workflow.start(runtime, flow);
  await world.clock.advance(3_000);
  slow.resolve(1);
  await world.clock.settle();
  expect((await Run.history(Run.of(runtime, id))).map(({ kind }) => kind)).toContain("running");
  for (let crash = 0; crash < 2; crash++) {
    await world.clock.advance(500);
    await world.crash(runtime);
    runtime = await world.open([flow], { crashes: 1 });
  }
  await world.clock.advance(500);
  const { reason } = await Run.get(Run.of(runtime, id));
  expect(reason).toMatchObject({ code: "quarantined", step: null });
  expect(reason?.message).not.toContain("slow");
});

test("the step that was running is named after five crashes, and so are two that ran at once", async () => {
  const one = Workflow.define({ name: "one" }, async (ctx) => {
    await Step.run(ctx, "fine", () => 1);
    await Step.run(ctx, "boom", never);
  });
  const two = Workflow.define({ name: "two" }, async (ctx) => {
    await Promise.all([Step.run(ctx, "left", never), Step.run(ctx, "right", never)]);
  });
  expect(await untilPutAside(one, { crashes: 5, ms: 500 })).toMatchObject({ code: "quarantined", step: "boom" });
  const reason = await untilPutAside(two, { crashes: 5, ms: 500 });
  expect(reason).toMatchObject({ code: "quarantined", steps: ["left", "right"] });
  expect(reason?.message).toContain('in step "left" or "right"');
});
