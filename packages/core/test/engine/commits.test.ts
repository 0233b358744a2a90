// What a run costs: commits, places and memory.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { engineOf } from "../../src/engine/opened.ts";
import { Context, Run, Signal, Step, Workflow } from "../../src/index.ts";
import { createHeld } from "../kit/held.ts";
import { setup } from "../kit/world.ts";
import { share } from "./shared.ts";

/** Commits in a write-ahead log: the frames that say how large the database is after them. */
const commitsIn = (file: string): number => {
  const log = readFileSync(`${file}-wal`);
  const frame = 24 + log.readUInt32BE(8);
  let commits = 0;
  for (let at = 32; at + frame <= log.length; at += frame)
    if (log.readUInt32BE(at + 4) !== 0 && log.readUInt32BE(at + 8) === log.readUInt32BE(16)) commits++;
  return commits;
};

const go = Signal.define("go");

/** A function that answers in a later turn of the loop: its commit is one of its own. */
const later = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe("commits", () => {
  test.each([1, 5, 20])("a run of %i steps, one after the other, costs one commit for each and one more", async (steps) => {
    const shared = share();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      for (let n = 0; n < steps; n++) await Step.run(ctx, "s", later);
      return "done";
    });
    const { runtime } = await shared.open([flow]);
    const before = commitsIn(shared.file);
    expect(await Run.result(await Workflow.start(runtime, flow))).toBe("done");
    expect(commitsIn(shared.file) - before).toBe(steps + 1);
  });

  test("what a run publishes after a step joins the commit of that step", async () => {
    const shared = share();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      for (let n = 0; n < 5; n++) {
        await Step.run(ctx, "s", later);
        Context.publish(ctx, { n });
      }
    });
    const { runtime } = await shared.open([flow]);
    const before = commitsIn(shared.file);
    await Run.result(await Workflow.start(runtime, flow));
    expect(commitsIn(shared.file) - before).toBe(6);
  });

  test("a run that parks shares that commit with its last step, and its waking costs one", async () => {
    const shared = share();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      await Step.run(ctx, "a", later);
      await Step.sleep(ctx, "nap", "1h");
    });
    const { runtime, clock } = await shared.open([flow]);
    const before = commitsIn(shared.file);
    const run = await Workflow.start(runtime, flow);
    await clock.settle();
    expect((await Run.get(run)).status).toBe("waiting");
    expect(commitsIn(shared.file) - before).toBe(2);
    expect(clock.next()).toBeDefined();
  });

  test("many runs share their commits", async () => {
    const shared = share();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      for (let n = 0; n < 5; n++) await Step.run(ctx, "s", () => n);
    });
    const { runtime } = await shared.open([flow]);
    const before = commitsIn(shared.file);
    const runs = await Promise.all(Array.from({ length: 100 }, () => Workflow.start(runtime, flow)));
    await Promise.all(runs.map((run) => Run.result(run)));
    expect(commitsIn(shared.file) - before).toBeLessThan(30);
  }, 30_000);
});

test("a step of more than a second is recorded as running, once; a quick one is not", async () => {
  const world = setup();
  const gate = Promise.withResolvers<void>();
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    await Step.run(ctx, "quick", () => 1);
    await Step.run(ctx, "slow", () => gate.promise);
  });
  const run = await Workflow.start(await world.open([flow]), flow);
  await world.clock.advance(900);
  expect((await Run.get(run)).progress.pending).toEqual([]);
  await world.clock.advance(1_200);
  expect((await Run.get(run)).progress.pending).toEqual([{ key: "slow", kind: "running", attempt: 1, until: null }]);
  await world.clock.advance(60_000);
  gate.resolve();
  await world.result(run);
  expect((await Run.history(run)).filter(({ kind }) => kind === "running").length).toBe(1);
});

describe("parked runs", () => {
  const body = () => {
    const count = { bodies: 0 };
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      count.bodies++;
      const seen: unknown[] = [];
      for (let n = 0; n < 3; n++) {
        await Step.sleep(ctx, "nap", "1h");
        seen.push(await Step.wait(ctx, go));
      }
      return seen;
    });
    return { count, flow };
  };

  test("wake from memory: the body goes on where it was, without a replay", async () => {
    const world = setup();
    const { count, flow } = body();
    const run = await Workflow.start(await world.open([flow]), flow);
    for (const n of [1, 2, 3]) await Signal.send(run, go, n);
    expect(await world.result(run)).toEqual([1, 2, 3]);
    expect(count.bodies).toBe(1);
  });

  test("with hot: 0 each waking is a replay, with the same answer", async () => {
    const world = setup();
    const { count, flow } = body();
    const run = await Workflow.start(await world.open([flow], { hot: 0 }), flow);
    for (const n of [1, 2, 3]) await Signal.send(run, go, n);
    expect(await world.result(run)).toEqual([1, 2, 3]);
    expect(count.bodies).toBeGreaterThanOrEqual(4);
  });

  test("the hot ones are bounded: the longest unused leave first", async () => {
    const world = setup();
    const { count, flow } = body();
    const runtime = await world.open([flow], { hot: 2 });
    for (let n = 0; n < 5; n++) await Workflow.start(runtime, flow);
    await world.clock.advance(1_000);
    expect(engineOf(runtime).hot.size).toBe(2);
    await world.clock.advance(3_600_000);
    expect(count.bodies).toBe(5 + 3);
  });

  test("hold no place: with concurrency 2 a thousand runs sleep at once, and all get through", async () => {
    const world = setup();
    let most = 0;
    let now = 0;
    const flow = Workflow.define({ name: "flow" }, async (ctx, n: number) => {
      await Step.sleep(ctx, "nap", "1d");
      return Step.run(ctx, "a", async () => {
        most = Math.max(most, ++now);
        await Promise.resolve();
        now--;
        return n;
      });
    });
    const runtime = await world.open([flow], { concurrency: 2 });
    const runs = await Promise.all(Array.from({ length: 1_000 }, (_, n) => Workflow.start(runtime, flow, n)));
    const asleep = async () => (await Run.list(runtime, { status: "waiting", limit: 1_000 })).runs.length;
    for (let turn = 0; turn < 500 && (await asleep()) < 1_000; turn++) await world.clock.settle();
    expect(await asleep()).toBe(1_000);
    const results = await Promise.all([
      world.result(runs.at(-1) as Run.Handle<number>),
      ...runs.slice(0, -1).map((run) => Run.result(run)),
    ]);
    expect(results.length).toBe(1_000);
    expect(most).toBeLessThanOrEqual(2);
  }, 60_000);
});

test("the concurrency is never exceeded, and every run gets its turn", async () => {
  const world = setup();
  const { seen, work, release } = createHeld();
  const flow = Workflow.define({ name: "flow" }, (ctx) => Step.run(ctx, "a", () => work("done")));
  const runtime = await world.open([flow], { concurrency: 3 });
  const runs = await Promise.all(Array.from({ length: 30 }, () => Workflow.start(runtime, flow)));
  await release(world.clock);
  for (const run of runs) expect(await world.result(run)).toBe("done");
  expect(seen).toEqual({ calls: 30, most: 3 });
});
