// Workflow.start with { tx }: the run is part of the user's own transaction.
import { describe, expect, test as always } from "bun:test";
import { sqliteTable, integer, text } from "drizzle-orm/sqlite-core";
import { Run, Step, Workflow } from "../../src/index.ts";
import { z } from "zod";
import { share, together } from "../engine/shared.ts";
import { setup, on } from "../kit/world.ts";
import { thrown, thrownBy } from "./scene.ts";

// Transactions of the user's on SQLite are synchronous; those behind a server have tests of their own.
const test = on === "sqlite" ? always : always.skip;

const orders = sqliteTable("orders", { id: integer("id").primaryKey(), note: text("note") });
const create = "create table orders (id integer primary key, note text) strict";
const flow = Workflow.define({ name: "flow" }, (ctx, n: number) => Step.run(ctx, "a", () => n + 1));

const scene = async () => {
  const world = setup();
  world.client.run(create);
  return { world, runtime: await world.open([flow]) };
};

test("commit: the rows and the run are there together, and the run is executed", async () => {
  const { world, runtime } = await scene();
  const run = world.db.transaction((tx) => {
    tx.insert(orders).values({ id: 1, note: "x" }).run();
    return Workflow.start(runtime, flow, 1, { tx, id: "one", tags: ["t"] });
  });
  expect(run.disposition).toBe("created");
  expect(await world.result(run)).toBe(2);
  expect(world.db.select().from(orders).all().length).toBe(1);
  expect((await Run.list(runtime, { tag: "t" })).runs.length).toBe(1);
});

test("outside of a transaction, and with what is none, it is refused", async () => {
  const { world, runtime } = await scene();
  expect((await thrownBy(() => Workflow.start(runtime, flow, 1, { tx: world.db as never, id: "one" }))).code).toBe(
    "invalid_option",
  );
  expect((await thrownBy(() => Workflow.start(runtime, flow, 1, { tx: {} as never, id: "one" }))).code).toBe("foreign_database");
  let late: typeof world.db | undefined;
  world.db.transaction((tx) => void (late = tx as never));
  expect((await thrownBy(() => Workflow.start(runtime, flow, 1, { tx: late as never, id: "one" }))).code).toBe("invalid_option");
  expect((await Run.list(runtime)).runs).toEqual([]);
  type Tx = Parameters<Parameters<typeof world.db.transaction>[0]>[0];
  const run = world.client.transaction((tx: Tx) => Workflow.start(runtime, flow, 1, { tx, id: "two" }))(world.db as never);
  expect(await world.result(run)).toBe(2);
});

test("rollback: neither is there, the handle finds no run, nothing runs", async () => {
  const { world, runtime } = await scene();
  let run: Run.Handle | undefined;
  expect(() =>
    world.db.transaction((tx) => {
      tx.insert(orders).values({ id: 1 }).run();
      run = Workflow.start(runtime, flow, 1, { tx, id: "one" });
      throw new Error("no");
    }),
  ).toThrow("no");
  await world.clock.advance(1_000);
  expect(world.db.select().from(orders).all()).toEqual([]);
  expect((await Run.list(runtime)).runs).toEqual([]);
  const other = await Workflow.start(runtime, flow, 41, { id: "another" });
  expect(await world.result(other)).toBe(42);
  expect((await thrown(Run.get(run as Run.Handle))).code).toBe("run_not_found");
  expect((await thrown(Run.result(run as Run.Handle))).code).toBe("run_not_found");
});

test("an id that exists answers with that run; a conflict throws and rolls the user's rows back", async () => {
  const { world, runtime } = await scene();
  await Workflow.start(runtime, flow, 1, { id: "one" });
  const existing = world.db.transaction((tx) => Workflow.start(runtime, flow, 1, { tx, id: "one" }));
  expect(existing.disposition).toBe("existing");
  for (const [input, options, code] of [
    [2, {}, "run_conflict"],
    [1, { onConflict: "reject" }, "run_exists"],
  ] as const) {
    const error = await thrownBy(() =>
      world.db.transaction((tx) => {
        tx.insert(orders).values({ id: 1 }).run();
        return Workflow.start(runtime, flow, input, { tx, id: "one", ...options });
      }),
    );
    expect(error.code).toBe(code);
    expect(world.db.select().from(orders).all()).toEqual([]);
  }
});

test("an input that is refused throws at once and rolls back", async () => {
  const { world, runtime } = await scene();
  const strict = Workflow.define({ name: "strict", input: z.number() }, (_, n) => n);
  const later = Workflow.define({ name: "later", input: z.number().refine(async () => true) }, (_, n) => n);
  for (const [workflow, input, code] of [
    [strict, "x", "invalid_input"],
    [flow, () => 1, "invalid_value"],
    [later, 1, "invalid_option"],
  ] as const) {
    const error = await thrownBy(() =>
      world.db.transaction((tx) => {
        tx.insert(orders).values({ id: 1 }).run();
        return Workflow.start(runtime, workflow, input as never, { tx });
      }),
    );
    expect(error.code).toBe(code);
  }
  expect(world.db.select().from(orders).all()).toEqual([]);
});

test("a delay holds from the start, not from the commit", async () => {
  const { world, runtime } = await scene();
  const run = world.db.transaction((tx) => Workflow.start(runtime, flow, 1, { tx, delay: "1h" }));
  expect((await Run.get(run)).status).toBe("scheduled");
  const startedAt = world.clock.now();
  await world.result(run);
  expect(world.clock.now() - startedAt).toBe(3_600_000);
});

describe("on a file", () => {
  test("commit runs it here or elsewhere, rollback leaves nothing, a crash after the commit loses nothing", async () => {
    const shared = share();
    shared.client.run(create);
    const { runtime, clock } = await shared.open([flow]);
    const run = shared.db.transaction((tx) => {
      tx.insert(orders).values({ id: 1 }).run();
      return Workflow.start(runtime, flow, 1, { tx, id: "one" });
    });
    await clock.advance(1_000);
    expect(await Run.result(run)).toBe(2);
    expect(() =>
      shared.db.transaction((tx) => {
        Workflow.start(runtime, flow, 1, { tx, id: "two" });
        throw new Error("no");
      }),
    ).toThrow("no");
    expect((await thrown(Run.get(Run.of(runtime, "two")))).code).toBe("run_not_found");
    shared.db.transaction((tx) => Workflow.start(runtime, flow, 10, { tx, id: "three" }));
    await shared.kill(runtime);
    const next = await shared.open([flow]);
    await together([next.clock], 40_000, 1_000);
    expect(await Run.result(Run.of(next.runtime, "three"))).toBe(11);
  });

  test("a transaction on another database is refused with foreign_database", async () => {
    const shared = share();
    const { runtime } = await shared.open([flow]);
    const elsewhere = setup();
    const error = await thrownBy(() => elsewhere.db.transaction((tx) => Workflow.start(runtime, flow, 1, { tx })));
    expect(error.code).toBe("foreign_database");
  });
});
