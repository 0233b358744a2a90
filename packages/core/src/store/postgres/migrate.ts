/** What PostgreSQL tells of itself, so that its schema can be moved: all migrations in one transaction, by one process. */
import type { Migration } from "../migration.ts";
import type { Migrator } from "../migrations/migrator.ts";
import { quietly, say, type Steps } from "../migrations/steps.ts";
import { judge } from "./errors.ts";
import { migrations as ours } from "./migrations.gen.ts";
import { shape, wanted } from "./shape.ts";
import { lockOf } from "./text.ts";

function* columnsOf(table: string): Steps<readonly string[]> {
  // The catalog itself is asked: what a transaction has once not found by name it may not find for as long as it lasts.
  const rows = yield* say(
    `select a.attname::text as name from pg_catalog.pg_attribute as a join pg_catalog.pg_class as c on c.oid = a.attrelid join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where n.nspname = any(current_schemas(false)) and c.relname = '${table}' and a.attnum > 0 and not a.attisdropped`,
  );
  return rows.map(({ name }) => String(name));
}

/** The five letters of an error, also where a client has wrapped it. */
const codeOf = (error: unknown): unknown => {
  const { code, errno } = error as { code?: unknown; errno?: unknown };
  return typeof errno === "string" ? errno : code;
};

const made = /^(42P07|42701|42710)$/;
const gone = /^(42P01|42703|42704)$/;

const isDone = (error: unknown, statement: string): boolean => {
  const code = String(codeOf(error));
  return made.test(code) || (/\bdrop\b/i.test(statement) && gone.test(code));
};

/** Whoever waits for a lock has everybody behind it wait too: so it is only for a moment, and tried again. */
const beginning = [
  "begin isolation level read committed",
  "set local lock_timeout = 1000",
  "set local statement_timeout = 0",
  "set local idle_in_transaction_session_timeout = 0",
  // A transaction's lock: it goes with its connection, and works behind a pooler.
  "select pg_advisory_xact_lock(1215, -1)",
];

const moment = "floor(extract(epoch from clock_timestamp()) * 1000)::bigint";

export const migratorOf = (migrations: readonly Migration[] = ours): Migrator => ({
  dialect: "postgres",
  migrations,
  takesBack: true,
  columnsOf,
  makeVersions:
    "create table if not exists holdfast_migrations (version integer primary key, name text not null, applied_at bigint not null, needs integer)",
  now: moment,
  *begin() {
    try {
      for (const text of beginning) yield* say(text);
    } catch (error) {
      yield* quietly(["rollback"]);
      throw error;
    }
  },
  commit: ["commit"],
  rollback: ["rollback"],
  script: { begin: ["begin", "set local lock_timeout = '1s'", "select pg_advisory_xact_lock(1215, -1)"], commit: ["commit"] },
  savepoint: true,
  isHeld: (error) => judge(error) === "blocked" || judge(error) === "again",
  isDone,
  readWorkers: "select * from holdfast_workers",
  holdOffWorkers: ["lock table holdfast_workers in share row exclusive mode"],
  *bury(worker, beat) {
    yield* say(`select pg_advisory_xact_lock(${lockOf(`${worker}::bigint`)})`);
    yield* say(`delete from holdfast_workers where key = ${worker} and beat = ${beat}`);
    yield* say(
      `update holdfast_runs set worker = null, lease = lease + 1, status = case when pause then 'paused' else 'queued' end,
         wake_at = case when pause then null else ${moment} end where worker = ${worker} and ended_at is null`,
    );
  },
  shape,
  wanted,
});
