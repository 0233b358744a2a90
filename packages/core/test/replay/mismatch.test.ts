// Changed code meets an old history: the run is blocked before it does anything, says what differs, and goes on with code that fits.
import { describe, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import type { Context } from "../../src/index.ts";
import { Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { listening, setup, type World } from "../kit/world.ts";

type Body = (ctx: Context.Context) => Promise<unknown>;

const go = Signal.define<string>("go");
const stop = Signal.define<string>("stop");
const small = Workflow.define<number, number>({ name: "small" }, (_, n) => n);
const other = Workflow.define<number, number>({ name: "other" }, (_, n) => n);
const slow = Workflow.define<number, number>({ name: "slow" }, async (ctx, n) => {
  await Step.sleep(ctx, "nap", "30d");
  return n;
});

/** Steps that began, over all bodies of a test. */
let begun: string[] = [];
const does = (name: string, ctx: Context.Context): Promise<string> =>
  Step.run(ctx, name, () => {
    begun.push(name);
    return name;
  });

const define = (body: Body): Workflow.Definition<undefined> => Workflow.define({ name: "changing" }, body);

/** Runs the old code for a moment, and leaves its run to whoever comes next. */
const leave = async (world: World, old: Body): Promise<void> => {
  begun = [];
  const first = await world.open([define(old), small, other, slow]);
  await Workflow.start(first, define(old), undefined, { id: "run" });
  await world.clock.advance(3_000);
  await world.crash(first);
  await world.ask(sql`update holdfast_runs set wake_at = 0 where ended_at is null`);
  begun = [];
};

/** Opens other code, and lets it see the run. */
const meet = async (
  world: World,
  body: Body,
  options: Runtime.Options = {},
): Promise<{ readonly runtime: Runtime.Runtime; readonly run: Run.Handle; readonly view: Run.View }> => {
  const runtime = await world.open([define(body), small, other, slow], options);
  await world.clock.advance(3_000);
  const run = Run.of(runtime, "run");
  return { runtime, run, view: await Run.get(run) };
};

const rest: Body = (ctx) => Step.wait(ctx, go);

type Change = { readonly was: Body; readonly is: Body; readonly told: { readonly was: string; readonly is: string } };

const changes: Readonly<Record<string, Change>> = {
  "a renamed step": {
    was: async (ctx) => [await does("charge", ctx), await rest(ctx)],
    is: async (ctx) => [await does("bill", ctx), await rest(ctx)],
    told: { was: 'step "charge"', is: 'asks for step "bill"' },
  },
  "two steps in another order": {
    was: async (ctx) => [await does("a", ctx), await does("b", ctx), await rest(ctx)],
    is: async (ctx) => [await does("b", ctx), await does("a", ctx), await rest(ctx)],
    told: { was: 'step "a"', is: 'asks for step "b"' },
  },
  "a step removed": {
    was: async (ctx) => [await does("a", ctx), await does("b", ctx), await rest(ctx)],
    is: async (ctx) => [await does("a", ctx), await rest(ctx)],
    told: { was: 'step "b"', is: 'asks for wait "go"' },
  },
  "a step added before what is recorded": {
    was: async (ctx) => [await does("a", ctx), await rest(ctx)],
    is: async (ctx) => [await does("new", ctx), await does("a", ctx), await rest(ctx)],
    told: { was: 'step "a"', is: 'asks for step "new"' },
  },
  "everything after a step removed": {
    was: async (ctx) => [await does("a", ctx), await does("b", ctx), await rest(ctx)],
    is: async (ctx) => does("a", ctx),
    told: { was: 'step "b"', is: "ends here" },
  },
  "everything after a race removed, whose loser nobody waits for": {
    was: async (ctx) => [await Promise.race([does("a", ctx), Step.wait(ctx, stop)]), await does("b", ctx), await rest(ctx)],
    is: async (ctx) => Promise.race([does("a", ctx), Step.wait(ctx, stop)]),
    told: { was: 'step "b"', is: "ends here" },
  },
  "a step that became a throw": {
    was: async (ctx) => [await does("a", ctx), await does("b", ctx), await rest(ctx)],
    is: async (ctx) => {
      await does("a", ctx);
      throw new Error("no");
    },
    told: { was: 'step "b"', is: "throws here" },
  },
  "a loop that runs less often": {
    was: async (ctx) => {
      for (let n = 0; n < 4; n++) await does("work", ctx);
      await rest(ctx);
    },
    is: async (ctx) => {
      for (let n = 0; n < 2; n++) await does("work", ctx);
      await rest(ctx);
    },
    told: { was: 'step "work#3"', is: 'asks for wait "go"' },
  },
  "a loop that runs more often": {
    was: async (ctx) => {
      for (let n = 0; n < 2; n++) await does("work", ctx);
      await does("after", ctx);
      await rest(ctx);
    },
    is: async (ctx) => {
      for (let n = 0; n < 4; n++) await does("work", ctx);
      await does("after", ctx);
      await rest(ctx);
    },
    told: { was: 'step "after"', is: 'asks for step "work#3"' },
  },
  "a sleep that became a call": {
    was: async (ctx) => [await does("a", ctx), await Step.sleep(ctx, "slow", "30d")],
    is: async (ctx) => [await does("a", ctx), await Step.call(ctx, slow, 1)],
    told: { was: 'sleep "slow"', is: 'asks for call "slow"' },
  },
  "a call that became a sleep": {
    was: async (ctx) => [await does("a", ctx), await Step.call(ctx, slow, 1)],
    is: async (ctx) => [await does("a", ctx), await Step.sleep(ctx, "slow", "30d")],
    told: { was: 'call "slow"', is: 'asks for sleep "slow"' },
  },
  "a step that became a sleep of its name": {
    was: async (ctx) => [await does("a", ctx), await rest(ctx)],
    is: async (ctx) => [await Step.sleep(ctx, "a", "1s"), await rest(ctx)],
    told: { was: 'step "a"', is: 'asks for sleep "a"' },
  },
  "another child": {
    was: async (ctx) => [await Step.call(ctx, small, 1), await rest(ctx)],
    is: async (ctx) => [await Step.call(ctx, other, 1), await rest(ctx)],
    told: { was: 'call "small"', is: 'asks for call "other"' },
  },
  "a child that is started and no more awaited": {
    was: async (ctx) => [await Step.call(ctx, small, 1), await rest(ctx)],
    is: async (ctx) => [await Step.start(ctx, small, 1), await rest(ctx)],
    told: { was: 'call "small"', is: 'asks for start "small"' },
  },
  "another signal": {
    was: async (ctx) => [await does("a", ctx), await Step.wait(ctx, go)],
    is: async (ctx) => [await does("a", ctx), await Step.wait(ctx, stop)],
    told: { was: 'wait "go"', is: 'asks for wait "stop"' },
  },
  "a branch renamed": {
    was: async (ctx) => [
      await Step.all(ctx, "both", { left: (own) => does("work", own), right: (own) => does("work", own) }),
      await rest(ctx),
    ],
    is: async (ctx) => [
      await Step.all(ctx, "both", { left: (own) => does("work", own), east: (own) => does("work", own) }),
      await rest(ctx),
    ],
    told: { was: 'step "both[right]/work"', is: 'asks for step "both[east]/work"' },
  },
  "steps in line that became steps side by side, with one more": {
    was: async (ctx) => [await does("a", ctx), await does("b", ctx), await rest(ctx)],
    is: async (ctx) => [await Promise.all([does("a", ctx), does("c", ctx)]), await does("b", ctx), await rest(ctx)],
    told: { was: 'step "b"', is: 'asks for step "c"' },
  },
};

describe("a history that does not fit is refused before anything is done", () => {
  test.each(Object.entries(changes))("%s", async (_, { was, is, told }) => {
    const world = setup();
    await leave(world, was);
    const { run, view } = await meet(world, is);
    expect(view.status).toBe("blocked");
    expect(view.reason).toMatchObject({ code: "history_mismatch", ...told });
    expect(view.reason?.message).toContain(told.was);
    expect(begun).toEqual([]);
    expect(await Runtime.check((await meet(world, is)).runtime)).toEqual([]);
    expect((await Run.history(run)).map(({ kind }) => kind)).not.toContain("cancel");
  });
});

test("a blocked run goes on by itself when code that fits is opened, and its reason is gone", async () => {
  const world = setup();
  await leave(world, async (ctx) => [await does("a", ctx), await Step.wait(ctx, go)]);
  const blocked = await meet(world, async (ctx) => [await does("renamed", ctx), await Step.wait(ctx, go)]);
  expect(blocked.view.status).toBe("blocked");
  await Signal.send(blocked.run, go, "kept meanwhile");
  await world.crash(blocked.runtime);
  const still = await meet(world, async (ctx) => [await does("another", ctx), await Step.wait(ctx, go)]);
  expect(still.view).toMatchObject({ status: "blocked", reason: { is: 'asks for step "another"' } });
  await world.crash(still.runtime);
  const mended = await meet(world, async (ctx) => [await does("a", ctx), await Step.wait(ctx, go)]);
  expect(mended.view).toMatchObject({ status: "completed", reason: null, output: ["a", "kept meanwhile"] });
  expect(begun).toEqual([]);
});

test("a blocked run that goes on and waits shows no old reason", async () => {
  const world = setup();
  const old: Body = async (ctx) => [await does("a", ctx), await Step.wait(ctx, go)];
  await leave(world, old);
  await world.crash((await meet(world, async (ctx) => does("renamed", ctx))).runtime);
  expect((await meet(world, old)).view).toMatchObject({ status: "waiting", reason: null });
});

test("a worker that fits takes a run over from one that does not, while both are open", async () => {
  const world = setup();
  const old: Body = async (ctx) => [await does("a", ctx), await Step.wait(ctx, go)];
  await leave(world, old);
  const misfit = await meet(world, async (ctx) => does("renamed", ctx));
  expect(misfit.view.status).toBe("blocked");
  const { run } = await meet(world, old);
  await Signal.send(run, go, "on");
  expect(await world.result(run)).toEqual(["a", "on"]);
});

test("a cancel of a blocked run ends it, and says that nothing was undone", async () => {
  const world = setup();
  let undone = 0;
  await leave(world, async (ctx) => {
    await Step.run(ctx, "a", () => 1, { undo: () => undone++ });
    await rest(ctx);
  });
  const { run } = await meet(world, async (ctx) => [await does("renamed", ctx), await rest(ctx)]);
  await Run.cancel(run, "no longer wanted");
  await world.clock.advance(3_000);
  const view = await Run.get(run);
  expect(view.status).toBe("cancelled");
  expect(view.failure?.message).toContain("its steps were not undone");
  expect({ begun, undone }).toEqual({ begun: [], undone: 0 });
});

test("a cancel ends a blocked run whose new code waits for something that never comes", async () => {
  const world = setup();
  await leave(world, async (ctx) => [await does("a", ctx), await rest(ctx)]);
  const { run } = await meet(world, () => new Promise(() => {}));
  await Run.cancel(run, "no longer wanted");
  await world.clock.advance(5_000);
  expect((await Run.get(run)).status).toBe("cancelled");
});

test("code that only has more to do after the end of a history fits it", async () => {
  const world = setup();
  await leave(world, async (ctx) => [await does("a", ctx), await Step.wait(ctx, go)]);
  const { run } = await meet(world, async (ctx) => [await does("a", ctx), await Step.wait(ctx, go), await does("more", ctx)]);
  await Signal.send(run, go, "on");
  expect(await world.result(run)).toEqual(["a", "on", "more"]);
  expect(begun).toEqual(["more"]);
});

test("what a mismatch says is logged once, as a warning", async () => {
  const world = setup();
  await leave(world, async (ctx) => [await does("a", ctx), await rest(ctx)]);
  const { logger, lines } = listening("warn");
  await meet(world, async (ctx) => does("renamed", ctx), { logger });
  const said = lines.filter(({ msg }) => String(msg).includes("recorded step"));
  expect(said).toHaveLength(1);
  expect(said[0]).toMatchObject({ run: "run", workflow: "changing" });
});

test("a child that ends while its parent's code does not fit is told to the code that does", async () => {
  const world = setup();
  const brief = Workflow.define<number, number>({ name: "brief" }, async (ctx, n) => {
    await Step.sleep(ctx, "nap", "3500ms");
    return n;
  });
  const parent = (second: string): Workflow.Definition<undefined> =>
    define(async (ctx) => {
      const called = Step.call(ctx, brief, 7);
      await does("a", ctx);
      await does(second, ctx);
      return called;
    });
  const first = await world.open([parent("b"), brief]);
  const { id } = await Workflow.start(first, parent("b"));
  await world.clock.advance(3_000);
  await world.crash(first);
  await world.ask(sql`update holdfast_runs set wake_at = 0 where id = ${id}`);
  const misfit = await world.open([parent("c"), brief]);
  await world.clock.advance(600);
  expect((await Run.get(Run.of(misfit, `${id}/brief`))).status).toBe("completed");
  expect((await Run.history(Run.of(misfit, id))).map(({ kind }) => kind)).not.toContain("called");
  await world.clock.advance(1_000);
  expect((await Run.get(Run.of(misfit, id))).status).toBe("blocked");
  await world.crash(misfit);
  expect(await world.result(Run.of(await world.open([parent("b"), brief]), id))).toBe(7);
});
