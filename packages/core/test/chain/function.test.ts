import { expect, test } from "bun:test";
import { Run, Signal, Step, Workflow } from "../../src/index.ts";
import { setup } from "../kit/world.ts";
import { approved, fulfilWith, Order } from "./fulfil.ts";

/** The chain of the design as a function. */
const fulfil = Workflow.define({ name: "fulfil-order", version: 1, input: Order }, async (ctx, order) => {
  const hold = await Step.run(ctx, "hold", () => ({ held: order.lines.length }), { undo: () => {} });
  const payment = await Step.run(ctx, "payment", () => ({ flagged: order.amount > 100, hold: hold.held }));
  const answer = payment.flagged ? await Step.wait(ctx, approved, { name: "approval", timeout: "3d" }) : undefined;
  await Step.sleep(ctx, "cooling-off", "1h");
  const [label] = await Promise.all([
    Step.run(ctx, "label", () => ({ tracking: `t-${order.id}` })),
    Step.run(ctx, "mail", () => {}),
  ]);
  return { tracking: label.tracking, by: answer?.by };
});

const shapes = async (run: Run.Handle): Promise<unknown[]> =>
  (await Run.history(run)).map(({ kind, key, attempt, due }) => [kind, key, attempt, due]);

test("a chain writes the same history as the function of the same steps", async () => {
  const order = { id: "o", lines: ["tea"], amount: 500 };
  const histories: unknown[] = [];
  for (const workflow of [fulfil, fulfilWith([])]) {
    const world = setup();
    const runtime = await world.open([workflow]);
    const run = await Workflow.start(runtime, workflow, order, { id: "one" });
    await world.clock.advance(5_000);
    await Signal.send(run, approved, { by: "Ada" });
    expect(await world.result(run)).toEqual({ tracking: "t-o", by: "Ada" });
    histories.push(await shapes(run));
  }
  expect(histories[1]).toEqual(histories[0]);
});

test("a run that the function began goes on as the chain", async () => {
  const world = setup();
  const first = await world.open([fulfil]);
  await Workflow.start(first, fulfil, { id: "o", lines: ["tea"] }, { id: "one" });
  await world.clock.advance(1_000);
  await world.crash(first);
  const said: string[] = [];
  const chain = fulfilWith(said);
  const second = await world.open([chain]);
  expect(await world.result(Run.of(second, "one", chain))).toEqual({ tracking: "t-o", by: undefined });
  expect(said).toEqual(["label", "mail o"]);
});
