/** Database: the database itself, rather than what runs on it: its schema is moved, compared and printed, and all that it holds is moved to another. */
import { hasGone } from "./engine/machine.ts";
import { groundOf, type Runtime } from "./engine/opened.ts";
import * as Fault from "./model/fault.ts";
import { createCheck } from "./model/known.ts";
import { backUp, restoreFrom, type Kept, type Restored } from "./store/backups.ts";
import { abandon as giveUp, move, type Moved, type Progress, type Wishes } from "./store/move/move.ts";
import type { DrizzleDatabase } from "./store/open.ts";
import * as look from "./store/migrations/look.ts";
import * as moves from "./store/migrations/migrate.ts";
import * as scripts from "./store/migrations/script.ts";
import { withPlace, type Ground } from "./store/places.ts";
import { migratorFor, onSchema } from "./store/schema.ts";

export type { Kept, Original, Restored } from "./store/backups.ts";
export type { Moved, Progress } from "./store/move/move.ts";

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
export const migrate = async (database: Target, options: MigrateOptions = {}): Promise<Migrated> => {
  checkMigrate(options);
  const { to, dry, acceptDataLoss } = options;
  assertFlag(dry, "dry");
  assertFlag(acceptDataLoss, "acceptDataLoss");
  return onSchema(database, { creates: dry !== true }, (migrator) =>
    moves.migrate(migrator, { to, dry, acceptDataLoss, isGone: hasGone }),
  );
};

const checkMigrate = createCheck<MigrateOptions>("Database.migrate", { to: true, dry: true, acceptDataLoss: true });

/** What is not `true` by type must not count as it by chance: `"false"` would be a wish to lose data. */
const assertFlag = (given: unknown, option: string): void => {
  if (given === undefined || typeof given === "boolean") return;
  throw Fault.make("invalid_option", `The option ${option} of Database.migrate takes true or false.`, { option });
};

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
export const plan = async (database: Target, options: PlanOptions = {}): Promise<Plan> => {
  checkPlan(options);
  const { from = 0, to } = options;
  return isDialect(database)
    ? scripts.offline(await migratorFor(database), from, to)
    : onSchema(database, { creates: false }, (migrator) => scripts.scriptOf(migrator, to));
};

const checkPlan = createCheck<PlanOptions>("Database.plan", { from: true, to: true });

const isDialect = (database: Target): database is Dialect =>
  database === "sqlite" || database === "postgres" || database === "mysql";

export type CopyOptions = {
  /** Called while it goes on. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Calls it off: the source goes on as before. */
  readonly signal?: AbortSignal | undefined;
  /** Runs that are carried together. Default 200. */
  readonly batch?: number | undefined;
};

const checkCopy = createCheck<CopyOptions>("Database.copy", { onProgress: true, signal: true, batch: true });

const batchOf = (batch = 200): number => {
  if (Number.isInteger(batch) && batch >= 1 && batch <= 2_000) return batch;
  throw Fault.make("invalid_option", `The option batch is ${batch}; it takes a whole number from 1 to 2000.`, {
    option: "batch",
  });
};

const wishesOf = ({ batch, onProgress = () => {}, signal }: CopyOptions): Wishes => ({
  batch: batchOf(batch),
  onProgress,
  signal,
});

/**
 * Moves everything to another database: runs with their histories, signals, timers, states, tags, ids and breakers. Both are URLs as `Runtime.open`
 * takes them; `to` must be empty. Processes may go on working on `from`: it is copied meanwhile, then closed for writing for the short time that
 * the rest takes, and closed for good. Every process that has it open learns of it (`database_moved`), and its runs go on at the new place.
 *
 * Killed at any moment, it is completed by the same call; `Database.abandon` opens `from` again as long as the move is not at its end. Never
 * can both be open. Throws `database_not_empty`, `database_moved`, `move_refused`, `copy_mismatch`, `invalid_value`, `cancelled` and `storage_…`;
 * then `from` goes on as before.
 */
export const copy = async (from: string, to: string, options: CopyOptions = {}): Promise<Moved> => {
  checkCopy(options);
  const wishes = wishesOf(options);
  return withPlace({ database: from }, "source", (source) =>
    withPlace({ database: to }, "target", (target) => move(source, target, wishes)),
  );
};

/** Gives up a move of this database that is not at its end: it is opened for writing again. Throws `move_refused` when it is too late. */
export const abandon = (from: string): Promise<void> => withPlace({ database: from }, "source", giveUp);

export type BackupOptions = {
  /** Calls it off: nothing is left of it. */
  readonly signal?: AbortSignal | undefined;
};

/**
 * Writes all that is in the runtime's database, as of one moment, into a file of SQLite, while everything runs: a file by SQLite itself (`VACUUM INTO`, in a
 * thread), a server in one transaction that only reads. The file has its name only when it is whole and on the disk. Answers with its full path and its size in bytes.
 *
 * It is no database to be opened: `Database.restore` puts it into one. Throws `backup_exists` (a file of this name is there), `cancelled`, `storage_full` and other
 * `storage_…`; then, and after a crash, there is no file of this name (a crash may leave one ending in `.part` beside it, which nothing restores).
 */
export const backup = async (runtime: Runtime, path: string, options: BackupOptions = {}): Promise<Kept> => {
  checkBackup(options);
  return backUp(groundOf(runtime) as Ground, path, options.signal);
};

const checkBackup = createCheck<BackupOptions>("Database.backup", { signal: true });

export type RestoreOptions = CopyOptions & {
  /** The URL of the database that the backup was made of: it is closed for writing for good, so that nothing runs at both places. */
  readonly original?: string | undefined;
};

/**
 * Puts a backup into an empty database, as a new incarnation of the original: leases are far higher, so that nothing a process of before still writes is accepted, no
 * worker is on the list, and runs are due. Time is rewound: what was done after the backup is done again, with the same keys.
 *
 * `original` is closed for good, like the old place of a move. The answer says whether it is closed, and why not when it could not be reached or was not named.
 * Throws `backup_damaged` for what is no sound backup, and otherwise what `Database.copy` throws; killed, it is completed by the same call.
 */
export const restore = async (path: string, to: string, options: RestoreOptions = {}): Promise<Restored> => {
  checkRestore(options);
  return restoreFrom(path, to, options.original, wishesOf(options));
};

const checkRestore = createCheck<RestoreOptions>("Database.restore", {
  onProgress: true,
  signal: true,
  batch: true,
  original: true,
});
