/** Database: the database itself, rather than what runs on it: its schema is moved, compared and printed. */
import { hasGone } from "./engine/workers.ts";
import type { DrizzleDatabase } from "./store/open.ts";
import * as look from "./store/migrations/look.ts";
import * as moves from "./store/migrations/migrate.ts";
import * as scripts from "./store/migrations/script.ts";
import { migratorFor, onSchema } from "./store/schema.ts";

/** What `Runtime.open` takes: `"sqlite:orders.db"`, `"postgres://…"`, `"mysql://…"`, or a Drizzle database. */
export type Target = string | DrizzleDatabase;

export type Dialect = "sqlite" | "postgres" | "mysql";

export type MigrateOptions = {
  /** The schema to go to: 0 is none. Lower than the database's goes back. Default: the newest that this release knows. */
  readonly to?: number | undefined;
  /** Runs everything in a transaction that is taken back. On MySQL, where that cannot be, it only says what it would do. Default false. */
  readonly dry?: boolean | undefined;
  /** Lets the way back throw data away. Default false. */
  readonly acceptDataLoss?: boolean | undefined;
};

/** What `migrate` has done, or a dry one would do. */
export type Migrated = {
  readonly from: number;
  readonly to: number;
  readonly moves: readonly { readonly name: string; readonly version: number; readonly direction: "forward" | "back" }[];
  /** The tables were there already, as this release wants them: it was only written down which migrations they have. */
  readonly adopted: boolean;
};

/**
 * Brings the schema to this release's, or forward or back to another one. One process at a time; others wait. Tables that somebody else has made
 * from the exported schema are taken as they are.
 *
 * Throws, with nothing written: `schema_newer`, `schema_differs` (tables are there and not as they should be), `schema_in_use` (workers live that could not
 * go on), `schema_lossy` (going back would throw data away), `invalid_option` (no such schema), `storage_busy` (another process migrates, or keeps tables
 * locked, for longer than 45 s) and other `storage_…`. Killed at any moment it leaves the schema as it was, and on MySQL in the middle, from where the next
 * call or open goes on.
 */
export const migrate = (database: Target, { to, dry, acceptDataLoss }: MigrateOptions = {}): Promise<Migrated> =>
  onSchema(database, { creates: dry !== true }, (migrator) =>
    moves.migrate(migrator, { to, dry, acceptDataLoss, isGone: hasGone }),
  );

/** How a database stands to this release. */
export type Verified = {
  /** The newest migration that is done; 0 when none was recorded. */
  readonly version: number;
  /** The newest that this release knows. */
  readonly newest: number;
  /** The least that a release must know to work on this database. */
  readonly needs: number;
  /** The migrations that are still to be done. */
  readonly pending: readonly string[];
  /**
   * What is not as it should be, when nothing is pending or nothing was ever recorded. `breaks` is false when all works as promised all the same, only
   * slower or less strictly.
   */
  readonly differences: readonly { readonly where: string; readonly what: string; readonly breaks: boolean }[];
};

/** Compares the schema with this release's. Writes nothing. Throws `storage_…`. */
export const verify = (database: Target): Promise<Verified> => onSchema(database, { creates: false }, look.verify);

export type PlanOptions = {
  /** Where a database of this dialect stands, when none is given to look at. Default 0: it is empty. */
  readonly from?: number | undefined;
  /** The schema to go to. Default: the newest that this release knows. */
  readonly to?: number | undefined;
};

/** What `migrate` would run, for somebody else to run. */
export type Plan = {
  readonly dialect: Dialect;
  readonly from: number;
  readonly to: number;
  readonly statements: readonly string[];
  /** The statements as one text with comments; empty when there is nothing to run. */
  readonly sql: string;
};

/**
 * Prints what `migrate` would run: for a database as it is, or without one, for a dialect (`"postgres"`). Writes nothing. Who runs it sees to it that no worker lives that
 * could not go on, and that nothing is lost that is wanted: a text cannot.
 *
 * Throws `invalid_option` (no such schema) and, where a database is looked at, `schema_newer` and `storage_…`.
 */
export const plan = async (database: Target, { from = 0, to }: PlanOptions = {}): Promise<Plan> =>
  isDialect(database)
    ? scripts.offline(await migratorFor(database), from, to)
    : onSchema(database, { creates: false }, (migrator) => scripts.scriptOf(migrator, to));

const isDialect = (database: Target): database is Dialect =>
  database === "sqlite" || database === "postgres" || database === "mysql";
