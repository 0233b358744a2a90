// A run whose body computes beside something that it waits for goes on with both: in memory, out of the cache, and after its process has died.
import { describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { sql } from "drizzle-orm";
import { join } from "node:path";
import { Run, Signal, Step, Workflow } from "../../src/index.ts";
import { engineOf } from "../../src/engine/opened.ts";
import { folder, on, setup, type World } from "../kit/world.ts";
import { computing } from "./computing.ts";

const go = Signal.define("go");

/** A branch that computes and then has a step, beside a wait. */
const flowOf = (where: ReturnType<typeof computing>) =>
  Workflow.define({ name: "flow" }, async (ctx) => {
    const other = Step.wait(ctx, go);
    const work = (async () => {
      await where.work("digest");
      return Step.run(ctx, "store", () => "stored");
    })();
    return [await work, await other];
  });

/** As the database has it. */
const wakeAt = async ({ ask }: World, run: Run.Handle): Promise<number | null> => {
  const [row] = await ask<{ wake_at: number | string | null }>(sql`select wake_at from holdfast_runs where id = ${run.id}`);
  const at = row?.wake_at ?? null;
  return at === null ? null : Number(at);
};

describe("a branch that computes beside a wait", () => {
  test.each([1_000, 0])("goes on when the run left memory meanwhile, with a cache of %d runs", async (hot) => {
    const where = computing();
    const flow = flowOf(where);
    const runtime = await where.open([flow], { hot });
    const run = await Workflow.start(runtime, flow, undefined, { id: "run" });
    await where.settle();
    expect(await where.statusOf("run")).toBe("waiting");
    await where.world.clock.advance(7 * 86_400_000);
    await where.finish("digest");
    expect((await Run.history(run)).map(({ key }) => key)).toContain("store");
    await Signal.send(run, go, undefined);
    expect(await where.world.result<unknown>(run)).toEqual(["stored", undefined]);
  });

  test.each([500, 30_000])("goes on after its process has died, %d ms after the run left memory", async (later) => {
    const where = computing();
    const flow = flowOf(where);
    const runtime = await where.open([flow]);
    const run = await Workflow.start(runtime, flow, undefined, { id: "run" });
    await where.settle();
    await where.world.clock.advance(later);
    const next = await where.nextLife([flow]);
    await where.world.clock.advance(60_000);
    await where.finish("digest");
    expect((await Run.history(Run.of(next, run.id))).filter(({ kind }) => kind === "step").length).toBe(1);
  });

  test("a run that has computed before is looked at again for as long as it waits", async () => {
    const where = computing();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      await where.work("first");
      await Step.run(ctx, "first", () => 1);
      const other = Step.wait(ctx, go);
      await where.work("second");
      return [await Step.run(ctx, "second", () => 2), await other];
    });
    const runtime = await where.open([flow]);
    const run = await Workflow.start(runtime, flow, undefined, { id: "run" });
    await where.finish("first");
    for (const age of [60_000, 600_000, 3_600_000]) {
      await where.world.clock.advance(age);
      expect(await wakeAt(where.world, run)).toBeGreaterThan(where.world.clock.now());
    }
  });

  test("a run that has not computed has its own wake time after a minute, or none", async () => {
    const world = setup();
    const waits = Workflow.define({ name: "waits" }, (ctx) => Step.wait(ctx, go));
    const sleeps = Workflow.define({ name: "sleeps" }, (ctx) => Step.sleep(ctx, "long", "30d"));
    const runtime = await world.open([waits, sleeps]);
    const due = world.clock.now() + 30 * 86_400_000;
    const [one, two] = [await Workflow.start(runtime, waits), await Workflow.start(runtime, sleeps)];
    await world.clock.settle();
    expect(await wakeAt(world, one)).toBe(world.clock.now() + 5_000);
    expect([(await Run.get(one)).wakeAt, (await Run.get(two)).wakeAt]).toEqual([null, due]);
    await world.clock.advance(4_500);
    expect(await wakeAt(world, one)).toBe(world.clock.now() + 55_500);
    await world.clock.advance(60_000);
    expect([await wakeAt(world, one), await wakeAt(world, two)]).toEqual([null, due]);
    expect([(await Run.get(one)).wakeAt, (await Run.get(two)).wakeAt]).toEqual([null, due]);
    const { lookingAgain } = engineOf(runtime);
    expect([lookingAgain.early.runs.length, lookingAgain.late.runs.length]).toEqual([0, 0]);
    // Nothing of this was an execution.
    expect((await world.ask<{ lease: number }>(sql`select lease from holdfast_runs`)).map(({ lease }) => lease)).toEqual([1, 1]);
  });
});

const databaseFor: Readonly<Record<typeof on, (name: string) => Promise<string>>> = {
  sqlite: async (name) => `sqlite:${join(folder(), `${name}.db`)}`,
  postgres: async (name) => {
    const url = process.env["HOLDFAST_TEST_POSTGRES"] ?? "postgres://postgres@127.0.0.1:5432";
    const schema = `left_${name}_${process.pid}`;
    const client = new SQL(`${url}/postgres`);
    await client.unsafe(`drop schema if exists ${schema} cascade`);
    await client.unsafe(`create schema ${schema}`);
    await client.close();
    return `${url}/postgres?search_path=${schema}`;
  },
  mysql: async (name) => {
    const url = process.env["HOLDFAST_TEST_MYSQL"] ?? "mysql://root@127.0.0.1:3306";
    const schema = `left_${name}_${process.pid}`;
    const client = new SQL(`${url}/mysql`);
    await client.unsafe(`drop database if exists ${schema}`);
    await client.unsafe(`create database ${schema}`);
    await client.close();
    return `${url}/${schema}`;
  },
};

describe("a process that is killed in the middle of what a body computes", () => {
  test.each(["wait", "sleep", "call"])(
    "leaves nothing behind beside a %s",
    async (beside) => {
      const database = await databaseFor[on](beside);
      const start = (lives: string) =>
        Bun.spawn(["bun", join(import.meta.dir, "computing.child.ts"), database, beside, lives], {
          stdout: "pipe",
          stderr: "pipe",
        });
      await start("dies").exited;
      const next = start("lives");
      expect((await new Response(next.stdout).text()).trim()).toBe("stored");
      expect(await next.exited).toBe(0);
    },
    60_000,
  );
});
