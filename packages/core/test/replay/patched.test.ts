// Context.patched: runs that passed the place with the old code keep to it, others take the new one, after any crash the same.
import { expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import type { Runtime } from "../../src/index.ts";
import { Context, Run, Signal, Step, Workflow } from "../../src/index.ts";
import { setup, type World } from "../kit/world.ts";

const go = Signal.define<string>("go");
type Body = (ctx: Context.Context) => Promise<unknown>;

const word = (ctx: Context.Context, name: string): Promise<string> => Step.run(ctx, name, () => name);

const before: Body = async (ctx) => [
  await word(ctx, "first"),
  await word(ctx, "old"),
  await Step.wait(ctx, go),
  await word(ctx, "last"),
];

const after: Body = async (ctx) => [
  await word(ctx, "first"),
  ...(Context.patched(ctx, "better") ? [await word(ctx, "new"), await word(ctx, "newer")] : [await word(ctx, "old")]),
  await Step.wait(ctx, go),
  Context.patched(ctx, "better") ? "new" : "old",
  await word(ctx, "last"),
];

const define = (body: Body): Workflow.Definition<undefined> => Workflow.define({ name: "changing" }, body);

const crashed = async (world: World, runtime: Runtime.Runtime, body: Body): Promise<Runtime.Runtime> => {
  await world.crash(runtime);
  await world.ask(sql`update holdfast_runs set wake_at = 0 where ended_at is null`);
  const next = await world.open([define(body)]);
  await world.clock.settle();
  return next;
};

const finish = async (world: World, runtime: Runtime.Runtime, id: string): Promise<unknown> => {
  await Signal.send(Run.of(runtime, id), go, "on");
  return world.result(Run.of(runtime, id));
};

test("an old run takes the old branch, a new one the new, and a crash changes nothing", async () => {
  const world = setup();
  let runtime = await world.open([define(before)]);
  await Workflow.start(runtime, define(before), undefined, { id: "old" });
  await world.clock.settle();
  runtime = await crashed(world, runtime, after);
  await Workflow.start(runtime, define(after), undefined, { id: "new" });
  await world.clock.settle();
  for (let crashes = 0; crashes < 3; crashes++) runtime = await crashed(world, runtime, after);
  expect(await finish(world, runtime, "old")).toEqual(["first", "old", "on", "old", "last"]);
  expect(await finish(world, runtime, "new")).toEqual(["first", "new", "newer", "on", "new", "last"]);
  expect((await Run.history(Run.of(runtime, "old"))).some(({ kind }) => kind === "patched")).toBe(false);
  expect((await Run.history(Run.of(runtime, "new"))).filter(({ kind }) => kind === "patched")).toHaveLength(1);
});

test("an old run that had not come to the place yet takes the new branch", async () => {
  const world = setup();
  const early: Body = async (ctx) => [await Step.wait(ctx, go, { name: "early" }), ...((await before(ctx)) as unknown[])];
  const late: Body = async (ctx) => [await Step.wait(ctx, go, { name: "early" }), ...((await after(ctx)) as unknown[])];
  let runtime = await world.open([define(early)]);
  await Workflow.start(runtime, define(early), undefined, { id: "run" });
  await world.clock.settle();
  runtime = await crashed(world, runtime, late);
  await Signal.send(Run.of(runtime, "run"), go, "early");
  await world.clock.settle();
  runtime = await crashed(world, runtime, late);
  expect(await finish(world, runtime, "run")).toEqual(["early", "first", "new", "newer", "on", "new", "last"]);
});

test("the choice in a branch does not depend on how far another branch had come", async () => {
  const world = setup();
  const branch = async (own: Context.Context, n: number, patched: boolean): Promise<unknown> => {
    await Step.sleep(own, "nap", n * 60_000);
    const isNew = patched && Context.patched(own, `better ${n}`);
    return [await word(own, isNew ? "new" : "old"), await Step.wait(own, go, { name: "rest" })];
  };
  const body =
    (patched: boolean): Body =>
    (ctx) =>
      Step.map(ctx, "each", [1, 60], (own, n) => branch(own, n, patched));
  let runtime = await world.open([define(body(false))]);
  await Workflow.start(runtime, define(body(false)), undefined, { id: "run" });
  await world.clock.advance(120_000);
  runtime = await crashed(world, runtime, body(true));
  await world.clock.advance(3_600_000);
  runtime = await crashed(world, runtime, body(true));
  for (const n of [1, 2]) await Signal.send(Run.of(runtime, "run"), go, `${n}`);
  expect(await world.result(Run.of(runtime, "run"))).toEqual([
    ["old", "1"],
    ["new", "2"],
  ]);
});

test("a patch that is taken out of the code again does not stop runs that have passed it", async () => {
  const world = setup();
  let runtime = await world.open([define(after)]);
  await Workflow.start(runtime, define(after), undefined, { id: "run" });
  await world.clock.settle();
  const cleaned: Body = async (ctx) => [
    await word(ctx, "first"),
    await word(ctx, "new"),
    await word(ctx, "newer"),
    await Step.wait(ctx, go),
  ];
  runtime = await crashed(world, runtime, cleaned);
  expect(await finish(world, runtime, "run")).toEqual(["first", "new", "newer", "on"]);
});

test("two versions of a workflow run side by side", async () => {
  const world = setup();
  const one = Workflow.define({ name: "changing", version: 1 }, before);
  const two = Workflow.define({ name: "changing", version: 2 }, async (ctx) => [
    await word(ctx, "all new"),
    await Step.wait(ctx, go),
  ]);
  const first = await world.open([one]);
  await Workflow.start(first, one, undefined, { id: "old" });
  await world.clock.settle();
  await world.crash(first);
  const second = await world.open([one, two]);
  await Workflow.start(second, two, undefined, { id: "new" });
  expect(await finish(world, second, "old")).toEqual(["first", "old", "on", "last"]);
  expect(await finish(world, second, "new")).toEqual(["all new", "on"]);
});
