/**
 * The witness: triggers in the database under torture that write down every change of a lease and, with each record, the lease it was
 * written under and when, by the clock of the database. They see what the store really did, whatever the engine believes. The same on every database, in its words.
 */
import type { On } from "./place.ts";

/** The name of a message as the record of a wait has it: as JSON. */
export const quoteName: Readonly<Record<On, (name: string) => string>> = {
  sqlite: (name) => `json_quote(${name})`,
  postgres: (name) => `to_json(${name})::text`,
  mysql: (name) => `json_quote(convert(${name} using utf8mb4))`,
};

const sqliteNow = "cast(unixepoch('now', 'subsec') * 1000 as integer)";

const sqlite = [
  "create table torture_leases (n integer primary key, run integer, lease integer, worker integer, was integer, due integer, at integer)",
  "create table torture_writes (run integer, seq integer, lease integer, worker integer, at integer, primary key (run, seq)) without rowid",
  "create table torture_workers (worker integer primary key, pid integer)",
  "create table torture_ends (n integer primary key, run integer)",
  "create index torture_ends_run on torture_ends (run, n)",
  `create trigger torture_end after update of ended_at on holdfast_runs when new.ended_at is not null begin
    insert into torture_ends (run) values (new.key);
  end`,
  `create trigger torture_lease after update of lease, worker on holdfast_runs
    when new.lease <> old.lease or new.worker is not old.worker begin
    insert into torture_leases (run, lease, worker, was, due, at)
      values (new.key, new.lease, new.worker, old.worker, new.status = 'queued', ${sqliteNow});
  end`,
  `create trigger torture_write after insert on holdfast_history begin
    insert or replace into torture_writes select new.run, new.seq, lease, worker, ${sqliteNow} from holdfast_runs where key = new.run;
  end`,
  `create trigger torture_worker after insert on holdfast_workers begin
    insert or replace into torture_workers (worker, pid) values (new.key, new.pid);
  end`,
];

const postgresNow = "floor(extract(epoch from clock_timestamp()) * 1000)";

/** A trigger of PostgreSQL calls a function. Each of its statements sees what is committed when it begins. */
const onPostgres = (name: string, event: string, act: string): readonly string[] => [
  `create function ${name}() returns trigger language plpgsql as $act$ begin ${act}; return null; end $act$`,
  `create trigger ${name} after ${event} execute function ${name}()`,
];

const postgres = [
  `create table torture_leases (n bigint generated always as identity primary key, run bigint, lease integer, worker bigint, was bigint,
    due integer, at bigint)`,
  "create table torture_writes (run bigint, seq integer, lease integer, worker bigint, at bigint, primary key (run, seq))",
  "create table torture_workers (worker bigint primary key, pid integer)",
  "create table torture_ends (n bigint generated always as identity primary key, run bigint)",
  "create index torture_ends_run on torture_ends (run, n)",
  ...onPostgres(
    "torture_end",
    "update of ended_at on holdfast_runs for each row when (new.ended_at is not null and old.ended_at is distinct from new.ended_at)",
    "insert into torture_ends (run) values (new.key)",
  ),
  ...onPostgres(
    "torture_lease",
    "update of lease, worker on holdfast_runs for each row when (new.lease <> old.lease or new.worker is distinct from old.worker)",
    `insert into torture_leases (run, lease, worker, was, due, at)
      values (new.key, new.lease, new.worker, old.worker, (new.status = 'queued')::int, ${postgresNow})`,
  ),
  ...onPostgres(
    "torture_write",
    "insert on holdfast_history for each row",
    `insert into torture_writes select new.run, new.seq, r.lease, r.worker, ${postgresNow} from holdfast_runs as r where r.key = new.run
      on conflict (run, seq) do update set lease = excluded.lease, worker = excluded.worker, at = excluded.at`,
  ),
  ...onPostgres(
    "torture_worker",
    "insert on holdfast_workers for each row",
    "insert into torture_workers (worker, pid) values (new.key, new.pid)",
  ),
];

/** `now` stands still while a statement runs. */
const mysqlNow = "floor(unix_timestamp(sysdate(3)) * 1000)";

const mysql = [
  `create table torture_leases (n bigint auto_increment primary key, run bigint, lease int, worker bigint, was bigint, due int, at bigint)`,
  "create table torture_writes (run bigint, seq int, lease int, worker bigint, at bigint, primary key (run, seq))",
  "create table torture_workers (worker bigint primary key, pid int)",
  "create table torture_ends (n bigint auto_increment primary key, run bigint, index torture_ends_run (run, n))",
  `create trigger torture_run after update on holdfast_runs for each row begin
    if new.ended_at is not null and not (new.ended_at <=> old.ended_at) then insert into torture_ends (run) values (new.\`key\`); end if;
    if new.lease <> old.lease or not (new.worker <=> old.worker) then
      insert into torture_leases (run, lease, worker, was, due, at)
        values (new.\`key\`, new.lease, new.worker, old.worker, new.status = 'queued', ${mysqlNow});
    end if;
  end`,
  `create trigger torture_write after insert on holdfast_history for each row
    insert into torture_writes select new.run, new.seq, r.lease, r.worker, ${mysqlNow} from holdfast_runs as r where r.key = new.run
      on duplicate key update lease = values(lease), worker = values(worker), at = values(at)`,
  `create trigger torture_worker after insert on holdfast_workers for each row
    insert into torture_workers (worker, pid) values (new.\`key\`, new.pid)`,
];

/** Statement by statement, for a database that Holdfast has made already. */
export const witness: Readonly<Record<On, readonly string[]>> = { sqlite, postgres, mysql };
