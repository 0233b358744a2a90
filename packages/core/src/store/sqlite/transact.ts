/** Writing on the user's own connection: our record, or a new run, in one transaction with the user's rows. */
import { and, eq, sql } from "drizzle-orm";
import type { BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import { realpathSync } from "node:fs";
import { isSame } from "../../model/codec.ts";
import * as Fault from "../../model/fault.ts";
import type { TransactionWork } from "../contract.ts";
import { outside } from "../within.ts";
import type { Lease, NewRun, Row, Started } from "../rows.ts";
import { runColumns } from "./columns.ts";
import type { Connection } from "./connection.ts";
import { dueOf } from "./insert.ts";
import { history, runs, tags } from "./schema.ts";

type UserDatabase = Pick<BunSQLiteDatabase, "select" | "insert" | "all">;

const pathOf = (file: string): string => {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
};

/** The connection under a Drizzle database or transaction. Databases in memory have no name to be known by. */
const clientUnder = (database: UserDatabase): unknown =>
  (database as { readonly session?: { readonly client?: unknown } }).session?.client;

/** Throws `foreign_database` unless the user's database is the one the runtime was opened on. */
const assertOurs = (connection: Connection, database: UserDatabase): void => {
  const files = database.all<{ name: string; file: string }>(sql`pragma database_list`);
  const file = files.find(({ name }) => name === "main")?.file ?? "";
  const isOurs =
    connection.file === undefined
      ? clientUnder(database) === connection.client
      : file !== "" && pathOf(file) === pathOf(connection.file);
  if (isOurs) return;
  throw Fault.make(
    "foreign_database",
    `The transaction is on ${file || "a database in memory"}, but the runtime was opened on ${connection.file ?? "another one in memory"}.
One commit can only cover one file: hand over the Drizzle database of the file that Runtime.open was given.`,
    { file, ours: connection.file },
  );
};

const appendWithin = (tx: UserDatabase, lease: Lease, row: Row): boolean => {
  const held = tx
    .select({ key: runs.key })
    .from(runs)
    .where(and(eq(runs.key, lease.run), eq(runs.lease, lease.number)))
    .all();
  if (held.length === 0) return false;
  tx.insert(history)
    .values({ run: lease.run, ...row })
    .run();
  return true;
};

const fenced = new Error("The lease is no longer the run's.");

/** Runs the user's function and appends our record, in one immediate transaction. Answers whether the lease held. */
export const transact = (connection: Connection, database: unknown, work: TransactionWork): boolean => {
  const db = database as BunSQLiteDatabase;
  assertOurs(connection, db);
  try {
    db.transaction(
      (tx) => {
        const value = work.run(tx);
        if (typeof (value as { then?: unknown } | null)?.then === "function") {
          void Promise.resolve(value).catch(() => {}); // What it still says is told to nobody: the step fails with the fault.
          throw Fault.make(
            "async_transaction",
            "The function of Step.transaction returned a promise. A transaction on SQLite is synchronous: nothing was written. Do the waiting in a step before it.",
          );
        }
        if (!appendWithin(tx, work.lease, work.row(value))) throw fenced;
      },
      { behavior: "immediate" },
    );
    return true;
  } catch (error) {
    if (error === fenced) return false;
    throw error;
  }
};

/** Starts a run inside the transaction that the user holds open. It exists when and if that commits. */
export const startWithin = (connection: Connection, transaction: unknown, run: NewRun): Started => {
  if (typeof (transaction as { all?: unknown } | null)?.all !== "function")
    throw Fault.make("foreign_database", "The option tx of Workflow.start takes a Drizzle transaction on bun:sqlite.");
  const tx = transaction as BunSQLiteDatabase;
  assertOurs(connection, tx);
  if ((clientUnder(tx) as { readonly inTransaction?: unknown } | undefined)?.inTransaction === false) throw outside();
  const there = tx.select(runColumns).from(runs).where(eq(runs.id, run.id)).all()[0];
  if (there) {
    const input = tx
      .select({ value: history.value })
      .from(history)
      .where(and(eq(history.run, there.key), eq(history.seq, 0)))
      .all()[0];
    return {
      kind: "existing",
      run: there,
      sameInput: there.workflow === run.workflow && isSame(input?.value ?? null, run.input),
    };
  }
  const due = dueOf(run);
  const status = due === null ? "queued" : "scheduled";
  const { at, input, tags: names, ...columns } = run;
  const key = tx
    .insert(runs)
    .values({ ...columns, status, lease: 0, createdAt: at })
    .returning({ key: runs.key })
    .all()[0]?.key;
  if (key === undefined) throw new Error(`Run ${run.id} was not inserted.`);
  tx.insert(history).values({ run: key, seq: 0, kind: "started", value: input, issued: 0, due, at }).run();
  for (const tag of names) tx.insert(tags).values({ tag, run: key }).onConflictDoNothing().run();
  return { kind: "created", key, here: false };
};
