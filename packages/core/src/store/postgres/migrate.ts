/** Brings a database to the schema of this release: each migration once, all in one transaction, by one process. */
import { refuseNewerThan } from "../newer.ts";
import { whole } from "../server/fields.ts";
import type { Link } from "../server/link.ts";
import { migrations } from "./migrations.gen.ts";

const newest = migrations.at(-1)?.version ?? 0;

const versionOf = async (link: Link): Promise<number> => {
  // The catalog itself is asked: what a transaction has once not found by name it may not find for as long as it lasts.
  const [table] = await link.send(
    "select exists (select 1 from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace where n.nspname = any(current_schemas(false)) and c.relname = 'holdfast_migrations') as there",
  );
  if (table?.["there"] !== true) return 0;
  const [found] = await link.send("select coalesce(max(version), 0) as version from holdfast_migrations");
  return found ? whole(found, "version") : 0;
};

/** Throws `schema_newer` before it writes. Killed in its middle it leaves the schema as it was; others wait until it is done. */
export const migrate = async (link: Link): Promise<void> => {
  const version = await versionOf(link);
  refuseNewerThan(newest, version);
  if (version === newest) return;
  await link.send("begin");
  try {
    await link.send("set local lock_timeout = 0");
    await link.send("set local statement_timeout = 0");
    // A transaction's lock: it goes with its connection, and works behind a pooler.
    await link.send("select pg_advisory_xact_lock(1215, -1)");
    await applyMissing(link);
    await link.send("commit");
  } catch (error) {
    await link.send("rollback").catch(() => {});
    throw error;
  }
};

const applyMissing = async (link: Link): Promise<void> => {
  const version = await versionOf(link);
  refuseNewerThan(newest, version);
  await link.send(
    "create table if not exists holdfast_migrations (version integer primary key, name text not null, applied_at bigint not null)",
  );
  for (const { version: each, name, statements } of migrations) {
    if (each <= version) continue;
    for (const statement of statements) await link.send(statement);
    await link.send(
      "insert into holdfast_migrations (version, name, applied_at) values ($1, $2, floor(extract(epoch from clock_timestamp()) * 1000))",
      [each, name],
    );
  }
};
