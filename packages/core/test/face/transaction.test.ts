// Step.transaction: the user's rows and the step's record are one commit, so the step is done exactly once.
import { describe, expect, test as always } from "bun:test";
import { Database } from "bun:sqlite";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { Run, Step, Workflow } from "../../src/index.ts";
import { share, together } from "../engine/shared.ts";
import { until } from "../kit/until.ts";
import { afterwards, runToEnd, setup, on } from "../kit/world.ts";
import { story, thrown } from "./scene.ts";

// Transactions of the user's on SQLite are synchronous; those behind a server have tests of their own.
const test = on === "sqlite" ? always : always.skip;

const orders = sqliteTable("orders", { id: integer("id").primaryKey({ autoIncrement: true }), note: text("note") });
const create = "create table orders (id integer primary key autoincrement, note text) strict";

const scene = () => {
  const world = setup();
  world.client.run(create);
  return { ...world, count: () => world.db.select().from(orders).all().length };
};

test("keeps the user's rows and the answer, and the body gets the same live and on replay", async () => {
  const world = scene();
  const seen: unknown[] = [];
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    seen.push(
      await Step.transaction(ctx, "insert", world.db, (tx) => ({
        row: tx.insert(orders).values({ note: "a" }).returning().get(),
        at: new Date(5),
      })),
    );
    await Step.sleep(ctx, "nap", "1h");
  });
  const first = await world.open([flow]);
  const run = await Workflow.start(first, flow);
  await world.clock.advance(1_000);
  await world.crash(first);
  await world.result(Run.of(await world.open([flow]), run.id));
  expect(seen).toEqual([1, 2].map(() => ({ row: { id: 1, note: "a" }, at: new Date(5) })));
  expect(world.count()).toBe(1);
});

test("a throw rolls the rows back, and the step is retried with the next attempt", async () => {
  const world = scene();
  const flow = Workflow.define({ name: "flow" }, (ctx) =>
    Step.transaction(
      ctx,
      "insert",
      world.db,
      (tx, { attempt, key }) => {
        tx.insert(orders)
          .values({ note: `${key} ${attempt}` })
          .run();
        if (attempt < 3) throw new Error("no");
        return attempt;
      },
      { retry: { attempts: 3, delay: 1 } },
    ),
  );
  const run = await Workflow.start(await world.open([flow]), flow, undefined, { id: "r" });
  expect(await world.result(run)).toBe(3);
  expect(world.db.select({ note: orders.note }).from(orders).all()).toEqual([{ note: "r/insert 3" }]);
  expect(await story(run)).toEqual(["started", "attempt insert", "attempt insert", "step insert", "completed"]);
});

test("when the attempts are over nothing is kept, and the body gets the last error", async () => {
  const world = scene();
  const flow = Workflow.define({ name: "flow" }, (ctx) =>
    Step.transaction(
      ctx,
      "insert",
      world.db,
      (tx) => {
        tx.insert(orders).values({ id: 1 }).run();
        tx.insert(orders).values({ id: 1 }).run();
      },
      { retry: { attempts: 2, delay: 1 } },
    ),
  );
  const error = await thrown(runToEnd(world, await world.open([flow]), flow, undefined));
  expect(error.cause.message).toContain("UNIQUE");
  expect(world.count()).toBe(0);
});

test("an answer that cannot be kept, or is too large, rolls back at once and names the step", async () => {
  const world = scene();
  for (const [answer, code] of [
    [() => 1, "invalid_value"],
    ["x".repeat(2_000), "value_too_large"],
  ] as const) {
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.transaction(ctx, "insert", world.db, (tx) => (tx.insert(orders).values({}).run(), answer)),
    );
    const error = await thrown(runToEnd(world, await world.open([flow], { payload: 1_000 }), flow, undefined));
    expect(error.cause.code).toBe(code);
    expect(error.cause.message).toContain('step "insert"');
  }
  expect(world.count()).toBe(0);
});

test("an asynchronous function is refused, at once, and nothing is kept", async () => {
  const world = scene();
  let calls = 0;
  const flow = Workflow.define({ name: "flow" }, (ctx) =>
    Step.transaction(ctx, "insert", world.db, (async (tx: typeof world.db) => {
      calls++;
      tx.insert(orders).values({}).run();
    }) as never),
  );
  const error = await thrown(runToEnd(world, await world.open([flow]), flow, undefined));
  expect(error.cause.code).toBe("async_transaction");
  expect([calls, world.count()]).toEqual([1, 0]);
});

test("another database is refused with foreign_database, before the function is called", async () => {
  const world = scene();
  const file = share();
  file.client.run(create);
  const memory = new Database(":memory:");
  memory.run(create);
  afterwards(() => memory.close());
  let calls = 0;
  const inFile = Workflow.define({ name: "in-file" }, (ctx) => Step.transaction(ctx, "insert", file.db, () => ++calls));
  expect((await thrown(runToEnd(world, await world.open([inFile]), inFile, undefined))).cause.code).toBe("foreign_database");
  const inMemory = Workflow.define({ name: "in-memory" }, (ctx) =>
    Step.transaction(ctx, "insert", drizzle(memory), () => ++calls),
  );
  const { runtime, clock } = await file.open([inMemory]);
  const run = await Workflow.start(runtime, inMemory);
  await clock.advance(1_000);
  expect((await Run.get(run)).failure?.code).toBe("foreign_database");
  expect(calls).toBe(0);
});

test("another database in memory is refused too", async () => {
  const world = scene();
  const memory = new Database(":memory:");
  memory.run(create);
  afterwards(() => memory.close());
  let calls = 0;
  const flow = Workflow.define({ name: "flow" }, (ctx) => Step.transaction(ctx, "insert", drizzle(memory), () => ++calls));
  expect((await thrown(runToEnd(world, await world.open([flow]), flow, undefined))).cause.code).toBe("foreign_database");
  expect(calls).toBe(0);
});

test("beside other steps of the run each is done once, and the answers are theirs", async () => {
  const world = scene();
  const flow = Workflow.define({ name: "flow" }, (ctx) =>
    Promise.all([
      ...Array.from({ length: 10 }, (_, n) =>
        Step.transaction(ctx, `t${n}`, world.db, (tx) => (tx.insert(orders).values({}).run(), n)),
      ),
      ...Array.from({ length: 10 }, (_, n) => Step.run(ctx, `s${n}`, () => n)),
    ]),
  );
  const numbers = Array.from({ length: 10 }, (_, n) => n);
  expect(await runToEnd(world, await world.open([flow]), flow, undefined)).toEqual([...numbers, ...numbers]);
  expect(world.count()).toBe(10);
});

test("an undo takes the rows back", async () => {
  const world = scene();
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    await Step.transaction(ctx, "insert", world.db, (tx) => tx.insert(orders).values({ note: "a" }).returning().get().id, {
      undo: (id) => void world.client.run("delete from orders where id = ?", [id]),
    });
    throw new Error("no");
  });
  await thrown(runToEnd(world, await world.open([flow]), flow, undefined));
  expect(world.count()).toBe(0);
});

describe("on a file", () => {
  test("is one commit with the user's table, and a process that dies right after it never repeats it", async () => {
    const shared = share();
    shared.client.run(create);
    let next = Promise.withResolvers<number>();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const id = await Step.transaction(
        ctx,
        "insert",
        shared.db,
        (tx) => tx.insert(orders).values({ note: "a" }).returning().get().id,
      );
      return id + (await Step.run(ctx, "after", () => next.promise));
    });
    const first = await shared.open([flow]);
    const run = await Workflow.start(first.runtime, flow);
    await first.clock.advance(1_000);
    await shared.kill(first.runtime);
    next = Promise.withResolvers();
    next.resolve(100);
    const second = await shared.open([flow]);
    await together([second.clock], 40_000, 1_000);
    expect(await Run.result(Run.of(second.runtime, run.id))).toBe(101);
    expect(shared.db.select().from(orders).all()).toEqual([{ id: 1, note: "a" }]);
  });

  test("a process that dies before the engine hears of the commit does not repeat it either", async () => {
    const shared = share();
    shared.client.run(create);
    const dead: Promise<void>[] = [];
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.transaction(ctx, "insert", shared.db, (tx) => {
        const { id } = tx.insert(orders).values({ note: "a" }).returning().get();
        if (dead.length === 0) queueMicrotask(() => void dead.push(shared.kill(first.runtime)));
        return id;
      }),
    );
    const first = await shared.open([flow]);
    const run = await Workflow.start(first.runtime, flow);
    await first.clock.settle();
    await Promise.all(dead);
    const second = await shared.open([flow]);
    await together([second.clock], 40_000, 1_000);
    expect(await Run.result(Run.of(second.runtime, run.id))).toBe(1);
    expect(shared.db.select().from(orders).all().length).toBe(1);
  });

  test("a worker that has lost the run's lease commits nothing, its rows neither", async () => {
    const shared = share();
    shared.client.run(create);
    let calls = 0;
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.transaction(ctx, "insert", shared.db, (tx) => {
        calls++;
        tx.insert(orders).values({}).run();
        if (calls === 1) tx.run("update holdfast_runs set lease = lease + 1");
        return calls;
      }),
    );
    const { runtime, clock } = await shared.open([flow]);
    const run = await Workflow.start(runtime, flow);
    await clock.advance(500);
    expect(shared.db.select().from(orders).all()).toEqual([]);
    expect(await story(run)).toEqual(["started"]);
  });

  test("the user's own connection may be busy meanwhile: the step waits for its turn", async () => {
    const shared = share();
    shared.client.run(create);
    const user = new Database(shared.file);
    afterwards(() => user.close());
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.transaction(ctx, "insert", shared.db, (tx, { attempt }) => (tx.insert(orders).values({}).run(), attempt)),
    );
    const { runtime, clock } = await shared.open([flow]);
    shared.client.run("PRAGMA busy_timeout = 0");
    const run = await Workflow.start(runtime, flow);
    user.run("begin immediate");
    await clock.settle();
    expect([(await Run.get(run)).status, shared.db.select().from(orders).all()]).toEqual(["running", []]);
    user.run("commit");
    await until("the run is at its end", async () => {
      await clock.advance(10);
      return (await Run.get(run)).status === "completed";
    });
    expect(await Run.result(run)).toBe(1);
  }, 30_000);
});
