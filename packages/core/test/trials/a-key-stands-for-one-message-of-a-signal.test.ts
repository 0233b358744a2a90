// A sender's key stands for one message of one signal: another signal is another message, another value is refused.
import { expect, test } from "bun:test";
import { Run, Signal, Step, Workflow } from "../../src/index.ts";
import { setup } from "../kit/world.ts";
import { thrown } from "../face/scene.ts";

const paid = Signal.define("paid");
const receipt = Signal.define<string>("receipt");
const go = Signal.define("go");

const flow = Workflow.define({ name: "flow" }, async (ctx) => {
  await Step.wait(ctx, go);
  const both = [await Step.wait(ctx, paid, { timeout: "1s" }), await Step.wait(ctx, receipt, { timeout: "1s" })];
  await Step.wait(ctx, go);
  return [...both, await Step.wait(ctx, paid, { timeout: "1s" })];
});

test("two signals with one key are both kept", async () => {
  const world = setup();
  const run = await Workflow.start(await world.open([flow]), flow);
  await Signal.send(run, paid, 10, { key: "event-1" });
  await Signal.send(run, receipt, "r-10", { key: "event-1" });
  for (const key of ["1", "2"]) await Signal.send(run, go, null, { key });
  expect(await world.result(run)).toEqual([10, "r-10", undefined]);
});

test("the same value again is one message, another value is refused, before it is taken and after", async () => {
  const world = setup();
  const run = await Workflow.start(await world.open([flow]), flow);
  const send = (value: unknown) => Signal.send(run, paid, value, { key: "event-1" });
  await send({ sum: 10, by: "card" });
  const again = async () => {
    await send({ by: "card", sum: 10 });
    expect(await thrown(send({ sum: 11, by: "card" }))).toMatchObject({
      code: "signal_conflict",
      data: { run: run.id, signal: "paid", key: "event-1" },
    });
  };
  await again();
  await Signal.send(run, go, null);
  await world.clock.advance(5_000);
  await again();
  await Signal.send(run, go, null);
  expect(await world.result(run)).toEqual([{ sum: 10, by: "card" }, undefined, undefined]);
});

test("two processes that send two values under one key at once: one is kept, the other is refused", async () => {
  const world = setup();
  const [one, two] = [await world.open([flow]), await world.open([flow], { execute: false })];
  const run = await Workflow.start(one, flow);
  const sent = await Promise.allSettled(
    [one, two].map((runtime, value) => Signal.send(Run.of(runtime, run.id), paid, value, { key: "event-1" })),
  );
  expect(sent.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  const kept = sent.findIndex(({ status }) => status === "fulfilled");
  for (const key of ["1", "2"]) await Signal.send(run, go, null, { key });
  expect(await world.result(run)).toEqual([kept, undefined, undefined]);
});

test("a signal without a value conflicts with one that has one", async () => {
  const world = setup();
  const run = await Workflow.start(await world.open([flow]), flow);
  await Signal.send(run, paid, undefined, { key: "k" });
  await Signal.send(run, paid, undefined, { key: "k" });
  expect((await thrown(Signal.send(run, paid, null, { key: "k" }))).code).toBe("signal_conflict");
});
