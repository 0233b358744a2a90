/** One open connection: the client, Drizzle over it, and the settings every promise rests on. */
import { Database } from "bun:sqlite";
import { drizzle, type BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import * as Fault from "../../model/fault.ts";
import { isBusy, troubleOf } from "./trouble.ts";

export type Connection = {
  readonly client: Database;
  readonly db: BunSQLiteDatabase;
  /** The file's full path; undefined in memory. */
  readonly file: string | undefined;
  /** Identity of the file when it was opened: another file under the same name is not our database. */
  readonly inode: number | undefined;
  /** False when the client belongs to the user and stays open. */
  readonly owned: boolean;
};

/** Versions before this have the WAL-reset bug when several connections write to one file. */
const oldest = [3, 51, 3];

const tooOld = (version: string): boolean => {
  const parts = version.split(".").map(Number);
  const at = oldest.findIndex((part, index) => part !== parts[index]);
  return at >= 0 && (parts[at] ?? 0) < (oldest[at] ?? 0);
};

const settings = [
  "PRAGMA busy_timeout = 0",
  "PRAGMA journal_mode = WAL",
  "PRAGMA synchronous = FULL",
  "PRAGMA foreign_keys = ON",
  "PRAGMA wal_autocheckpoint = 1000",
  "PRAGMA journal_size_limit = 67108864",
  "PRAGMA temp_store = MEMORY",
  "PRAGMA cache_size = -16384",
];

/** Bun.sleepSync, in short naps: opening is the one place that may hold the loop, for as long as another process opens too. */
const patiently = <T>(work: () => T, until = performance.now() + 5_000): T => {
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || performance.now() > until) throw error;
      Bun.sleepSync(1 + Math.random() * 4);
    }
  }
};

const prepare = (client: Database, file: string | undefined, owned: boolean): Connection => {
  const version = client.query<{ version: string }, []>("select sqlite_version() as version").get()?.version ?? "0";
  if (tooOld(version) && file !== undefined) {
    throw Fault.make(
      "storage_failed",
      `This process runs SQLite ${version}, which can lose commits when several connections write to one file.
Use the SQLite that comes with Bun (remove Database.setCustomSQLite), or one from ${oldest.join(".")} on.`,
      { version },
    );
  }
  for (const setting of settings) patiently(() => client.run(setting));
  return { client, db: drizzle(client), file, inode: file === undefined ? undefined : statSync(file).ino, owned };
};

/** Opens a file (made when it is missing), or a database in memory for `:memory:`. Throws a `storage_…` fault. */
export const connect = (path: string): Connection => {
  const file = path === ":memory:" ? undefined : resolve(path);
  try {
    return prepare(new Database(file ?? ":memory:", { create: true, readwrite: true }), file, true);
  } catch (error) {
    throw troubleOf(error, file);
  }
};

/** Opens again a file that was open before. Never makes one: a file that went away is trouble, not a new database. */
export const reconnect = (file: string): Connection => {
  if (!existsSync(file)) throw replaced(file);
  try {
    return prepare(new Database(file, { create: false, readwrite: true }), file, true);
  } catch (error) {
    throw troubleOf(error, file);
  }
};

/** Uses a database in memory that the user has open: there is no second way into it. */
export const adopt = (client: Database): Connection => prepare(client, undefined, false);

export const replaced = (file: string): Fault.Fault =>
  Fault.make(
    "storage_replaced",
    `The database file ${file} was moved, deleted or replaced while it was open.
Nothing is written until the file that was opened is back under its name; to work with the new one, restart this process.`,
    { file },
  );

/** True when the name still leads to the file that was opened. */
export const isInPlace = (connection: Connection): boolean => {
  if (connection.file === undefined) return true;
  return statSync(connection.file, { throwIfNoEntry: false })?.ino === connection.inode;
};

export const disconnect = (connection: Connection): void => {
  if (connection.owned) connection.client.close();
};
