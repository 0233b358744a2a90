// Your own tables, exactly once: rows and the record of the step that wrote them are one commit, or neither is there.
import { Fault, Run, Runtime, Step, Workflow } from "@holdfast/core";
import { Database } from "bun:sqlite";
import { eq, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

const accounts = sqliteTable("accounts", { name: text().primaryKey(), balance: integer().notNull() });

const db = drizzle({ client: new Database(":memory:") }); // new Database("shop.db") in a real program
db.run(sql`create table accounts (name text primary key, balance integer not null check (balance >= 0)) strict`);
db.insert(accounts)
  .values([
    { name: "ada", balance: 100 },
    { name: "bob", balance: 0 },
  ])
  .run();

type Transfer = { readonly from: string; readonly to: string; readonly amount: number };

const transfer = Workflow.define({ name: "transfer" }, (ctx, { from, to, amount }: Transfer) =>
  // The function is synchronous: SQLite commits at the end of it. Do the waiting in a step before it.
  Step.transaction(
    ctx,
    "move",
    db,
    (tx) => {
      tx.update(accounts)
        .set({ balance: sql`${accounts.balance} + ${amount}` })
        .where(eq(accounts.name, to))
        .run();
      tx.update(accounts)
        .set({ balance: sql`${accounts.balance} - ${amount}` })
        .where(eq(accounts.name, from))
        .run();
      return tx.select().from(accounts).where(eq(accounts.name, from)).get()?.balance;
    },
    { retry: { attempts: 2, delay: "5ms" } },
  ),
);

// The runtime is opened on the same database.
const runtime = await Runtime.open({ database: db, workflows: [transfer] });
const balances = (): string =>
  db
    .select()
    .from(accounts)
    .all()
    .map(({ name, balance }) => `${name} ${balance}`)
    .join(", ");

const run = await Workflow.start(runtime, transfer, { from: "ada", to: "bob", amount: 30 });
console.log("left:", await Run.result(run), "|", balances());

const overdrawn = await Workflow.start(runtime, transfer, { from: "ada", to: "bob", amount: 500 });
await Run.result(overdrawn).catch(() => console.log("refused, nothing moved |", balances()));

// Starting a run within a transaction of yours: the row and the run are both there, or neither.
const handle = db.transaction((tx) => {
  tx.insert(accounts).values({ name: "cleo", balance: 10 }).run();
  return Workflow.start(runtime, transfer, { from: "cleo", to: "ada", amount: 10 }, { id: "t-1", tx });
});
console.log("left:", await Run.result(handle), "|", balances());

try {
  db.transaction((tx) => {
    Workflow.start(runtime, transfer, { from: "ada", to: "cleo", amount: 1 }, { id: "t-2", tx });
    tx.rollback();
  });
} catch {
  const error = await Run.get(Run.of(runtime, "t-2")).catch((error: unknown) => error);
  console.log("rolled back:", Fault.is(error, "run_not_found"));
}
await Runtime.close(runtime);
