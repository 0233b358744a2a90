// Looks into the mailbox of a run: whatever keeps one of them waiting, a message is given to the body once.
import type { Statement } from "bun:sqlite";
import { expect, test } from "bun:test";
import { Run, Signal, Step, Workflow } from "../../src/index.ts";
import { until } from "../kit/until.ts";
import { setup, type World } from "../kit/world.ts";
import { story } from "../face/scene.ts";

const red = Signal.define<string>("red");
const blue = Signal.define<string>("blue");

/** Another process holds the lock when the mailbox is asked for messages of a name for the second time. */
const lockSecondLook = ({ client }: World, name: string): { readonly looks: () => number } => {
  const prepare = client.prepare.bind(client);
  let looks = 0;
  const locking = (text: string): unknown => {
    const statement = prepare(text) as Statement;
    if (!/^select .* from "holdfast_signals" .*"taken_at" is null/.test(text)) return statement;
    return {
      values: (...bindings: string[]) => {
        if (bindings.includes(name) && ++looks === 2) throw Object.assign(new Error("locked"), { code: "SQLITE_BUSY" });
        return statement.values(...bindings);
      },
      finalize: () => statement.finalize(),
    };
  };
  client.prepare = locking as typeof client.prepare;
  return { looks: () => looks };
};

test("a message that is being taken while a look is kept waiting is not found by that look again", async () => {
  const world = setup();
  const lock = lockSecondLook(world, "blue");
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    await Step.sleep(ctx, "nap", "1h");
    return Promise.all([Step.wait(ctx, red), Step.wait(ctx, blue), Step.wait(ctx, red)]);
  });
  const run = await Workflow.start(await world.open([flow]), flow);
  await Signal.send(run, red, "once");
  await world.clock.advance(3_600_500);
  await until("the mailbox was looked into", () => lock.looks() >= 3);
  await world.clock.settle();
  expect((await story(run)).filter((line) => line.startsWith("taken"))).toEqual(["taken red"]);
  await Signal.send(run, blue, "b");
  await Signal.send(run, red, "twice");
  await until("the run is at its end", async () => {
    await world.clock.advance(100);
    return (await Run.get(run)).status === "completed";
  });
  expect(await Run.result(run)).toEqual(["once", "b", "twice"]);
});
