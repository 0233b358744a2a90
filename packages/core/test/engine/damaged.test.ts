// Texts that the database no longer holds as they were written: the run that needs one is put aside with a reason, never left waiting.
import { expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { Context, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { setup, type World } from "../kit/world.ts";
import { thrown } from "../face/scene.ts";

const damaged = "~[";

const putAside = async (world: World, runtime: Runtime.Runtime, id: string): Promise<void> => {
  await world.clock.advance(10_000);
  const { status, reason } = await Run.get(Run.of(runtime, id));
  expect({ status, code: reason?.code }).toEqual({ status: "blocked", code: "invalid_value" });
  expect(await Runtime.check(runtime)).toEqual([]);
};

test("a run that takes a damaged signal is put aside", async () => {
  const world = setup();
  const word = Signal.define<string>("word");
  const flow = Workflow.define<undefined, unknown>({ name: "flow" }, async (ctx) => {
    await Step.sleep(ctx, "nap", "5s");
    return Step.wait(ctx, word);
  });
  const runtime = await world.open([flow]);
  const run = await Workflow.start(runtime, flow);
  await Signal.send(run, word, "w");
  await world.ask(sql`update holdfast_signals set value = ${damaged}`);
  await putAside(world, runtime, run.id);
});

/** A child at its end whose parent has not heard of it yet, and the parent's runtime. */
const ended = async (world: World, fails: boolean): Promise<Runtime.Runtime> => {
  const child = Workflow.define<undefined, number>({ name: "child" }, async (ctx) => {
    await Step.sleep(ctx, "nap", "2s");
    if (fails) throw new Error("no");
    return 1;
  });
  const flow = Workflow.define<undefined, unknown>({ name: "flow" }, (ctx) => Step.call(ctx, child));
  const first = await world.open([flow, child]);
  await Workflow.start(first, flow, undefined, { id: "parent" });
  await world.clock.advance(1_000);
  await world.crash(first);
  const between = await world.open([child]);
  await world.clock.advance(5_000);
  await world.crash(between);
  await world.ask(sql`update holdfast_history set value = ${damaged} where kind in ('completed', 'failed')`);
  return world.open([flow, child]);
};

test("a run whose child's output is damaged is put aside", async () => {
  const world = setup();
  await putAside(world, await ended(world, false), "parent");
});

test("a run whose child failed with a damaged error is told that it failed", async () => {
  const world = setup();
  const runtime = await ended(world, true);
  await world.clock.advance(10_000);
  expect((await thrown(Run.result(Run.of(runtime, "parent")))).cause.message).toContain("failed: unknown");
});

test("a run whose cancel is damaged is put aside, and does not keep out those that are claimed with it", async () => {
  const world = setup();
  const flow = Workflow.define<boolean, string>({ name: "flow" }, async (ctx, isCancelled) => {
    try {
      await Step.sleep(ctx, "nap", "5s");
    } finally {
      if (isCancelled) await Context.shield(ctx, (shielded) => Step.sleep(shielded, "clean up", "5s"));
    }
    return "slept";
  });
  const first = await world.open([flow]);
  const bad = await Workflow.start(first, flow, true, { id: "a-bad" });
  await Promise.all(["b", "c", "d"].map((id) => Workflow.start(first, flow, false, { id })));
  await world.clock.advance(1_000);
  await Run.cancel(bad, "enough");
  await world.clock.advance(1_000);
  await world.crash(first);
  await world.ask(sql`update holdfast_history set value = ${damaged} where kind = 'cancel'`);
  const second = await world.open([flow]);
  await putAside(world, second, "a-bad");
  for (const id of ["b", "c", "d"]) expect(await world.result(Run.of(second, id, flow))).toBe("slept");
});
