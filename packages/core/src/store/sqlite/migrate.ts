/** Brings a file to the schema of this release: each migration once, in one transaction, by one process. */
import type { Database } from "bun:sqlite";
import { refuseNewerThan } from "../newer.ts";
import { migrations } from "./migrations.gen.ts";
import { patiently } from "./trouble.ts";

const newest = migrations.at(-1)?.version ?? 0;

const versionOf = (client: Database): number => {
  const table = client.query("select 1 from sqlite_master where name = 'holdfast_migrations'").get();
  if (!table) return 0;
  return (
    client.query<{ version: number | null }, []>("select max(version) as version from holdfast_migrations").get()?.version ?? 0
  );
};

/** Throws `schema_newer` for a database that a newer release has migrated. Reads only. */
export const refuseNewer = (client: Database): void => {
  refuseNewerThan(
    newest,
    patiently(() => versionOf(client)),
  );
};

/** Throws `schema_newer` before it writes. Killed in its middle it leaves the schema as it was. */
export const migrate = (client: Database): void => {
  if (patiently(() => versionOf(client)) === newest) return;
  patiently(() => client.run("BEGIN IMMEDIATE"));
  try {
    refuseNewer(client);
    applyMissing(client);
    client.run("COMMIT");
  } catch (error) {
    if (client.inTransaction) client.run("ROLLBACK");
    throw error;
  }
};

const applyMissing = (client: Database): void => {
  client.run(
    "create table if not exists holdfast_migrations (version integer primary key, name text not null, applied_at integer not null) strict",
  );
  const now = versionOf(client);
  for (const { version, name, statements } of migrations) {
    if (version <= now) continue;
    for (const statement of statements) client.run(statement);
    client.run(
      "insert into holdfast_migrations (version, name, applied_at) values (?, ?, cast(unixepoch('subsec') * 1000 as integer))",
      [version, name],
    );
  }
};
