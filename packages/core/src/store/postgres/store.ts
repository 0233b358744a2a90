/** Opening a store on PostgreSQL. */
import { SQL } from "bun";
import { sql, type SQL as DrizzleSql } from "drizzle-orm";
import type { Settings } from "../../model/durability/report.ts";
import type { Hooks, Store } from "../contract.ts";
import { machinePace } from "../pace.ts";
import { startBeside } from "../server/beside.ts";
import { createClock } from "../server/clock.ts";
import type { Dialect, Statement } from "../server/dialect.ts";
import { whole } from "../server/fields.ts";
import { createPool, firstConnection, type Fields, type Link, type Pool } from "../server/link.ts";
import { openSchema } from "../server/schema.ts";
import type { Pooler, Reach } from "../server/address.ts";
import { createStore } from "../server/store.ts";
import { createTransactions } from "../server/transact.ts";
import { faultAt } from "../server/unreachable.ts";
import { postgres } from "./dialect.ts";
import { isFailed, isFull, isOver } from "./errors.ts";
import { askSettings, refuseReadOnly } from "./durability.ts";
import { channel, createEar, type Ear, type EarOptions } from "./ear.ts";
import { news, tellWithin } from "./news.ts";
import { createNews } from "../server/news.ts";
import { untold } from "./workers.ts";
import { migratorOf } from "./migrate.ts";
import { statement } from "./text.ts";
import { wayThrough, wayTo, type Way } from "./wire.ts";

/** All together less than one question a second: hints tell of what is new. */
const looks = { poll: 5_000, others: 1_800, rare: 10_000 };
/** Behind a pooler what others have told is looked at too; what those told who are not behind one comes by these. */
const pooledLooks = { ...looks, poll: 2_000 };

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

const open = async (way: Way, hooks: Hooks): Promise<Store> => {
  const { name, open, most, deadline } = way;
  const { pace = machinePace } = hooks;
  const pool = createPool(open, {
    max: most,
    deadline,
    first: firstConnection,
    isHarmless: (error) => postgres.judge(error) === "again" || postgres.judge(error) === "defect",
    isFull,
    pace,
  });
  const ask = async (link: Link): Promise<Settings> => {
    const settings = await askSettings(link);
    return { ...settings, facts: [...settings.facts, { setting: "pooler", value: way.pooler() }] };
  };
  try {
    const clock = createClock(pace);
    const migrator = migratorOf(hooks.schema?.migrations);
    await pool.use(async (link) => {
      const settings = await ask(link);
      refuseReadOnly(settings, name);
      hooks.beforeWriting?.(name, settings);
    }, firstConnection);
    await openSchema(pool, migrator, hooks.schema);
    const dialect = await pool.use(async (link) => {
      const askedAt = pace.monotonic();
      const [row] = await link.send(postgres.now().text);
      if (row) clock.learn(whole(row, "now"), askedAt);
      return fitting(link);
    }, firstConnection);
    const isPooled = way.pooler() === "transaction";
    const options = way.options();
    const listener = options && ((): SQL => new SQL({ ...options, max: 1, idleTimeout: 0 }));
    const hearing = { own: Bun.randomUUIDv7(), deadline, first: firstConnection, pace };
    const ear = await (isPooled ? hearByLooking(pool, hearing) : createEar(listener, { ...hearing, poll: looks.poll }));
    const beat = await beatOf(pool, way.pooler());
    return createStore(
      {
        name,
        dialect,
        pool,
        clock,
        looks: isPooled ? pooledLooks : looks,
        askSettings: ask,
        migrator,
        ear,
        beatApart: (worker, every) =>
          options && startBeside({ ...options, max: 1, idleTimeout: 0 }, beat, { worker, every, deadline }),
        transactions: createTransactions({
          dialect,
          toDrizzle,
          whereAmI,
          ours: () => place(pool),
          patience: statement("select set_config('idle_in_transaction_session_timeout', $1, true)", `${deadline}`),
          findRun: (id) => postgres.findRuns([id]),
          deadline,
          marks: {
            set: (mark) => statement("select set_config('holdfast.transaction', $1, true)", mark),
            ask: (mark) => statement("select coalesce(current_setting('holdfast.transaction', true), '') = $1 as same", mark),
            isGone: isOver,
            isFailed,
          },
          lockLease: (run, number) =>
            statement("select key from holdfast_runs where key = $1 and lease = $2 for share", run, number),
          tellWithin: isPooled ? tellWithin : statement("select pg_notify($1, $2)", channel, ""),
          pace,
        }),
        close: ear.close,
      },
      hooks,
    );
  } catch (error) {
    await pool.close();
    throw faultAt(name, postgres, error);
  }
};

/** Servers that speak PostgreSQL's language without being one do not tell their past. */
const fitting = async (link: Link): Promise<Dialect> => {
  try {
    await link.send(postgres.incarnation?.now().text ?? "");
    return postgres;
  } catch (error) {
    if (postgres.judge(error) === "defect" || (error as { errno?: unknown }).errno === "42501") return { ...postgres, ...untold };
    throw error;
  }
};

const place = async (pool: Pool): Promise<Fields> => {
  const [row] = await pool.use((link) => link.send(whereAmI.text));
  return row ?? {};
};

/** Where the table of news is not there, the slow looks are all there is. */
const hearByLooking = async (pool: Pool, hearing: Omit<EarOptions, "poll">): Promise<Ear> => {
  const options = { ...hearing, poll: pooledLooks.poll };
  try {
    const ear = await createNews(pool, news, options);
    return { ...ear, close: async () => ear.close() };
  } catch (error) {
    if (postgres.judge(error) !== "defect") throw error;
    return createEar(undefined, options);
  }
};

const whereWorkers =
  "select quote_ident(n.nspname) as schema from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace where c.oid = to_regclass('holdfast_workers')";

/** A pooler hands on no search_path: the thread that beats says where the table is. */
const beatOf = async (pool: Pool, pooler: Pooler): Promise<string> => {
  const { text } = postgres.beat(0, null);
  if (pooler === "none") return text;
  const [row] = await pool.use((link) => link.send(whereWorkers));
  return row ? text.replace("holdfast_workers", `${String(row["schema"])}.holdfast_workers`) : text;
};
