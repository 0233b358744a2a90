/** Stores on SQLite for tests: on a file, in memory, and what a user has open beside them. */
import { Database } from "bun:sqlite";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { sqliteTable, text } from "drizzle-orm/sqlite-core";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Hooks, Store } from "../../src/store/contract.ts";
import { openSqlite } from "../../src/store/sqlite/store.ts";
import { afterwards, folder } from "../kit/afterwards.ts";
import type { Opened, User } from "./contract/kit.ts";

export const noHooks: Hooks = { beforeCommit: () => {} };

/** Opens a store that is closed after the test. */
export const open = (target: string | Database, hooks = noHooks): Store => {
  const store = openSqlite(target, hooks);
  afterwards(() => store.close());
  return store;
};

/** A connection of somebody else's, closed after the test. */
export const client = (path: string): Database => {
  const database = new Database(path);
  afterwards(() => database.close());
  database.run("PRAGMA busy_timeout = 2000");
  return database;
};

const notes = sqliteTable("notes", { text: text("text").notNull() });

type Tx = Pick<ReturnType<typeof drizzle>, "insert">;

const userOf = (mine: Database, foreign: () => Database): User => {
  mine.run("create table notes (text text not null)");
  const db = drizzle(mine);
  return {
    database: db,
    get foreign() {
      return drizzle(foreign());
    },
    waits: false,
    transaction: async (work) => db.transaction((tx) => work(tx), { behavior: "immediate" }),
    insert: (tx, line) => {
      (tx as Tx).insert(notes).values({ text: line }).run();
    },
    texts: async () =>
      db
        .select()
        .from(notes)
        .all()
        .map((note) => note.text),
    published: (run) =>
      mine.query<{ value: string | null }, [number]>("select value from holdfast_states where run = ?").get(run)?.value,
  };
};

/** A folder without a disk behind it, where there is one: what the contract says does not need one, and a test is ten times as quick. */
const quickFolder = (): string => (existsSync("/dev/shm") ? folder("/dev/shm") : folder());

/** A store on a fresh file. The foreign database is a file that Holdfast uses too. */
export const onFile = async (): Promise<Opened> => {
  const place = quickFolder();
  const [path, foreign] = [join(place, "holdfast.db"), join(place, "foreign.db")];
  return {
    store: open(path),
    again: () => open(path),
    user: userOf(client(path), () => {
      open(foreign);
      return client(foreign);
    }),
  };
};

/** A store on a database in memory that the user has open. The foreign one is in memory too, and has the same tables. */
export const inMemory = async (): Promise<Opened> => {
  const mine = client(":memory:");
  return {
    store: open(mine),
    again: undefined,
    user: userOf(mine, () => {
      const other = client(":memory:");
      open(other);
      return other;
    }),
  };
};
