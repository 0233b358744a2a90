/**
 * What MySQL and MariaDB tell of themselves, so that their schema can be moved by one process at a time. Here each change of a table commits by itself: so
 * each statement can be repeated, and a migration that was killed in its middle is completed by whoever comes next.
 */
import type { Migration } from "../migration.ts";
import type { Migrator } from "../migrations/migrator.ts";
import { quietly, say, type Steps } from "../migrations/steps.ts";
import { judge } from "./errors.ts";
import { migrations as ours } from "./migrations.gen.ts";
import { shape, wanted } from "./shape.ts";

/** Names of locks are known in the whole server, and short. */
const lock = "concat('holdfast ', left(sha2(database(), 256), 32))";

function* columnsOf(table: string): Steps<readonly string[]> {
  const rows = yield* say(
    `select column_name as name from information_schema.columns where table_schema = database() and table_name = '${table}'`,
  );
  return rows.map(({ name }) => String(name));
}

const numberOf = (error: unknown): unknown => (error as { errno?: unknown } | null)?.errno;

/** The table, the column or the index is there already. */
const made = new Set<unknown>([1050, 1060, 1061]);
/** It is gone already. */
const gone = new Set<unknown>([1051, 1091, 1146, 1176]);

const isDone = (error: unknown, statement: string): boolean =>
  made.has(numberOf(error)) || (/\bdrop\b/i.test(statement) && gone.has(numberOf(error)));

const taken = new Error("Another process migrates the database.");

export const migratorOf = (migrations: readonly Migration[] = ours): Migrator => ({
  dialect: "mysql",
  migrations,
  takesBack: false,
  columnsOf,
  makeVersions:
    "create table if not exists holdfast_migrations (version int primary key, name varchar(255) not null, applied_at bigint not null, needs int) engine=InnoDB default charset=utf8mb4",
  now: "floor(unix_timestamp(now(6)) * 1000)",
  *begin() {
    const [held] = yield* say(`select get_lock(${lock}, 1) as held`);
    if (Number(held?.["held"]) !== 1) throw taken;
    // Whoever waits for a table has everybody behind it wait too: so it is only for a moment, and tried again.
    yield* quietly(["set @holdfast_wait = @@session.lock_wait_timeout, session lock_wait_timeout = 1"]);
  },
  commit: ["set session lock_wait_timeout = coalesce(@holdfast_wait, @@session.lock_wait_timeout)", `do release_lock(${lock})`],
  // A connection that is gone has let go of it.
  rollback: ["set session lock_wait_timeout = coalesce(@holdfast_wait, @@session.lock_wait_timeout)", `do release_lock(${lock})`],
  script: { begin: [], commit: [] },
  savepoint: false,
  isHeld: (error) => error === taken || judge(error) === "blocked" || judge(error) === "again",
  isDone,
  readWorkers: "select * from holdfast_workers lock in share mode",
  // What is begun is written down at once, and whoever comes looks there after it has put itself on the list.
  holdOffWorkers: [],
  *bury(worker, beat) {
    yield* say("start transaction");
    yield* say(
      `select w.key from holdfast_workers as w force index (holdfast_workers_shield) where w.key = ${worker} for update`,
    );
    yield* say(`delete from holdfast_workers where \`key\` = ${worker} and beat = ${beat}`);
    yield* say(
      `update holdfast_runs as r force index (holdfast_runs_worker) set r.worker = null, r.lease = r.lease + 1,
         r.status = case when r.pause then 'paused' else 'queued' end,
         r.wake_at = case when r.pause then null else floor(unix_timestamp(now(6)) * 1000) end
       where r.worker = ${worker} and r.ended_at is null`,
    );
    yield* say("commit");
  },
  shape,
  wanted,
});
