/**
 * Brings a database to the schema of this release, by one process at a time. Here each change of a table commits by itself: so each statement can be
 * repeated, and a migration that was killed in its middle is completed at the next open.
 */
import * as Fault from "../../model/fault.ts";
import { whole } from "../server/fields.ts";
import type { Link } from "../server/link.ts";
import { migrations } from "./migrations.gen.ts";

const newest = migrations.at(-1)?.version ?? 0;

/** How long, in seconds, another process may take to migrate. */
const patience = 45;

/** Names of locks are known in the whole server, and short. */
const lock = "concat('holdfast ', left(sha1(database()), 32))";

const versionOf = async (link: Link): Promise<number> => {
  const [table] = await link.send(
    "select count(*) as there from information_schema.tables where table_schema = database() and table_name = 'holdfast_migrations'",
  );
  if (!table || whole(table, "there") === 0) return 0;
  const [found] = await link.send("select coalesce(max(version), 0) as version from holdfast_migrations");
  return found ? whole(found, "version") : 0;
};

const refuseNewer = (version: number): void => {
  if (version <= newest) return;
  throw Fault.make(
    "schema_newer",
    `The database has schema ${version} and this release of Holdfast knows ${newest}. Nothing was written.
Start a release that is at least as new as the one that migrated it.`,
    { version, newest },
  );
};

/** Throws `schema_newer` before it writes. Others wait until it is done. */
export const migrate = async (link: Link): Promise<void> => {
  const version = await versionOf(link);
  refuseNewer(version);
  if (version === newest) return;
  const [held] = await link.send(`select get_lock(${lock}, ${patience}) as held`);
  if (!held || Number(held["held"]) !== 1)
    throw Fault.make(
      "storage_busy",
      `Another process has been migrating the database for more than ${patience} s. Look at its log, and try again when it is done.`,
    );
  try {
    await applyMissing(link);
  } finally {
    // A connection that is gone has let go of it.
    await link.send(`do release_lock(${lock})`).catch(() => {});
  }
};

const applyMissing = async (link: Link): Promise<void> => {
  const version = await versionOf(link);
  refuseNewer(version);
  await link.send(
    "create table if not exists holdfast_migrations (version int primary key, name varchar(255) not null, applied_at bigint not null) engine=InnoDB default charset=utf8mb4",
  );
  for (const { version: each, name, statements } of migrations) {
    if (each <= version) continue;
    for (const statement of statements) await apply(link, statement);
    await link.send(
      "insert into holdfast_migrations (version, name, applied_at) values (?, ?, floor(unix_timestamp(now(6)) * 1000))",
      [each, name],
    );
  }
};

/** The table, the column or the index is there already, or is gone already. */
const isDone = new Set<unknown>([1050, 1051, 1060, 1061, 1091]);

const apply = async (link: Link, statement: string): Promise<void> => {
  try {
    await link.send(statement);
  } catch (error) {
    if (!isDone.has((error as { errno?: unknown }).errno)) throw error;
  }
};
