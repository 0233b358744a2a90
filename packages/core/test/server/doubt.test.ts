// A transaction of the user's whose commit fails after its record was given its place, while others of the same run ask for theirs.
import { describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/bun-sql";
import { engineOf } from "../../src/engine/opened.ts";
import { Run, Runtime, Step, Workflow } from "../../src/index.ts";
import { until } from "../kit/until.ts";
import { afterwards, silent } from "../kit/world.ts";
import { isThere, ownDatabase } from "../store/postgres.kit.ts";

type Tx = { readonly execute: (query: ReturnType<typeof sql>) => Promise<unknown> };

/** The user's database; the first of its transactions calls `before` when all is written and nothing is committed. */
const userOn = (url: string, before: (tx: Tx) => Promise<void>) => {
  const client = new SQL(url, { max: 2 });
  afterwards(() => client.close({ timeout: 0 }));
  const db = drizzle({ client });
  const transaction = db.transaction.bind(db);
  let isFirst = true;
  db.transaction = ((work: (tx: unknown) => Promise<unknown>) =>
    transaction(async (tx) => {
      const answer = await work(tx);
      if (isFirst) {
        isFirst = false;
        await before(tx);
      }
      return answer;
    })) as typeof db.transaction;
  return db;
};

const seqsOf = async (run: Run.Handle): Promise<number[]> => (await Run.history(run)).map(({ seq }) => seq);

describe.skipIf(!(await isThere()))("on PostgreSQL", () => {
  const scene = async (fail: (tx: Tx, url: string) => Promise<void>) => {
    const url = await ownDatabase();
    const gate = Promise.withResolvers<string>();
    let runtime: Runtime.Runtime | undefined = undefined;
    const lastSeq = (): number => (runtime ? Math.max(0, ...[...engineOf(runtime).executing.values()].map(({ seq }) => seq)) : 0);
    const db = userOn(url, async (tx) => {
      const before = lastSeq();
      gate.resolve("done");
      await until("the other asks for its place", () => lastSeq() > before);
      await fail(tx, url);
    });
    const flow = Workflow.define({ name: "flow" }, async (ctx) =>
      Promise.all([Step.transaction(ctx, "book", db, async () => "booked"), Step.run(ctx, "other", () => gate.promise)]),
    );
    runtime = await Runtime.open({ database: url, workflows: [flow], logger: silent, lease: 6_000, drain: 500 });
    const opened = runtime;
    afterwards(() => Runtime.close(opened));
    return Workflow.start(runtime, flow, undefined, { id: "one" });
  };

  test("a connection that is lost before the commit leaves no hole where the record was to stand", async () => {
    const run = await scene(async (tx, url) => {
      const [{ pid } = { pid: 0 }] = (await tx.execute(sql`select pg_backend_pid() as pid`)) as { pid: number }[];
      const admin = new SQL(url, { max: 1 });
      await admin.unsafe(`select pg_terminate_backend(${pid})`);
      await admin.close({ timeout: 0 });
    });
    expect(await Run.result(run)).toEqual(["booked", "done"]);
    const seqs = await seqsOf(run);
    expect(seqs).toEqual(seqs.map((_, index) => index));
  }, 60_000);

  test("a commit that is refused for good leaves a note in the place of the record", async () => {
    const run = await scene(async (tx) => {
      await tx.execute(sql`create table once (n int unique deferrable initially deferred)`);
      await tx.execute(sql`insert into once values (1), (1)`);
    });
    expect(await Run.result(run)).toEqual(["booked", "done"]);
    const seqs = await seqsOf(run);
    expect(seqs).toEqual(seqs.map((_, index) => index));
  }, 60_000);

  test("a transaction that its client ends ahead of its function holds up nothing of the run", async () => {
    const url = await ownDatabase();
    const client = new SQL(url, { max: 2 });
    afterwards(() => client.close({ timeout: 0 }));
    const db = drizzle({ client });
    const transaction = db.transaction.bind(db);
    const called = Promise.withResolvers<void>();
    let times = 0;
    db.transaction = ((work: (tx: unknown) => Promise<unknown>) => {
      const working = transaction(work);
      if (times++ > 0) return working;
      const gone = Object.assign(new Error("Connection closed"), { code: "ERR_POSTGRES_CONNECTION_CLOSED" });
      working.catch(() => {});
      return called.promise.then(() => {
        throw gone;
      });
    }) as typeof db.transaction;
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.transaction(ctx, "book", db, async () => {
        called.resolve();
        return "booked";
      }),
    );
    const runtime = await Runtime.open({ database: url, workflows: [flow], logger: silent, lease: 6_000, drain: 500 });
    afterwards(() => Runtime.close(runtime));
    const run = await Workflow.start(runtime, flow, undefined, { id: "one" });
    expect(await Run.result(run, { timeout: "20s" })).toBe("booked");
    const seqs = await seqsOf(run);
    expect(seqs).toEqual(seqs.map((_, index) => index));
  }, 60_000);

  test("what a branch records while the transaction waits for its place stands before it or behind it, also when the commit's answer is lost", async () => {
    const url = await ownDatabase();
    const client = new SQL(url, { max: 30 });
    afterwards(() => client.close({ timeout: 0 }));
    const db = drizzle({ client });
    await db.execute(sql`create table booked (run text)`);
    const transaction = db.transaction.bind(db);
    const lost = new Set<string>();
    const flow = Workflow.define({ name: "flow" }, async (ctx, name: string) => {
      let isBooked = false;
      const busy = async (): Promise<number> => {
        let steps = 0;
        // oxlint-disable-next-line eslint/no-unmodified-loop-condition -- another branch does
        while (!isBooked && steps < 200) steps += await Step.run(ctx, "busy", () => 1);
        return steps;
      };
      const losing = new Proxy(db, {
        get: (target, what) =>
          what !== "transaction"
            ? (Reflect.get(target, what) as unknown)
            : async (work: (tx: unknown) => Promise<unknown>) => {
                const answer = await transaction(work);
                if (lost.has(name)) return answer;
                lost.add(name);
                throw Object.assign(new Error("Connection closed"), { code: "ERR_POSTGRES_CONNECTION_CLOSED" });
              },
      });
      const book = Step.transaction(ctx, "book", losing, async (tx) => {
        await Bun.sleep(5);
        await tx.execute(sql`insert into booked values (${name})`);
      }).then(() => {
        isBooked = true;
      });
      const more = Step.transaction(ctx, "more", db, async (tx) => {
        await Bun.sleep(5);
        await tx.execute(sql`insert into booked values (${`more of ${name}`})`);
      });
      return Promise.all([book, more, busy()]);
    });
    const runtime = await Runtime.open({ database: url, workflows: [flow], logger: silent, lease: 6_000, drain: 500 });
    afterwards(() => Runtime.close(runtime));
    const runs = await Promise.all(Array.from({ length: 20 }, (_, index) => Workflow.start(runtime, flow, `run ${index}`)));
    await Promise.all(runs.map((run) => Run.result(run)));
    expect(lost.size).toBe(20);
    for (const run of runs) {
      const seqs = await seqsOf(run);
      expect(seqs).toEqual(seqs.map((_, index) => index));
    }
    const rows = await db.execute<{ n: string }>(sql`select count(*) as n, count(distinct run) as runs from booked`);
    expect(rows[0]).toMatchObject({ n: "40", runs: "40" });
  }, 60_000);
});
