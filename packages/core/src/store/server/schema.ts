/** The schema of a database behind a server, as it is when a store opens it. */
import type { Opening } from "../migration.ts";
import { inspect, look, refuseUnfit } from "../migrations/look.ts";
import { migrate } from "../migrations/migrate.ts";
import type { Migrator } from "../migrations/migrator.ts";
import { doLater } from "../migrations/steps.ts";
import { firstConnection, type Link, type Pool } from "./link.ts";

/** How long, in ms, a migration may take with its waits: an index of a large table is not built at once. */
export const longest = 3_600_000;

/** Compares, or migrates what is to be migrated. Throws a `schema_…` fault before anything is written, and `storage_busy`. */
export const openSchema = async (pool: Pool, migrator: Migrator, opening: Opening = {}): Promise<void> => {
  const { migrate: mode = true, isGone, warn = () => {} } = opening;
  const isPending = await pool.use((link) => doLater(inspect(migrator, mode, warn), link.send), firstConnection);
  if (isPending) await pool.use((link) => doLater(migrate(migrator, { isGone }), link.send), longest);
};

/** Throws `schema_newer` for a database on which this release cannot work: somebody may have migrated it since it was opened. */
export const refuseNewer = async (link: Link, migrator: Migrator): Promise<void> =>
  refuseUnfit(await doLater(look(migrator), link.send), migrator.migrations);
