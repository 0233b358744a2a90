/** What SQLite tells of itself, so that its schema can be moved: each migration in one transaction, by one process. */
import type { Database } from "bun:sqlite";
import { newestOf, type Migration, type Opening } from "../migration.ts";
import { inspect, look, refuseUnfit } from "../migrations/look.ts";
import { migrate } from "../migrations/migrate.ts";
import type { Migrator } from "../migrations/migrator.ts";
import { doNow, say, type Fields, type Steps } from "../migrations/steps.ts";
import { migrations as ours } from "./migrations.gen.ts";
import { shape, wanted } from "./shape.ts";
import { isBusy, patiently } from "./trouble.ts";

function* columnsOf(table: string): Steps<readonly string[]> {
  return (yield* say(`select name from pragma_table_info('${table}')`)).map(({ name }) => String(name));
}

const isDone = (error: unknown, statement: string): boolean => {
  const said = error instanceof Error ? error.message : "";
  if (/already exists|duplicate column name/.test(said)) return true;
  return /\bdrop\b/i.test(statement) && /no such (index|table|column)/.test(said);
};

export const migratorOf = (migrations: readonly Migration[] = ours): Migrator => ({
  dialect: "sqlite",
  migrations,
  takesBack: true,
  columnsOf,
  makeVersions:
    "create table if not exists holdfast_migrations (version integer primary key, name text not null, applied_at integer not null, needs integer) strict",
  now: "cast(unixepoch('subsec') * 1000 as integer)",
  *begin() {
    yield* say("BEGIN IMMEDIATE");
  },
  commit: ["COMMIT"],
  rollback: ["ROLLBACK"],
  script: { begin: ["BEGIN IMMEDIATE"], commit: ["COMMIT"] },
  savepoint: false,
  isHeld: isBusy,
  isDone,
  readWorkers: "select * from holdfast_workers",
  holdOffWorkers: [],
  *bury(worker, beat) {
    yield* say(`delete from holdfast_workers where key = ${worker} and beat = ${beat}`);
    yield* say(
      `update holdfast_runs set worker = null, lease = lease + 1, status = case when pause = 1 then 'paused' else 'queued' end,
         wake_at = case when pause = 1 then null else cast(unixepoch('subsec') * 1000 as integer) end where worker = ${worker} and ended_at is null`,
    );
  },
  shape,
  wanted,
});

/** Runs statements one after the other on an open client. None stays prepared: it would keep the file open. */
export const through =
  (client: Database) =>
  (text: string): readonly Fields[] => {
    if (!/^\s*select\b/i.test(text)) {
      client.run(text);
      return [];
    }
    const statement = client.prepare<Fields, []>(text);
    try {
      return statement.all();
    } finally {
      statement.finalize();
    }
  };

/** Throws `schema_newer` for a database on which this release cannot work. Reads only. */
export const refuseNewer = (client: Database, { migrations = ours }: Opening): void => {
  refuseUnfit(
    patiently(() => doNow(look({ columnsOf, migrations }), through(client))),
    migrations,
  );
};

/** Throws what does not fit before anything is written. Answers whether the schema is to be brought to this release's. */
export const inspectNow = (client: Database, { migrate: mode = true, migrations, warn = () => {} }: Opening): boolean =>
  patiently(() => doNow(inspect(migratorOf(migrations), mode, warn), through(client)));

/** Killed in its middle it leaves the schema as it was. */
export const migrateNow = (client: Database, { migrations, isGone }: Opening): void => {
  doNow(migrate(migratorOf(migrations), { isGone }), through(client));
};

export const newest = newestOf(ours);
