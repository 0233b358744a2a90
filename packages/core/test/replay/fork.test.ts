// A fork has a past that is another run's: what was under way there is begun anew here.
import { expect, test } from "bun:test";
import { Context, Run, Signal, Step, Workflow } from "../../src/index.ts";
import { setup } from "../kit/world.ts";

const go = Signal.define<string>("go");

test("a run forked while a child was under way has a child of its own", async () => {
  const world = setup();
  const child = Workflow.define<number, number>({ name: "child" }, async (ctx, n) => {
    await Step.sleep(ctx, "nap", "1d");
    return n * 2;
  });
  const parent = Workflow.define({ name: "parent" }, async (ctx) => {
    const called = Step.call(ctx, child, 4);
    await Step.run(ctx, "a", () => 1);
    await Step.run(ctx, "b", () => 1);
    return called;
  });
  const runtime = await world.open([parent, child]);
  const run = await Workflow.start(runtime, parent, undefined, { id: "first" });
  await world.clock.advance(1_000);
  const forked = await Run.fork(run, { from: "b", id: "second" });
  await world.clock.advance(2 * 86_400_000);
  expect(await Run.result(run)).toBe(8);
  expect((await Run.get(forked)).status).toBe("completed");
  expect(await Run.result(forked)).toBe(8);
});

test("a fork does again what came after, and nothing of what came before", async () => {
  const world = setup();
  const begun: string[] = [];
  const does = (name: string) => (): string => {
    begun.push(name);
    return name;
  };
  const workflow = Workflow.define({ name: "w" }, async (ctx) => {
    const [a] = await Promise.all([Step.run(ctx, "a", does("a")), Step.sleep(ctx, "nap", "1h")]);
    const word = await Step.wait(ctx, go);
    const b = await Step.run(ctx, "b", does("b"));
    return [a, word, b, await Step.run(ctx, "c", does("c"))];
  });
  const runtime = await world.open([workflow]);
  const run = await Workflow.start(runtime, workflow);
  await Signal.send(run, go, "on");
  expect(await world.result(run)).toEqual(["a", "on", "b", "c"]);
  begun.length = 0;
  expect(await world.result(await Run.fork(run, { from: "b" }))).toEqual(["a", "on", "b", "c"]);
  expect(begun).toEqual(["b", "c"]);
});

test("a fork from behind a cancel that the body went on after walks the same way; one from before it knows of no cancel", async () => {
  const world = setup();
  const begun: string[] = [];
  const does = (name: string) => (): void => void begun.push(name);
  const workflow = Workflow.define({ name: "w" }, async (ctx) => {
    await Step.run(ctx, "first", does("first"));
    const waited = await Promise.allSettled([Step.wait(ctx, go)]);
    await Context.shield(ctx, async (shielded) => {
      await Step.run(shielded, "tidy", does("tidy"));
      await Step.run(shielded, "tell", does("tell"));
    });
    return waited[0].status;
  });
  const runtime = await world.open([workflow]);
  const run = await Workflow.start(runtime, workflow);
  await world.clock.settle();
  await Run.cancel(run);
  expect(await world.result(run)).toBe("rejected");
  expect(begun).toEqual(["first", "tidy", "tell"]);
  begun.length = 0;

  expect(await world.result(await Run.fork(run, { from: "tell" }))).toBe("rejected");
  expect(begun).toEqual(["tell"]);
  begun.length = 0;

  const anew = await Run.fork(run, { from: "first" });
  await Signal.send(anew, go, "on");
  expect(await world.result(anew)).toBe("fulfilled");
  expect(begun).toEqual(["first", "tidy", "tell"]);
});
