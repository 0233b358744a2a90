/** One open connection: the client, Drizzle over it, and the settings every promise rests on. */
import { Database, type Statement } from "bun:sqlite";
import { drizzle, type BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import { existsSync, statSync } from "node:fs";
import * as Fault from "../../model/fault.ts";
import type { Migration, Opening } from "../migration.ts";
import { inspectNow } from "./migrate.ts";
import { migrations as ours } from "./migrations.gen.ts";
import { assertOneName, fileOf, linked } from "./names.ts";
import { patiently, troubleOf } from "./trouble.ts";

export type Connection = {
  readonly client: Database;
  readonly db: BunSQLiteDatabase;
  readonly statements: Statements;
  /** The file's full path; undefined in memory. */
  readonly file: string | undefined;
  /** Which file and which WAL were opened: others under the same names are not our database. */
  readonly identity: string | undefined;
  /** Those that this release knows. */
  readonly migrations: readonly Migration[];
  /** Whether its schema was to be brought to this release's when it was opened. */
  readonly isBehind: boolean;
  /** False when the client belongs to the user and stays open. */
  readonly owned: boolean;
};

/** Prepared statements, one for each text: one that is still open when its connection closes would keep the file and the WAL open. */
export type Statements = {
  readonly prepare: (text: string) => Statement;
  readonly finalize: () => void;
};

/** Versions before this have the WAL-reset bug when several connections write to one file. */
const oldest = [3, 51, 3];

const tooOld = (version: string): boolean => {
  const parts = version.split(".").map(Number);
  const at = oldest.findIndex((part, index) => part !== parts[index]);
  return at >= 0 && (parts[at] ?? 0) < (oldest[at] ?? 0);
};

/** Pages of the WAL that are not in the file yet, from which on they are brought there. */
export const checkpointAt = 1_000;

const settings = [
  "PRAGMA busy_timeout = 0",
  "PRAGMA journal_mode = WAL",
  "PRAGMA synchronous = FULL",
  "PRAGMA foreign_keys = ON",
  `PRAGMA wal_autocheckpoint = ${checkpointAt}`,
  "PRAGMA journal_size_limit = 67108864",
  "PRAGMA temp_store = MEMORY",
  "PRAGMA cache_size = -16384",
];

/** A thread does the checkpoints from now on. A commit does one itself only when the thread does not come to it. */
export const leaveCheckpoints = ({ client }: Connection): void => {
  client.run(`PRAGMA wal_autocheckpoint = ${4 * checkpointAt}`);
};

/** How many pages of the WAL are not in the file yet. */
export const prepareWalPages = ({ statements }: Pick<Connection, "statements">): (() => number) => {
  const statement = statements.prepare("PRAGMA wal_checkpoint(NOOP)");
  return () => {
    const [, pages = 0, done = 0] = (statement.values()[0] ?? []) as readonly number[];
    return pages - done;
  };
};

const keepStatements = (client: Database): Statements => {
  const kept = new Map<string, Statement>();
  return {
    prepare: (text) => {
      const there = kept.get(text);
      if (there) return there;
      const statement = client.prepare(text);
      kept.set(text, statement);
      return statement;
    },
    finalize: () => {
      for (const statement of kept.values()) statement.finalize();
      kept.clear();
    },
  };
};

type Look = { readonly identity: string; readonly isLinked: boolean };

/** One look at the files of these names: which they are, and whether the main one has a second name. */
const lookAt = (file: string): Look | undefined => {
  try {
    const main = statSync(file);
    const wal = statSync(`${file}-wal`);
    return { identity: `${main.dev}:${main.ino} ${wal.dev}:${wal.ino}`, isLinked: main.nlink > 1 };
  } catch {
    return undefined;
  }
};

const prepare = (client: Database, file: string | undefined, owned: boolean, schema: Opening = {}): Connection => {
  const statements = keepStatements(client);
  const version =
    patiently(() => client.query<{ version: string }, []>("select sqlite_version() as version").get())?.version ?? "0";
  if (tooOld(version) && file !== undefined) {
    throw Fault.make(
      "storage_failed",
      `This process runs SQLite ${version}, which can lose commits when several connections write to one file.
Use the SQLite that comes with Bun (remove Database.setCustomSQLite), or one from ${oldest.join(".")} on.`,
      { version },
    );
  }
  const isBehind = inspectNow(client, schema);
  for (const setting of settings) patiently(() => client.run(setting));
  patiently(() => client.run("select 1 from sqlite_master")); // From the first read on there is a WAL.
  const look = file === undefined ? undefined : lookAt(file);
  const identity = look?.identity;
  if (file !== undefined && identity === undefined) {
    throw Fault.make(
      "storage_failed",
      `${file} has no WAL beside it: its file system does not allow one, or the file was moved just now. Put it on a local disk.`,
      { file },
    );
  }
  if (file !== undefined && look?.isLinked) throw linked(file);
  // Drizzle asks its client for nothing but statements, as long as nobody opens a transaction through it.
  const db = drizzle({ client: { prepare: statements.prepare } as Database });
  return { client, db, statements, file, identity, migrations: schema.migrations ?? ours, isBehind, owned };
};

const open = (file: string, create: boolean, schema: Opening): Connection => {
  if (file !== ":memory:") assertOneName(file);
  const client = new Database(file, { create, readwrite: true });
  try {
    return prepare(client, file === ":memory:" ? undefined : file, true, schema);
  } catch (error) {
    client.close();
    throw error;
  }
};

/**
 * Opens a file (made when it is missing and its schema may be), or a database in memory for `:memory:`. Throws a `storage_…` fault, and a `schema_…` fault
 * for what may not be migrated.
 */
export const connect = (path: string, schema: Opening = {}): Connection => {
  const file = fileOf(path);
  const mayMake = schema.migrate === undefined || schema.migrate === true;
  try {
    // What is said of an empty database is said of one that is not there, and it is not made for that.
    return open(file !== undefined && (mayMake || existsSync(file)) ? file : ":memory:", mayMake, schema);
  } catch (error) {
    throw troubleOf(error, file);
  }
};

/** Opens again a file that is still open. Never makes one: a file that went away is trouble, not a new database. */
export const reconnect = (file: string, migrations: readonly Migration[]): Connection => open(file, false, { migrations });

/** Uses a database in memory that the user has open: there is no second way into it. */
export const adopt = (client: Database, schema: Opening = {}): Connection => prepare(client, undefined, false, schema);

export const replaced = (file: string): Fault.Fault =>
  Fault.make(
    "storage_replaced",
    `The database file ${file}, or the ${file}-wal that belongs to it, was moved, deleted or replaced while it was open.
Nothing is written until the files that were opened are back under their names; to work with others, restart this process.`,
    { file },
  );

/** Throws unless the names still lead to the files that were opened, and nothing else leads there. */
export const assertInPlace = ({ file, identity }: Connection): void => {
  if (file === undefined) return;
  const look = lookAt(file);
  if (look?.identity !== identity) throw replaced(file);
  if (look?.isLinked) throw linked(file);
};

export const disconnect = ({ client, statements, owned }: Connection): void => {
  statements.finalize();
  if (owned) client.close();
};
