/** The user's own tables in the database of the runtime, and the connection to them. */
import { Database } from "bun:sqlite";
import { drizzle, type BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import { Workflow, type Runtime } from "../../src/index.ts";
import { n } from "./flows.ts";

export type Ground = {
  readonly db: BunSQLiteDatabase;
  /** A row of the user's and a run, in one transaction. */
  readonly startWithin: (runtime: Runtime.Runtime, flow: Workflow.Definition<number, number>) => Promise<"new" | "old">;
};

const connect = (file: string): Database => {
  const client = new Database(file);
  for (const pragma of ["busy_timeout = 5000", "journal_mode = WAL", "synchronous = FULL"]) client.run(`PRAGMA ${pragma}`);
  client.run("create table if not exists notes (key text not null, value integer not null)");
  client.run("create table if not exists orders (id text primary key)");
  return client;
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
    startWithin: (runtime, flow) =>
      insist(() =>
        db.transaction(
          (tx) => {
            const { changes } = tx.run("insert into orders values ('within') on conflict do nothing") as unknown as {
              changes: number;
            };
            return changes === 0 ? "old" : (Workflow.start(runtime, flow, n, { id: "within", tx }), "new");
          },
          { behavior: "immediate" },
        ),
      ),
  };
};
