// A database that is exchanged for one with an older past between two questions about a run.
import { expect, test } from "bun:test";
import { engineOf } from "../../src/engine/opened.ts";
import { Run, Step, Workflow } from "../../src/index.ts";
import { setup } from "../kit/world.ts";

test("a last record that is no end is no result: the run is asked for anew", async () => {
  const world = setup();
  const flow = Workflow.define({ name: "flow" }, (ctx) => Step.run(ctx, "only", () => 7));
  const runtime = await world.open([flow]);
  const run = await Workflow.start(runtime, flow);
  expect(await world.result(run)).toBe(7);
  const { history } = engineOf(runtime).store;
  const { last } = history;
  let asked = 0;
  Object.assign(history, {
    last: async (key: number) => (asked++ === 0 ? (await history.read(key, -1, 2))[1] : last(key)),
  });
  expect(await Run.result(run)).toBe(7);
  expect(asked).toBe(2);
});
