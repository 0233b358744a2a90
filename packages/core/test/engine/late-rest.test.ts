// A run that is laid to rest and claimed again before the answer to the rest arrives: the new execution keeps its place.
import { expect, test } from "bun:test";
import { engineOf } from "../../src/engine/opened.ts";
import { Run, Signal, Step, Workflow } from "../../src/index.ts";
import { setup } from "../kit/world.ts";

test("an answer to a rest that comes late does not push out the execution that has begun since", async () => {
  const world = setup();
  const go = Signal.define<number>("go");
  let begun = 0;
  const step = Promise.withResolvers<string>();
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    await Step.wait(ctx, go);
    return Step.run(ctx, "long", () => {
      begun++;
      return step.promise;
    });
  });
  const runtime = await world.open([flow]);
  const engine = engineOf(runtime);
  const { rest } = engine.store.runs;
  const late = Promise.withResolvers<void>();
  Object.assign(engine.store.runs, {
    rest: async (...of: Parameters<typeof rest>) => {
      const held = await rest(...of);
      await late.promise;
      return held;
    },
  });
  const run = await Workflow.start(runtime, flow);
  await world.clock.settle();
  await Signal.send(run, go, 1);
  engine.poke();
  await world.clock.settle();
  expect(begun).toBe(1);
  late.resolve();
  await world.clock.settle();
  const [execution] = engine.executing.values();
  expect(execution?.lease).toBe(2);
  step.resolve("done");
  expect(await world.result(run)).toBe("done");
  expect(await Run.result(run)).toBe("done");
  expect(begun).toBe(1);
});
