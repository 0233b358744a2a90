/** The user's own tables in the database of the runtime, and the connection to them. */
import { Database } from "bun:sqlite";
import { drizzle, type BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import type { Workflow } from "../../src/index.ts";

export type Ground = {
  readonly db: BunSQLiteDatabase;
  /** A row of the user's and a run, in one transaction; unless the row is there already. */
  readonly startWithin: (start: (tx: Workflow.Transaction) => unknown) => Promise<"new" | "old">;
};

const setup = [
  "PRAGMA busy_timeout = 5000",
  "PRAGMA journal_mode = WAL",
  "PRAGMA synchronous = FULL",
  "create table if not exists notes (key text not null, value integer not null)",
  "create table if not exists orders (id text primary key)",
];

const connect = (file: string): Database => {
  const client = new Database(file);
  try {
    for (const statement of setup) client.run(statement);
    return client;
  } catch (error) {
    client.close();
    throw error;
  }
};

const codeOf = (error: unknown): string => (error as { readonly code?: string } | null)?.code ?? "";

/** Tries until the disk lets it: it is the user's own code, so the errors are SQLite's. */
const insist = async <T>(work: () => T): Promise<T> => {
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!/^SQLITE_(BUSY|IOERR|FULL|CANTOPEN|CORRUPT|READONLY)/.test(codeOf(error))) throw error;
      await Bun.sleep(20);
    }
  }
};

export const openGround = async (file: string): Promise<Ground> => {
  const db = drizzle(await insist(() => connect(file)));
  return {
    db,
    startWithin: (start) =>
      insist(() =>
        db.transaction(
          (tx) => {
            const { changes } = tx.run("insert into orders values ('within') on conflict do nothing") as unknown as {
              changes: number;
            };
            if (changes === 0) return "old";
            start(tx);
            return "new";
          },
          { behavior: "immediate" },
        ),
      ),
  };
};
