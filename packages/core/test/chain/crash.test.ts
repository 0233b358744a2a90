import { expect, test } from "bun:test";
import { Run, Signal, Step, Workflow } from "../../src/index.ts";
import { setup } from "../kit/world.ts";
import { approved, failureOf, fulfilWith, keysOf } from "./fulfil.ts";

test("a chain goes on after a crash from its last recorded step", async () => {
  const world = setup();
  const said: string[] = [];
  const fulfil = fulfilWith(said);
  const first = await world.open([fulfil]);
  const run = await Workflow.start(first, fulfil, { id: "o", lines: ["tea"], amount: 500 }, { id: "one" });
  await world.clock.advance(1_000);
  expect(said).toEqual(["hold", "charge one/payment"]);
  await world.crash(first);

  const second = await world.open([fulfil]);
  await Signal.send(Run.of(second, "one"), approved, { by: "Ada" });
  await world.clock.advance(1_000);
  await world.crash(second);

  const third = await world.open([fulfil]);
  expect(await world.result(Run.of(third, "one", fulfil))).toEqual({ tracking: "t-o", by: "Ada" });
  expect(said).toEqual(["hold", "charge one/payment", "label", "mail o"]);
  expect(await keysOf(Run.of(third, run.id))).toEqual(["hold", "payment", "approval", "cooling-off", "label", "mail"]);
});

test("after a crash only the branches and items without a record run again, with the same keys", async () => {
  const world = setup();
  const said: string[] = [];
  const hang = { on: true };
  const work = (name: string, key: string): unknown => {
    said.push(key);
    return name === "y" && hang.on ? new Promise(() => {}) : `${name}!`;
  };
  const chain = Workflow.chain<readonly string[]>({ name: "spread" })
    .map(
      "items",
      ({ input }) => input,
      (item, _, { key }) => work(item, key),
    )
    .parallel({ x: (_, { key }) => work("x", key), y: (_, { key }) => work("y", key) })
    .output();
  const first = await world.open([chain]);
  await Workflow.start(first, chain, ["x", "y", "z"], { id: "s" });
  await world.clock.settle();
  expect(said.splice(0).toSorted()).toEqual(["s/items[0]", "s/items[1]", "s/items[2]"]);
  await world.crash(first);

  hang.on = false;
  const second = await world.open([chain]);
  await world.clock.settle();
  const all = { items: ["x!", "y!", "z!"], x: "x!", y: "y!" };
  expect(await world.result(Run.of(second, "s", chain))).toEqual(all);
  expect(said.toSorted()).toEqual(["s/items[1]", "s/x", "s/y"]);
});

test("a crash between undos goes on with the next undo, which sees the same results", async () => {
  const world = setup();
  const undone: unknown[] = [];
  const hang = { on: true };
  const chain = Workflow.chain({ name: "undoes" })
    .step("a", () => ({ at: new Date(5) }), {
      undo: ({ a }) => (undone.push(a.at.getTime()), hang.on ? new Promise(() => {}) : undefined),
    })
    .step("b", () => [1], { undo: ({ b }) => undone.push(b) })
    .step("bad", () => Promise.reject(new Error("no")), { retry: { attempts: 1 } })
    .output();
  const first = await world.open([chain]);
  await Workflow.start(first, chain, undefined, { id: "u" });
  await world.clock.settle();
  expect(undone).toEqual([[1], 5]);
  await world.crash(first);
  hang.on = false;
  const second = await world.open([chain]);
  expect(await failureOf(world.result(Run.of(second, "u", chain)))).toMatchObject({ code: "run_failed" });
  expect(undone).toEqual([[1], 5, 5]);
});

test("a crash finds the same child again", async () => {
  const world = setup();
  let children = 0;
  const child = Workflow.define({ name: "child" }, async (ctx, n: number) => {
    await Step.run(ctx, "count", () => void children++);
    await Step.sleep(ctx, "nap", "1d");
    return n * 2;
  });
  const chain = Workflow.chain<number>({ name: "parent" })
    .call("twice", child, ({ input }) => input)
    .output(({ twice }) => twice);
  const first = await world.open([chain, child]);
  await Workflow.start(first, chain, 4, { id: "p" });
  await world.clock.advance(1_000);
  await world.crash(first);
  const second = await world.open([chain, child]);
  expect(await world.result(Run.of(second, "p", chain))).toBe(8);
  expect(children).toBe(1);
});
