/** Opening a store on PostgreSQL. */
import { SQL } from "bun";
import { sql, type SQL as DrizzleSql } from "drizzle-orm";
import type { Hooks, Store } from "../contract.ts";
import { machinePace } from "../pace.ts";
import { startBeside } from "../server/beside.ts";
import { createClock } from "../server/clock.ts";
import type { Statement } from "../server/dialect.ts";
import { whole } from "../server/fields.ts";
import { createPool, firstConnection, type Fields, type Pool } from "../server/link.ts";
import { openSchema } from "../server/schema.ts";
import type { Reach } from "../server/address.ts";
import { createStore } from "../server/store.ts";
import { createTransactions } from "../server/transact.ts";
import { postgres } from "./dialect.ts";
import { askSettings, refuseReadOnly } from "./durability.ts";
import { channel, createEar } from "./ear.ts";
import { migratorOf } from "./migrate.ts";
import { statement } from "./text.ts";
import { wayThrough, wayTo, type Way } from "./wire.ts";

/** All together less than one question a second: hints tell of what is new. */
const looks = { poll: 5_000, others: 1_800, rare: 10_000 };

const toDrizzle = ({ text, params }: Statement): DrizzleSql => {
  const chunks = text
    .split(/\$(\d+)/)
    .map((part, index) => (index % 2 === 0 ? sql.raw(part) : sql`${params[Number(part) - 1] ?? null}`));
  return sql.join(chunks);
};

const whereAmI = statement(
  `select current_database() as database, extract(epoch from pg_postmaster_start_time())::text as started, coalesce(to_regclass('holdfast_runs')::oid::text, '') as "table"`,
);

/** Opens a database by its URL: made ready when it is empty. Throws `invalid_option`, and a `storage_…` or `schema_…` fault. */
export const openPostgres = async (url: string, hooks: Hooks, reach: Reach = {}): Promise<Store> =>
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
    isHarmless: (error) => postgres.judge(error) === "again" || postgres.judge(error) === "defect",
    pace,
  });
  const listener = options && ((): SQL => new SQL({ ...options, max: 1, idleTimeout: 0 }));
  try {
    const clock = createClock(pace);
    const migrator = migratorOf(hooks.schema?.migrations);
    await pool.use(async (link) => {
      const settings = await askSettings(link);
      refuseReadOnly(settings, name);
      hooks.beforeWriting?.(name, settings);
    }, firstConnection);
    await openSchema(pool, migrator, hooks.schema);
    await pool.use(async (link) => {
      const askedAt = pace.monotonic();
      const [row] = await link.send(postgres.now().text);
      if (row) clock.learn(whole(row, "now"), askedAt);
    }, firstConnection);
    const own = Bun.randomUUIDv7();
    const ear = await createEar(listener, { own, poll: looks.poll, deadline, first: firstConnection, pace });
    return createStore(
      {
        name,
        dialect: postgres,
        pool,
        clock,
        looks,
        askSettings,
        migrator,
        ear,
        beatApart: (worker, every) =>
          options &&
          startBeside({ ...options, max: 1, idleTimeout: 0 }, postgres.beat(0, null).text, { worker, every, deadline }),
        transactions: createTransactions({
          dialect: postgres,
          toDrizzle,
          whereAmI,
          ours: () => place(pool),
          patience: statement("select set_config('idle_in_transaction_session_timeout', $1, true)", `${deadline}`),
          findRun: (id) => postgres.findRuns([id]),
          lockLease: (run, number) =>
            statement("select key from holdfast_runs where key = $1 and lease = $2 for share", run, number),
          tellWithin: statement("select pg_notify($1, $2)", channel, ""),
          pace,
        }),
        close: ear.close,
      },
      hooks,
    );
  } catch (error) {
    await pool.close();
    throw postgres.faultOf(error);
  }
};

const place = async (pool: Pool): Promise<Fields> => {
  const [row] = await pool.use((link) => link.send(whereAmI.text));
  return row ?? {};
};
