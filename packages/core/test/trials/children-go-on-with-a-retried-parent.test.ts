// A retried parent goes on, and so do the children that ended because of it; one that a person cancelled does not.
import { describe, expect, test } from "bun:test";
import { type Context, Run, type Runtime, Step, Workflow } from "../../src/index.ts";
import { setup } from "../kit/world.ts";
import { thrown } from "../face/scene.ts";

const once = { retry: { attempts: 1 } } as const;

/** A parent that fails at `pay` while its children nap; the grandchild is called by the awaited child. */
const family = (options: { readonly timeout?: string } = {}) => {
  const calls: string[] = [];
  const mend = { works: false };
  const grandchild = Workflow.define({ name: "grandchild" }, async (ctx) => {
    await Step.run(ctx, "begin", () => calls.push("grandchild begins"));
    await Step.sleep(ctx, "nap", "1h");
    return Step.run(ctx, "end", () => (calls.push("grandchild ends"), "grandchild"));
  });
  const child = Workflow.define({ name: "child" }, async (ctx) => {
    await Step.run(ctx, "begin", () => calls.push("child begins"), { undo: () => calls.push("child is undone") });
    return Step.call(ctx, grandchild, undefined);
  });
  const tied = Workflow.define({ name: "tied" }, async (ctx) => {
    await Step.sleep(ctx, "nap", "40m");
    await Step.run(ctx, "end", () => calls.push("tied ends"));
  });
  const parent = Workflow.define({ name: "parent", ...(options as { timeout?: "30m" }) }, async (ctx) => {
    await Step.start(ctx, tied, undefined, { orphan: "cancel" });
    return Promise.all([Step.call(ctx, child, undefined), pay(ctx)]);
  });
  const pay = async (ctx: Context.Context) => {
    await Step.sleep(ctx, "first", "10m");
    return Step.run(ctx, "pay", () => (mend.works ? "paid" : Promise.reject(new Error("down"))), once);
  };
  return { calls, mend, parent, workflows: [parent, child, grandchild, tied] };
};

const statuses = async (runtime: Runtime.Runtime) =>
  Object.fromEntries((await Run.list(runtime, {})).runs.map(({ id, status }) => [id, status]));

const settled = async (world: ReturnType<typeof setup>, runtime: Runtime.Runtime) => {
  for (const id of ["p/child/grandchild", "p/child", "p/tied"]) await world.result(Run.of(runtime, id)).catch(() => {});
};

describe("Run.retry of a parent", () => {
  test("revives the children that were cancelled with it, theirs too, and those it had started", async () => {
    const world = setup();
    const { calls, mend, parent, workflows } = family();
    const runtime = await world.open(workflows);
    const run = await Workflow.start(runtime, parent, undefined, { id: "p" });
    await thrown(world.result(run));
    await settled(world, runtime);
    expect(await statuses(runtime)).toEqual({
      p: "failed",
      "p/child": "cancelled",
      "p/child/grandchild": "cancelled",
      "p/tied": "cancelled",
    });
    mend.works = true;
    await Run.retry(run);
    expect(await world.result(run)).toEqual(["grandchild", "paid"]);
    await world.result(Run.of(runtime, "p/tied"));
    expect(calls).toEqual([
      "child begins",
      "grandchild begins",
      "child is undone",
      "child begins",
      "tied ends",
      "grandchild ends",
    ]);
  });

  test("again and again, as often as it fails", async () => {
    const world = setup();
    const { mend, parent, workflows } = family();
    const runtime = await world.open(workflows);
    const run = await Workflow.start(runtime, parent, undefined, { id: "p" });
    for (let round = 0; round < 3; round++) {
      await thrown(world.result(run));
      await settled(world, runtime);
      await Run.retry(run);
    }
    mend.works = true;
    await world.result(run).catch(() => Run.retry(run));
    expect(await world.result(run)).toEqual(["grandchild", "paid"]);
  });

  test.each(["a cancel", "its timeout"])("after %s revives them", async (by) => {
    const world = setup();
    const { mend, parent, workflows } = family(by === "its timeout" ? { timeout: "5m" } : {});
    const runtime = await world.open(workflows);
    mend.works = true;
    const run = await Workflow.start(runtime, parent, undefined, { id: "p" });
    await world.clock.advance(60_000);
    if (by === "a cancel") await Run.cancel(run);
    await thrown(world.result(run));
    await settled(world, runtime);
    await Run.retry(run);
    expect(await world.result(run)).toEqual(["grandchild", "paid"]);
    await world.result(Run.of(runtime, "p/tied"));
    expect(new Set(Object.values(await statuses(runtime)))).toEqual(new Set(["completed"]));
  });

  test("does not revive a child that a person cancelled, in whatever words", async () => {
    const world = setup();
    const { mend, parent, workflows } = family();
    const runtime = await world.open(workflows);
    const run = await Workflow.start(runtime, parent, undefined, { id: "p" });
    await world.clock.advance(1_000);
    await Run.cancel(Run.of(runtime, "p/tied"), "its parent is at an end");
    await thrown(world.result(run));
    await settled(world, runtime);
    mend.works = true;
    await Run.retry(run);
    await world.result(run);
    expect((await Run.get(Run.of(runtime, "p/tied"))).status).toBe("cancelled");
  });

  test("does not revive a child that a person cancelled while its parent's end was cancelling it", async () => {
    const world = setup();
    const gate = Promise.withResolvers<void>();
    const slow = Workflow.define({ name: "slow" }, async (ctx) => {
      await Step.run(ctx, "a", () => 1, { undo: () => gate.promise });
      await Step.sleep(ctx, "nap", "1h");
    });
    let works = false;
    const parent = Workflow.define({ name: "parent" }, async (ctx) => {
      await Step.start(ctx, slow, undefined, { orphan: "cancel" });
      await Step.sleep(ctx, "first", "1m");
      return Step.run(ctx, "pay", () => (works ? "paid" : Promise.reject(new Error("down"))), once);
    });
    const runtime = await world.open([parent, slow]);
    const run = await Workflow.start(runtime, parent, undefined, { id: "p" });
    await thrown(world.result(run));
    await Run.cancel(Run.of(runtime, "p/slow"), "by hand");
    gate.resolve();
    await thrown(world.result(Run.of(runtime, "p/slow")));
    works = true;
    await Run.retry(run);
    expect(await world.result(run)).toBe("paid");
    expect((await Run.get(Run.of(runtime, "p/slow"))).status).toBe("cancelled");
  });

  test("does not revive an awaited child that a person cancelled: the parent fails by it again", async () => {
    const world = setup();
    const child = Workflow.define({ name: "child" }, (ctx) => Step.sleep(ctx, "nap", "1h"));
    const parent = Workflow.define({ name: "parent" }, (ctx) => Step.call(ctx, child, undefined));
    const runtime = await world.open([parent, child]);
    const run = await Workflow.start(runtime, parent, undefined, { id: "p" });
    await world.clock.advance(1_000);
    await Run.cancel(Run.of(runtime, "p/child"), "no longer wanted");
    const fails = async () =>
      expect((await thrown(world.result(run))).cause).toMatchObject({ code: "child_failed", data: { status: "cancelled" } });
    await fails();
    await Run.retry(run);
    await fails();
    await Run.retry(Run.of(runtime, "p/child"));
    await Run.retry(run);
    expect(await world.result(run)).toBeUndefined();
  });

  test("spares a child that has not seen the cancel yet", async () => {
    const world = setup();
    const { calls, mend, parent, workflows } = family();
    const both = await world.open(workflows, { hot: 0 });
    const run = await Workflow.start(both, parent, undefined, { id: "p" });
    await world.clock.advance(1_000);
    await world.crash(both);
    const alone = await world.open([parent]); // nobody here executes the children
    await thrown(world.result(Run.of(alone, "p")));
    expect((await statuses(alone))["p/child"]).not.toBe("cancelled");
    mend.works = true;
    await Run.retry(Run.of(alone, "p"));
    const again = await world.open(workflows);
    expect(await world.result(Run.of(again, run.id))).toEqual(["grandchild", "paid"]);
    expect(calls).toEqual(["child begins", "grandchild begins", "tied ends", "grandchild ends"]);
  });

  test("waits for a child that is being cancelled, and names one whose undo takes long", async () => {
    const world = setup();
    const gate = Promise.withResolvers<void>();
    const child = Workflow.define({ name: "child" }, async (ctx) => {
      await Step.run(ctx, "a", () => 1, { undo: () => gate.promise });
      await Step.sleep(ctx, "nap", "1h");
      return "child";
    });
    let works = false;
    const parent = Workflow.define({ name: "parent" }, (ctx) =>
      Promise.all([
        Step.call(ctx, child, undefined),
        Step.sleep(ctx, "first", "1m").then(() =>
          Step.run(ctx, "pay", () => (works ? "paid" : Promise.reject(new Error("down"))), once),
        ),
      ]),
    );
    const run = await Workflow.start(await world.open([parent, child]), parent, undefined, { id: "p" });
    await thrown(world.result(run));
    await world.clock.settle();
    works = true;
    const early = Run.retry(run).then(
      () => undefined,
      (error: unknown) => error,
    );
    await world.clock.settle();
    await world.clock.advance(11_000);
    expect(await early).toMatchObject({ code: "wrong_state", data: { child: "p/child" } });
    expect((await Run.get(run)).status).toBe("failed");
    const late = Run.retry(run);
    await world.clock.settle();
    gate.resolve();
    await world.clock.settle();
    await late;
    expect(await world.result(run)).toEqual(["child", "paid"]);
  });

  test("leaves a started child alone that failed by itself", async () => {
    const world = setup();
    const calls: string[] = [];
    const own = Workflow.define({ name: "own" }, (ctx) =>
      Step.run(ctx, "a", () => (calls.push("own"), Promise.reject(new Error("no"))), once),
    );
    let works = false;
    const parent = Workflow.define({ name: "parent" }, async (ctx) => {
      await Step.start(ctx, own, undefined, { orphan: "cancel" });
      await Step.sleep(ctx, "nap", "1m");
      return Step.run(ctx, "pay", () => (works ? "paid" : Promise.reject(new Error("down"))), once);
    });
    const run = await Workflow.start(await world.open([parent, own]), parent);
    await thrown(world.result(run));
    works = true;
    await Run.retry(run);
    expect(await world.result(run)).toBe("paid");
    expect(calls).toEqual(["own"]);
  });

  test("that was acknowledged has its children with it, whatever crashes then", async () => {
    const world = setup();
    const { mend, parent, workflows } = family();
    const first = await world.open(workflows);
    const run = await Workflow.start(first, parent, undefined, { id: "p" });
    await thrown(world.result(run));
    await settled(world, first);
    mend.works = true;
    const client = await world.open([], { execute: false });
    await world.crash(first);
    await Run.retry(Run.of(client, "p"));
    expect(new Set(Object.values(await statuses(client)))).toEqual(new Set(["queued"]));
    expect(await world.result(Run.of(await world.open(workflows), "p"))).toEqual(["grandchild", "paid"]);
  });

  test("is one transaction: when a child moves in between, nothing is written, and it is tried anew", async () => {
    const world = setup();
    const { mend, parent, workflows } = family();
    let tries = 0;
    world.wiring.wire = (store) => {
      const { reopen } = store.runs;
      return {
        ...store,
        runs: {
          ...store.runs,
          reopen: async (wanted, now) => {
            if (tries++ > 0) return reopen(wanted, now);
            const moved = wanted.map((each, at) => (at === 0 ? each : { ...each, lease: { ...each.lease, number: -1 } }));
            expect(await reopen(moved, now)).toBe(false);
            expect((await store.runs.byId("p"))?.status).toBe("failed");
            return false;
          },
        },
      };
    };
    const runtime = await world.open(workflows);
    const run = await Workflow.start(runtime, parent, undefined, { id: "p" });
    await thrown(world.result(run));
    await settled(world, runtime);
    mend.works = true;
    await Run.retry(run);
    expect(await world.result(run)).toEqual(["grandchild", "paid"]);
  });

  test("takes the answer of a child that had ended before, when the body asks for it again", async () => {
    const world = setup();
    const calls: string[] = [];
    let works = false;
    const child = Workflow.define({ name: "child" }, (ctx) => Step.run(ctx, "a", () => (calls.push("child"), "child")));
    const parent = Workflow.define({ name: "parent" }, async (ctx) => {
      await Step.run(ctx, "first", () => 1, { undo: () => {} });
      const answer = await Step.call(ctx, child, undefined);
      await Step.run(ctx, "pay", () => (works ? "paid" : Promise.reject(new Error("down"))), once);
      return answer;
    });
    const run = await Workflow.start(await world.open([parent, child]), parent);
    await thrown(world.result(run));
    works = true;
    await Run.retry(run);
    expect(await world.result(run)).toBe("child");
    expect(calls).toEqual(["child"]);
  });
});
