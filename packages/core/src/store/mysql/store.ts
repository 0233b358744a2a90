/** Opening a store on MySQL or MariaDB. */
import { sql, type SQL as DrizzleSql } from "drizzle-orm";
import type { Hooks, Store } from "../contract.ts";
import { machinePace } from "../pace.ts";
import { startBeside } from "../server/beside.ts";
import { createClock } from "../server/clock.ts";
import type { Dialect, Statement } from "../server/dialect.ts";
import { whole } from "../server/fields.ts";
import { createPool, firstConnection, type Fields, type Link, type Pool } from "../server/link.ts";
import { openSchema } from "../server/schema.ts";
import type { Reach } from "../server/address.ts";
import { createStore } from "../server/store.ts";
import { createTransactions } from "../server/transact.ts";
import { faultAt } from "../server/unreachable.ts";
import { mysql } from "./dialect.ts";
import { isFull, isNoSavepoint } from "./errors.ts";
import { askSettings, refuseReadOnly } from "./durability.ts";
import { toldBy } from "./workers.ts";
import { createEar, tellWithin } from "./ear.ts";
import { migratorOf } from "./migrate.ts";
import { statement } from "./text.ts";
import { findRunNow } from "./writes.ts";
import { wayThrough, wayTo, type Way } from "./wire.ts";

/** The ear looks by itself; these are for what it missed. */
const looks = { poll: 5_000, others: 1_800, rare: 10_000 };

const toDrizzle = ({ text, params }: Statement): DrizzleSql =>
  sql.join(
    text
      .split("?")
      .flatMap((part, index) => (index === 0 ? [sql.raw(part)] : [sql`${params[index - 1] ?? null}`, sql.raw(part)])),
  );

/** Two servers may both have a database of this name; one of them made its tables at this moment. */
const whereAmI = statement(
  "select database() as `database`, @@hostname as host, @@port as port, (select unix_timestamp(t.create_time) from information_schema.tables as t where t.table_schema = database() and t.table_name = 'holdfast_migrations') as made",
);

/** Opens a database by its URL: made ready when it is empty. Throws `invalid_option`, and a `storage_…` or `schema_…` fault. */
export const openMysql = async (url: string, hooks: Hooks, reach: Reach = {}): Promise<Store> =>
  open(await wayTo(url, reach, hooks.lease), hooks);

/** The same through the pool under a Drizzle database of the user's. */
export const openThrough = async (client: unknown, hooks: Hooks, reach: Reach = {}): Promise<Store> =>
  open(wayThrough(client, reach, hooks.lease), hooks);

const open = async ({ name, open, options, most, deadline }: Way, hooks: Hooks): Promise<Store> => {
  const { pace = machinePace } = hooks;
  const pool = createPool(open, {
    max: most,
    deadline,
    first: firstConnection,
    isHarmless: (error) => mysql.judge(error) === "again" || mysql.judge(error) === "defect",
    isFull,
    pace,
  });
  try {
    const clock = createClock(pace);
    const migrator = migratorOf(hooks.schema?.migrations);
    await pool.use(async (link) => {
      const settings = await askSettings(link);
      refuseReadOnly(settings, name);
      hooks.beforeWriting?.(name, settings);
    }, firstConnection);
    await openSchema(pool, migrator, hooks.schema);
    const dialect = await pool.use(async (link) => {
      const askedAt = pace.monotonic();
      const [row] = await link.send(mysql.now().text);
      if (row) clock.learn(whole(row, "now"), askedAt);
      return fitting(link);
    }, firstConnection);
    const ear = await createEar(pool, { poll: looks.poll, pace });
    return createStore(
      {
        name,
        dialect,
        pool,
        clock,
        looks,
        askSettings,
        migrator,
        ear,
        beatApart: (worker, every) =>
          options && startBeside({ ...options, max: 1, idleTimeout: 0 }, mysql.beat(0, null).text, { worker, every, deadline }),
        transactions: createTransactions({
          dialect,
          toDrizzle,
          whereAmI,
          ours: () => place(pool),
          findRun: findRunNow,
          patience: undefined,
          deadline,
          marks: {
            set: (mark) => statement(`savepoint ${mark}`),
            ask: (mark) => statement(`release savepoint ${mark}`),
            isGone: isNoSavepoint,
            isFailed: () => false,
          },
          lockLease: (run, number) =>
            statement("select r.key from holdfast_runs as r where r.key = ? and r.lease = ? lock in share mode", run, number),
          tellWithin,
          pace,
        }),
        close: async () => ear.close(),
      },
      hooks,
    );
  } catch (error) {
    await pool.close();
    throw faultAt(name, mysql, error);
  }
};

/**
 * How a server is told from others: MySQL has a number for it, MariaDB one for its machine and port. The nodes of a Galera cluster, of TiDB and of others that are many under one
 * name have all the same rows, and each says that it is another: they are not asked.
 */
const fitting = async (link: Link): Promise<Dialect> => {
  const rows = await link.send(
    "show variables where variable_name in ('server_uuid', 'server_uid', 'wsrep_on', 'version', 'version_comment')",
  );
  const said = new Map(rows.map((row) => [String(row["Variable_name"]), String(row["Value"])]));
  const isMany =
    said.get("wsrep_on") === "ON" || /tidb|vitess|oceanbase/i.test(`${said.get("version")} ${said.get("version_comment")}`);
  if (isMany) return mysql;
  if (said.has("server_uuid")) return { ...mysql, ...toldBy("@@server_uuid") };
  if (said.has("server_uid")) return { ...mysql, ...toldBy("concat(@@server_uid, '/', @@hostname, '/', @@port)") };
  return mysql;
};

const place = async (pool: Pool): Promise<Fields> => {
  const [row] = await pool.use((link) => link.send(whereAmI.text));
  return row ?? {};
};
