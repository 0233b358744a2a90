// Children: runs that a run starts, awaited by Step.call and left to themselves by Step.start.
import { describe, expect, test } from "bun:test";
import { Context, Run, Signal, Step, Workflow } from "../../src/index.ts";
import { z } from "zod";
import { runToEnd, setup } from "../kit/world.ts";
import { story, thrown, untilAbort } from "./scene.ts";

const double = Workflow.define({ name: "double" }, (ctx, n: number) => Step.run(ctx, "double", () => n * 2));
const nap = Workflow.define({ name: "nap" }, async (ctx, _n: number) => {
  await Step.sleep(ctx, "nap", "1h");
  return "slept";
});
const bad = Workflow.define({ name: "bad" }, (ctx) =>
  Step.run(
    ctx,
    "bad",
    () => {
      throw Object.assign(new RangeError("out of stock"), { sku: 7 });
    },
    { retry: { attempts: 1 } },
  ),
);

describe("Step.call", () => {
  test("answers with the child's result; the child's id is the parent's and the key", async () => {
    const world = setup();
    const parent = Workflow.define({ name: "parent" }, async (ctx) => [
      await Step.call(ctx, double, 4),
      await Step.call(ctx, double, 5),
      await Step.call(ctx, double, 6, { name: "third" }),
    ]);
    const runtime = await world.open([parent, double]);
    const run = await Workflow.start(runtime, parent, undefined, { id: "p" });
    expect(await world.result(run)).toEqual([8, 10, 12]);
    for (const id of ["p/double", "p/double#2", "p/third"]) expect((await Run.get(Run.of(runtime, id))).status).toBe("completed");
  });

  test("rejects with child_failed: which child, which step, and the child's error as its cause", async () => {
    const world = setup();
    let caught: unknown;
    const parent = Workflow.define({ name: "parent" }, async (ctx) => {
      await Step.call(ctx, bad, undefined).catch((error: unknown) => (caught = error));
    });
    const run = await Workflow.start(await world.open([parent, bad]), parent, undefined, { id: "p" });
    await world.result(run);
    expect(caught).toMatchObject({
      code: "child_failed",
      data: { child: "p/bad", step: "bad", status: "failed" },
      cause: { name: "RangeError", message: "out of stock", sku: 7 },
    });
    expect((caught as Error).cause).toBeInstanceOf(RangeError);
  });

  test("rejects with child_failed when somebody cancels the child, and says why", async () => {
    const world = setup();
    const parent = Workflow.define({ name: "parent" }, (ctx) => Step.call(ctx, nap, 1));
    const runtime = await world.open([parent, nap]);
    const run = await Workflow.start(runtime, parent, undefined, { id: "p" });
    await world.clock.advance(1_000);
    await Run.cancel(Run.of(runtime, "p/nap"), "not needed");
    const error = await thrown(world.result(run));
    expect(error.cause).toMatchObject({ code: "child_failed", data: { status: "cancelled" } });
    expect(error.cause.message).toContain("not needed");
  });

  test("many children at once, 200 of them, and children of children", async () => {
    const world = setup();
    const middle = Workflow.define({ name: "middle" }, async (ctx, n: number) => (await Step.call(ctx, double, n)) + 1);
    const parent = Workflow.define({ name: "parent" }, async (ctx) => {
      const results = await Step.map(
        ctx,
        "each",
        Array.from({ length: 200 }, (_, n) => n),
        (ctx, n) => Step.call(ctx, middle, n),
      );
      return results.reduce((sum, n) => sum + n, 0);
    });
    const runtime = await world.open([parent, middle, double], { concurrency: 16 });
    const run = await Workflow.start(runtime, parent, undefined, { id: "p" });
    expect(await world.result(run)).toBe(200 * 200);
    expect((await Run.get(Run.of(runtime, "p/each[7]/middle/double"))).output).toBe(14);
  }, 30_000);

  test("an input that does not fit the child's schema, and one that cannot be kept, are refused at the call", async () => {
    const world = setup();
    const picky = Workflow.define({ name: "picky", input: z.object({ n: z.number() }) }, () => 1);
    const codes: unknown[] = [];
    const parent = Workflow.define({ name: "parent" }, async (ctx) => {
      await Step.call(ctx, picky, { n: "x" as unknown as number }).catch((error: { code: string }) => codes.push(error.code));
      await Step.call(ctx, nap, (() => 1) as unknown as number).catch((error: { code: string }) => codes.push(error.code));
      await Step.call(ctx, nap, 1, { id: "a\nb" }).catch((error: { code: string }) => codes.push(error.code));
    });
    await runToEnd(world, await world.open([parent, picky, nap]), parent, undefined);
    expect(codes).toEqual(["invalid_input", "invalid_value", "invalid_option"]);
  });

  test("an id that belongs to another run is a conflict, live and on replay", async () => {
    const world = setup();
    const codes: unknown[] = [];
    const parent = Workflow.define({ name: "parent" }, async (ctx) => {
      await Step.call(ctx, double, 1, { id: "taken" }).catch((error: { code: string }) => codes.push(error.code));
      await Step.start(ctx, double, 1, { id: "taken" }).catch((error: { code: string }) => codes.push(error.code));
      await Step.sleep(ctx, "nap", "1h");
    });
    const first = await world.open([parent, double]);
    await Workflow.start(first, double, 1, { id: "taken" });
    const run = await Workflow.start(first, parent);
    await world.clock.advance(1_000);
    await world.crash(first);
    await world.result(Run.of(await world.open([parent, double]), run.id));
    expect(codes).toEqual(Array(4).fill("run_conflict"));
  });
});

describe("crashes", () => {
  test("a parent that dies while its children run finds the same children again", async () => {
    const world = setup();
    let bodies = 0;
    const child = Workflow.define({ name: "child" }, async (ctx, n: number) => {
      await Step.run(ctx, "count", () => ++bodies);
      await Step.sleep(ctx, "nap", "1h");
      return n;
    });
    const parent = Workflow.define({ name: "parent" }, (ctx) =>
      Step.map(ctx, "each", [1, 2, 3], (ctx, n) => Step.call(ctx, child, n)),
    );
    const first = await world.open([parent, child]);
    const run = await Workflow.start(first, parent);
    await world.clock.advance(60_000);
    await world.crash(first);
    const second = await world.open([parent, child]);
    expect(await world.result(Run.of(second, run.id, parent))).toEqual([1, 2, 3]);
    expect(bodies).toBe(3);
    expect((await Run.list(second, { workflow: "child" })).runs.length).toBe(3);
  });

  test("a child that dies goes on from its last step, and the parent gets its result", async () => {
    const world = setup();
    const hang = Promise.withResolvers<string>();
    let tries = 0;
    const child = Workflow.define({ name: "child" }, async (ctx) => {
      await Step.run(ctx, "one", () => 1);
      return Step.run(ctx, "two", () => (tries++ === 0 ? hang.promise : "two"));
    });
    const parent = Workflow.define({ name: "parent" }, (ctx) => Step.call(ctx, child, undefined));
    const first = await world.open([parent, child]);
    const run = await Workflow.start(first, parent, undefined, { id: "p" });
    await world.clock.advance(500);
    expect((await Run.get(run)).status).toBe("waiting");
    await world.crash(first);
    const second = await world.open([parent, child]);
    expect(await world.result(Run.of(second, run.id, parent))).toBe("two");
    expect(await story(Run.of(second, "p/child"))).toEqual(["started", "step one", "step two", "completed"]);
  });

  test("a child that ends while nobody executes the parent is not lost", async () => {
    const world = setup();
    const parent = Workflow.define({ name: "parent" }, (ctx) => Step.call(ctx, nap, 1));
    const first = await world.open([parent, nap]);
    const run = await Workflow.start(first, parent, undefined, { id: "p" });
    await world.clock.advance(1_000);
    await world.crash(first);
    const children = await world.open([nap]);
    await world.result(Run.of(children, "p/nap"));
    expect(await world.result(Run.of(await world.open([parent]), run.id, parent))).toBe("slept");
  });

  test("a run that started a child and died replays past it, and the child exists once", async () => {
    const world = setup();
    const parent = Workflow.define({ name: "parent" }, async (ctx) => {
      const id = await Step.start(ctx, double, 3);
      await Step.sleep(ctx, "nap", "1h");
      return [id, await Step.start(ctx, double, 4)];
    });
    const first = await world.open([parent, double]);
    const run = await Workflow.start(first, parent, undefined, { id: "p" });
    await world.clock.advance(1_000);
    await world.crash(first);
    const second = await world.open([parent, double]);
    expect(await world.result(Run.of(second, "p", parent))).toEqual(["p/double", "p/double#2"]);
    expect((await Run.list(second, { workflow: "double" })).runs.length).toBe(2);
    expect(run.id).toBe("p");
  });
});

describe("Step.start", () => {
  test("answers with the child's id and does not wait for it; the child outlives its parent", async () => {
    const world = setup();
    const parent = Workflow.define({ name: "parent" }, (ctx) => Step.start(ctx, nap, 1, { tags: ["kid"] }));
    const runtime = await world.open([parent, nap]);
    const id = await runToEnd(world, runtime, parent, undefined);
    const child = Run.of(runtime, id, nap);
    expect((await Run.list(runtime, { tag: "kid" })).runs.map((run) => run.id)).toEqual([id]);
    expect(await world.result(child)).toBe("slept");
  });

  test('with orphan "cancel" the child is cancelled when its parent ends', async () => {
    const world = setup();
    const parent = Workflow.define({ name: "parent" }, (ctx) => Step.start(ctx, nap, 1, { orphan: "cancel" }));
    const runtime = await world.open([parent, nap]);
    const id = await runToEnd(world, runtime, parent, undefined);
    await world.clock.advance(1_000);
    expect((await Run.get(Run.of(runtime, id))).status).toBe("cancelled");
  });

  test('orphan "cancel" holds over a crash of the parent', async () => {
    const world = setup();
    const parent = Workflow.define({ name: "parent" }, async (ctx) => {
      await Step.start(ctx, nap, 1, { orphan: "cancel" });
      await Step.sleep(ctx, "short", "1m");
    });
    const first = await world.open([parent, nap]);
    const run = await Workflow.start(first, parent, undefined, { id: "p" });
    await world.clock.advance(1_000);
    await world.crash(first);
    const second = await world.open([parent, nap]);
    await world.result(Run.of(second, run.id));
    await world.clock.advance(1_000);
    expect((await Run.get(Run.of(second, "p/nap"))).status).toBe("cancelled");
  });
});

describe("a cancel of the parent", () => {
  test("is passed down to called children and theirs, parked ones too", async () => {
    const world = setup();
    const undone: string[] = [];
    const leaf = Workflow.define({ name: "leaf" }, async (ctx) => {
      await Step.run(ctx, "a", () => 1, { undo: () => undone.push("leaf") });
      await Step.sleep(ctx, "nap", "1d");
    });
    const middle = Workflow.define({ name: "middle" }, (ctx) => Step.call(ctx, leaf, undefined));
    const parent = Workflow.define({ name: "parent" }, (ctx) => Step.call(ctx, middle, undefined));
    const runtime = await world.open([parent, middle, leaf]);
    const run = await Workflow.start(runtime, parent, undefined, { id: "p" });
    await world.clock.advance(1_000);
    await Run.cancel(run, "enough");
    expect((await thrown(world.result(run))).code).toBe("run_cancelled");
    await world.clock.advance(1_000);
    for (const id of ["p/middle", "p/middle/leaf"]) expect((await Run.get(Run.of(runtime, id))).status).toBe("cancelled");
    expect(undone).toEqual(["leaf"]);
  });

  test("aborts the step that a child has under way, at once", async () => {
    const world = setup();
    let aborted = false;
    const child = Workflow.define({ name: "child" }, (ctx) =>
      Step.run(ctx, "slow", ({ signal }) =>
        untilAbort(signal, () => {
          aborted = true;
        }),
      ),
    );
    const parent = Workflow.define({ name: "parent" }, (ctx) => Step.call(ctx, child, undefined));
    const runtime = await world.open([parent, child]);
    const run = await Workflow.start(runtime, parent, undefined, { id: "p" });
    await world.clock.advance(500);
    await Run.cancel(run);
    await thrown(world.result(run));
    await world.clock.settle();
    expect(aborted).toBe(true);
    expect((await Run.get(Run.of(runtime, "p/child"))).status).toBe("cancelled");
  });

  test('leaves a child with orphan "keep" alone', async () => {
    const world = setup();
    const parent = Workflow.define({ name: "parent" }, (ctx) => Step.call(ctx, nap, 1, { orphan: "keep" }));
    const runtime = await world.open([parent, nap]);
    const run = await Workflow.start(runtime, parent, undefined, { id: "p" });
    await world.clock.advance(1_000);
    await Run.cancel(run);
    await thrown(world.result(run, 1_000));
    expect(await world.result(Run.of(runtime, "p/nap", nap))).toBe("slept");
  });

  test("a failure of the parent cancels its called children too", async () => {
    const world = setup();
    const parent = Workflow.define({ name: "parent" }, (ctx) =>
      Promise.all([
        Step.call(ctx, nap, 1),
        Step.run(
          ctx,
          "bad",
          () => {
            throw new Error("no");
          },
          { retry: { attempts: 1 } },
        ),
      ]),
    );
    const runtime = await world.open([parent, nap]);
    const run = await Workflow.start(runtime, parent, undefined, { id: "p" });
    await thrown(world.result(run));
    await world.clock.advance(1_000);
    expect((await Run.get(Run.of(runtime, "p/nap"))).status).toBe("cancelled");
  });
});

test("a retried child lets a retried parent go on", async () => {
  const world = setup();
  let works = false;
  const child = Workflow.define({ name: "child" }, (ctx) =>
    Step.run(
      ctx,
      "a",
      () => {
        if (!works) throw new Error("no");
        return "ok";
      },
      { retry: { attempts: 1 } },
    ),
  );
  const parent = Workflow.define({ name: "parent" }, (ctx) => Step.call(ctx, child, undefined));
  const runtime = await world.open([parent, child]);
  const run = await Workflow.start(runtime, parent, undefined, { id: "p" });
  await thrown(world.result(run));
  works = true;
  await Run.retry(Run.of(runtime, "p/child"));
  await world.result(Run.of(runtime, "p/child"));
  await Run.retry(run);
  expect(await world.result(run)).toBe("ok");
});

test("a child takes signals, and knows its own id", async () => {
  const world = setup();
  const go = Signal.define<string>("go");
  const child = Workflow.define({ name: "child" }, async (ctx) => `${Context.id(ctx)} ${await Step.wait(ctx, go)}`);
  const parent = Workflow.define({ name: "parent" }, (ctx) => Step.call(ctx, child, undefined));
  const runtime = await world.open([parent, child]);
  const run = await Workflow.start(runtime, parent, undefined, { id: "p" });
  await world.clock.advance(500);
  await Signal.send(Run.of(runtime, "p/child"), go, "now");
  expect(await world.result(run)).toBe("p/child now");
});

test("a child says whose it is, and a parent's children can be listed", async () => {
  const world = setup();
  const child = Workflow.define({ name: "kin" }, () => 1);
  const parent = Workflow.define(
    { name: "parent" },
    async (ctx) => (await Step.call(ctx, child)) + (await Step.call(ctx, child)),
  );
  const runtime = await world.open([child, parent]);
  const run = await Workflow.start(runtime, parent, undefined, { id: "mother" });
  await world.result(run);
  const { runs } = await Run.list(runtime, { parent: run });
  expect(runs.map(({ id }) => id)).toEqual(["mother/kin#2", "mother/kin"]);
  expect((await Run.get(Run.of(runtime, "mother/kin"))).parent).toBe("mother");
});
