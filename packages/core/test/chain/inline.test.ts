// Context.chain: a part of a function's body said as a chain.
import { expect, test } from "bun:test";
import { Context, Run, Step, Workflow } from "../../src/index.ts";
import { setup } from "../kit/world.ts";

const ran: string[] = [];
const flow = Workflow.define({ name: "mixed" }, async (ctx, n: number) => {
  const first = await Step.run(ctx, "first", () => n + 1);
  const { double, label } = await Context.chain(ctx, first, (c) =>
    c
      .step("double", ({ input }) => input * 2)
      .sleep("nap", "1h")
      .step("label", ({ double }, { key }) => {
        ran.push(key);
        return `no. ${double}`;
      }),
  );
  return `${label} of ${double}`;
});

test("its results are typed and named, and a crash in its middle goes on after the last recorded step", async () => {
  const world = setup();
  const before = await world.open([flow]);
  await Workflow.start(before, flow, 1, { id: "one" });
  await world.clock.advance(1_000);
  await world.crash(before);
  const after = await world.open([flow]);
  const run = Run.of(after, "one", flow);
  expect(await world.result(run)).toBe("no. 4 of 4");
  expect(ran).toEqual(["one/label"]);
  const keys = (await Run.history(run)).flatMap(({ key }) => key ?? []);
  expect([...new Set(keys)]).toEqual(["first", "double", "nap", "label"]);
});

test("in a branch its keys begin with the branch's name", async () => {
  const world = setup();
  const branches = Workflow.define({ name: "branches" }, (ctx) =>
    Step.map(ctx, "item", ["a", "b"], (own, item) =>
      Context.chain(own, item, (c) => c.step("shout", ({ input }) => input.toUpperCase())),
    ),
  );
  const run = await Workflow.start(await world.open([branches]), branches);
  expect(await world.result(run)).toEqual([{ shout: "A" }, { shout: "B" }]);
  expect((await Run.history(run)).flatMap(({ key }) => key ?? [])).toEqual(["item[0]/shout", "item[1]/shout"]);
});
