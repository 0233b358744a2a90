// Step.transaction and Workflow.start({ tx }) on PostgreSQL: the user's rows and ours are one commit, through two drivers.
import { describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { eq, sql } from "drizzle-orm";
import { drizzle, type BunSQLDatabase } from "drizzle-orm/bun-sql";
import { pgTable, serial, text } from "drizzle-orm/pg-core";
import { Fault, Run, Runtime, Step, Workflow } from "../../src/index.ts";
import { afterwards, silent } from "../kit/world.ts";
import { freshDatabase, isThere } from "../store/postgres.kit.ts";

const notes = pgTable("notes", { id: serial("id").primaryKey(), text: text("text").notNull() });

const scene = async () => {
  const url = await freshDatabase();
  const client = new SQL(url, { max: 8 });
  afterwards(() => client.close({ timeout: 0 }));
  const db = drizzle({ client });
  await db.execute(sql`create table notes (id serial primary key, text text not null unique)`);
  const texts = async (): Promise<string[]> => (await db.select().from(notes).orderBy(notes.id)).map((note) => note.text);
  const open = async (workflows: Runtime.Options["workflows"], database: Runtime.Options["database"] = url) => {
    const runtime = await Runtime.open({ database, workflows, logger: silent, drain: 500 });
    afterwards(() => Runtime.close(runtime));
    return runtime;
  };
  return { url, client, db, texts, open };
};

const write = (tx: Pick<BunSQLDatabase, "insert">, line: string) =>
  tx.insert(notes).values({ text: line }).returning({ id: notes.id });

describe.skipIf(!(await isThere()))("on PostgreSQL", () => {
  test("the user's rows and the answer are one commit, and the function may wait", async () => {
    const { db, texts, open } = await scene();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.transaction(ctx, "note", db, async (tx, { key }) => {
        const [row] = await write(tx, key);
        await tx
          .update(notes)
          .set({ text: `${key}!` })
          .where(eq(notes.id, row?.id ?? 0));
        return row;
      }),
    );
    const run = await Workflow.start(await open([flow]), flow, undefined, { id: "r" });
    expect(await Run.result(run)).toEqual({ id: 1 });
    expect(await texts()).toEqual(["r/note!"]);
    expect((await Run.history(run)).map(({ kind }) => kind)).toEqual(["started", "step", "completed"]);
  });

  test("a throw takes the rows back, and the step is tried again", async () => {
    const { db, texts, open } = await scene();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.transaction(
        ctx,
        "note",
        db,
        async (tx, { attempt }) => {
          await write(tx, `attempt ${attempt}`);
          if (attempt < 3) throw new Error("no");
          return attempt;
        },
        { retry: { attempts: 3, delay: 1 } },
      ),
    );
    expect(await Run.result(await Workflow.start(await open([flow]), flow))).toBe(3);
    expect(await texts()).toEqual(["attempt 3"]);
  });

  test("a driver that never answers holds up neither its run for ever nor who closes, and the rows are there once", async () => {
    const { db, texts, url } = await scene();
    let silence = true;
    // Nothing is answered any more where our record would be written.
    const hushed = new Proxy(db, {
      get: (target, name) =>
        name !== "transaction"
          ? (Reflect.get(target, name) as unknown)
          : (work: (tx: unknown) => Promise<unknown>) =>
              target.transaction(async (tx) => {
                let asked = -3;
                return work(
                  new Proxy(tx, {
                    get: (inner, word) => {
                      if (word === "insert") asked = 0;
                      if (word === "execute" && silence && ++asked === 3) return () => new Promise(() => (silence = false));
                      const value: unknown = Reflect.get(inner, word);
                      return typeof value === "function" ? (value.bind(inner) as unknown) : value;
                    },
                  }),
                );
              }),
    });
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.transaction(ctx, "note", hushed, async (tx, { key }) => (await write(tx, key))[0]),
    );
    const runtime = await Runtime.open({ database: url, workflows: [flow], logger: silent, drain: 500, lease: 3_000 });
    afterwards(() => Runtime.close(runtime));
    const run = await Workflow.start(runtime, flow, undefined, { id: "r" });
    await Run.result(run);
    expect(silence).toBe(false);
    expect(await texts()).toEqual(["r/note"]);
    expect((await Run.history(run)).map(({ kind }) => kind)).toEqual(["started", "step", "completed"]);
    await Runtime.close(runtime);
  }, 30_000);

  test("an answer that cannot be kept takes the rows back", async () => {
    const { db, texts, open } = await scene();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.transaction(
        ctx,
        "note",
        db,
        async (tx) => {
          await write(tx, "late");
          return () => "a function";
        },
        { retry: { attempts: 1 } },
      ),
    );
    const failed = await Run.result(await Workflow.start(await open([flow]), flow)).catch((error: unknown) => error);
    expect(String(failed)).toContain("note");
    expect(await texts()).toEqual([]);
  });

  test("an error of the function that looks like one of the network is an answer to the step, and uses up its attempts", async () => {
    const { db, open } = await scene();
    let calls = 0;
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.transaction(
        ctx,
        "note",
        db,
        () => {
          calls++;
          throw Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:9"), { code: "ECONNREFUSED" });
        },
        { retry: { attempts: 2, delay: 1 } },
      ),
    );
    const failed: unknown = await Run.result(await Workflow.start(await open([flow]), flow)).catch((error: unknown) => error);
    expect(String((failed as Error).cause ?? failed)).toContain("ECONNREFUSED");
    expect(calls).toBe(2);
  });

  test("a session of the user's in another time zone is on the same database", async () => {
    const { url, open } = await scene();
    const client = new SQL(`${url}&timezone=Europe/Berlin`, { max: 2 });
    afterwards(() => client.close({ timeout: 0 }));
    const db = drizzle({ client });
    const flow = Workflow.define({ name: "flow" }, (ctx) => Step.transaction(ctx, "note", db, (tx) => write(tx, "berlin")));
    expect(await Run.result(await Workflow.start(await open([flow]), flow))).toEqual([{ id: 1 }]);
  });

  test("another database is refused before the function is called", async () => {
    const { open } = await scene();
    const elsewhere = await scene();
    let called = false;
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.transaction(ctx, "note", elsewhere.db, () => void (called = true), { retry: { attempts: 1 } }),
    );
    const failed: unknown = await Run.result(await Workflow.start(await open([flow]), flow)).catch((error: unknown) => error);
    expect(String((failed as Error).cause ?? failed)).toContain("another database");
    expect(called).toBe(false);
  });

  test("many at once beside other steps: each is done once", async () => {
    const { db, texts, open } = await scene();
    const flow = Workflow.define<number, string>({ name: "flow" }, async (ctx, n) => {
      const [row, other] = await Promise.all([
        Step.transaction(ctx, "note", db, (tx) => write(tx, `${n}`)),
        Step.run(ctx, "other", () => n),
      ]);
      return `${row.length} ${other}`;
    });
    const runtime = await open([flow]);
    const runs = await Promise.all(Array.from({ length: 50 }, (_, n) => Workflow.start(runtime, flow, n)));
    expect(await Promise.all(runs.map((run) => Run.result(run)))).toEqual(runs.map((_, n) => `1 ${n}`));
    expect((await texts()).toSorted()).toEqual(runs.map((_, n) => `${n}`).toSorted());
  });

  describe("a run started within a transaction", () => {
    const flow = Workflow.define<string, string>({ name: "echo" }, (_, said) => said);

    test("begins with the user's commit", async () => {
      const { db, texts, open } = await scene();
      const runtime = await open([flow]);
      const run = await db.transaction(async (tx) => {
        await write(tx, "ordered");
        const started = await Workflow.start(runtime, flow, "hello", { tx, id: "order-1", tags: ["vip"] });
        await Bun.sleep(50);
        expect(await Runtime.check(runtime)).toEqual([]);
        return started;
      });
      expect(await Run.result(run)).toBe("hello");
      expect(await texts()).toEqual(["ordered"]);
    });

    test("is refused where the whole database is handed over, whose rows would stay", async () => {
      const { db, open } = await scene();
      const runtime = await open([flow]);
      const refused = await db.transaction(() =>
        Workflow.start(runtime, flow, "hello", { tx: db as never, id: "order-3" }).catch((error: unknown) => error),
      );
      expect(Fault.is(refused, "invalid_option")).toBe(true);
      expect((await Run.list(runtime)).runs).toEqual([]);
    });

    test("is not there after a rollback, and an id that exists answers with its run", async () => {
      const { db, texts, open } = await scene();
      const runtime = await open([flow]);
      const broken = db.transaction(async (tx) => {
        await write(tx, "ordered");
        await Workflow.start(runtime, flow, "hello", { tx, id: "order-2" });
        throw new RangeError("no");
      });
      expect(await broken.catch((error: unknown) => error)).toBeInstanceOf(RangeError);
      expect(await texts()).toEqual([]);
      await Workflow.start(runtime, flow, "hello", { id: "order-2" });
      const [again, conflict] = await db.transaction(async (tx) => [
        await Workflow.start(runtime, flow, "hello", { tx, id: "order-2" }),
        await Workflow.start(runtime, flow, "other", { tx, id: "order-2" }).catch((error: unknown) => error),
      ]);
      expect(again).toMatchObject({ disposition: "existing" });
      expect(Fault.is(conflict, "run_conflict")).toBe(true);
    });
  });

  test("a runtime on the user's own Drizzle database shares its pool", async () => {
    const { db, open, texts } = await scene();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      await Step.transaction(ctx, "note", db, (tx) => write(tx, "shared"));
      await Step.sleep(ctx, "nap", 200);
      return Step.run(ctx, "after", () => "done");
    });
    const runtime = await open([flow], db);
    expect(await Run.result(await Workflow.start(runtime, flow))).toBe("done");
    expect(await texts()).toEqual(["shared"]);
    const [count] = (await db.execute(sql`select count(*) as n from holdfast_runs`)) as unknown[];
    expect(count).toEqual({ n: "1" });
  });

  test("a pool too small to share is refused", async () => {
    const { url } = await scene();
    const client = new SQL(url, { max: 2 });
    afterwards(() => client.close({ timeout: 0 }));
    const refused = await Runtime.open({ database: drizzle({ client }), logger: silent }).catch((error: unknown) => error);
    expect(Fault.is(refused, "invalid_option")).toBe(true);
  });
});
