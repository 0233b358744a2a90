// A transaction of the user's that has ended before Holdfast writes into it is noticed, on every driver: nothing is accepted and lost, or kept by itself.
import { describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { sql } from "drizzle-orm";
import { drizzle as onBun } from "drizzle-orm/bun-sql";
import { drizzle as onMysql2 } from "drizzle-orm/mysql2";
import { drizzle as onPg } from "drizzle-orm/node-postgres";
import { Pool } from "pg";
import { Run, Runtime, Step, Workflow } from "../../src/index.ts";
import { thrownBy } from "../face/scene.ts";
import { afterwards, silent } from "../kit/world.ts";
import * as mysql from "../store/mysql.kit.ts";
import * as postgres from "../store/postgres.kit.ts";

type Tx = { readonly execute: (query: ReturnType<typeof sql>) => PromiseLike<unknown> };
type Db = Tx & { readonly transaction: <T>(work: (tx: Tx) => Promise<T>) => Promise<T> };

const drivers: Readonly<Record<string, { readonly isThere: boolean; readonly open: () => Promise<readonly [string, Db]> }>> = {
  "bun-sql": {
    isThere: await postgres.isThere(),
    open: async () => {
      const url = await postgres.ownDatabase();
      const client = new SQL(url, { max: 4 });
      afterwards(() => client.close({ timeout: 0 }));
      return [url, onBun({ client })];
    },
  },
  "node-postgres": {
    isThere: await postgres.isThere(),
    open: async () => {
      const url = await postgres.ownDatabase();
      const pool = new Pool({ connectionString: url, max: 4 });
      afterwards(() => pool.end());
      return [url, onPg(pool)];
    },
  },
  mysql2: {
    isThere: await mysql.isThere(),
    open: async () => {
      const url = await mysql.freshDatabase();
      return [url, onMysql2({ client: mysql.poolOn(url, 4) })];
    },
  },
};

const scene = async (driver: string, work: (tx: Tx, attempt: number) => Promise<unknown>) => {
  const [url, db] = await (drivers[driver] as (typeof drivers)[string]).open();
  await db.execute(sql`create table notes (line varchar(100) not null primary key)`);
  let attempts = 0;
  const flow = Workflow.define({ name: "flow" }, (ctx) =>
    Step.transaction(ctx, "note", db as never, (tx: never) => work(tx, ++attempts) as never, {
      retry: { attempts: 3, delay: 1 },
    }),
  );
  const runtime = await Runtime.open({ database: url, workflows: [flow], logger: silent });
  afterwards(() => Runtime.close(runtime));
  const run = await Workflow.start(runtime, flow, undefined, { id: "one" });
  return { run, runtime, flow, db, attempts: () => attempts };
};

const causeOf = async (run: Parameters<typeof Run.result>[0]): Promise<{ readonly code?: string; readonly message: string }> =>
  ((await thrownBy(() => Run.result(run, { timeout: "20s" }))) as unknown as Error).cause as never;

const write = (tx: Tx, line: string): PromiseLike<unknown> => tx.execute(sql`insert into notes (line) values (${line})`);

describe.each(Object.entries(drivers))("through %s", (driver, { isThere }) => {
  test.skipIf(!isThere).each(["rollback", "commit"] as const)(
    "a function that says %s fails its step at once, and it is not recorded as done",
    async (word) => {
      const { run, attempts } = await scene(driver, async (tx) => {
        await write(tx, "mine");
        await tx.execute(sql.raw(word));
        return "done";
      });
      expect(await causeOf(run)).toMatchObject({ code: "transaction_ended" });
      expect(attempts()).toBe(1);
      expect((await Run.history(run)).map(({ kind }) => kind)).toEqual(["started", "step-failed", "failed"]);
    },
  );

  test.skipIf(!isThere)("a start with a transaction that is over is refused, and there is no run", async () => {
    const { runtime, flow, db } = await scene(driver, async (tx) => write(tx, "mine"));
    let kept: Tx | undefined;
    await db.transaction(async (tx) => {
      kept = tx;
      await write(tx, "other");
    });
    const fault = await thrownBy(
      () => Workflow.start(runtime, flow, undefined, { id: "late", tx: kept as never }) as Promise<unknown>,
    );
    expect(fault.code).toBe("invalid_option");
    expect((await Run.list(runtime)).runs.map(({ id }) => id)).toEqual(["one"]);
  });

  test.skipIf(!isThere)("a savepoint of the function ends nothing", async () => {
    const { run } = await scene(driver, async (tx) => {
      await tx.execute(sql`savepoint mine`);
      await write(tx, "taken back");
      await tx.execute(sql`rollback to savepoint mine`);
      await write(tx, "kept");
      return "done";
    });
    expect((await Run.result(run, { timeout: "20s" })) as unknown).toBe("done");
  });
});

test.skipIf(!(await postgres.isThere())).each(["bun-sql", "node-postgres"])(
  "through %s: a query that failed, and that the function swallowed, is told as the reason",
  async (driver) => {
    const { run, attempts } = await scene(driver, async (tx) => {
      await write(tx, "once");
      await Promise.resolve(write(tx, "once")).catch(() => {});
      return "done";
    });
    expect(await causeOf(run)).toMatchObject({
      code: "transaction_failed",
      message: expect.stringContaining("savepoint") as string,
    });
    expect(attempts()).toBe(3);
  },
);

describe.skipIf(!(await mysql.isThere()))("on MySQL", () => {
  test("a statement that commits by itself is noticed", async () => {
    const { run } = await scene("mysql2", async (tx) => {
      await write(tx, "mine");
      await tx.execute(sql`create table others (line varchar(100))`);
      return "done";
    });
    expect(await causeOf(run)).toMatchObject({ code: "transaction_ended" });
  });

  test("a query that failed there ends no transaction", async () => {
    const { run } = await scene("mysql2", async (tx) => {
      await write(tx, "once");
      await Promise.resolve(write(tx, "once")).catch(() => {});
      return "done";
    });
    expect((await Run.result(run, { timeout: "20s" })) as unknown).toBe("done");
  });
});
