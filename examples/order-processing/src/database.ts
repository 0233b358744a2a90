// The orders table: what the shop's own pages read. The workflow writes it by `Step.transaction`, so a row and the record of
// the step that wrote it are committed together, or not at all.

import { Database } from "bun:sqlite";
import { count, eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

import { amountOf } from "./orders.ts";
import type { Order, Receipt } from "./orders.ts";

export const orders = sqliteTable("orders", {
  id: text().primaryKey(),
  customer: text().notNull(),
  amount: integer().notNull(),
  status: text({ enum: ["accepted", "fulfilled", "refused", "cancelled"] }).notNull(),
  paidBy: text("paid_by"),
  tracking: text(),
  reason: text(),
});

export type OrderRow = typeof orders.$inferSelect;
export type OrdersDatabase = ReturnType<typeof open>;
type Tx = Parameters<Parameters<OrdersDatabase["transaction"]>[0]>[0];

/** Opens the database and creates the table when it is not there yet. */
export const open = (file: string) => {
  const client = new Database(file);
  client.run("PRAGMA journal_mode = WAL");
  client.run(`CREATE TABLE IF NOT EXISTS orders (
    id TEXT PRIMARY KEY, customer TEXT NOT NULL, amount INTEGER NOT NULL, status TEXT NOT NULL,
    paid_by TEXT, tracking TEXT, reason TEXT
  ) STRICT`);
  return drizzle({ client });
};

export const accept = (tx: Tx, order: Order): void => {
  tx.insert(orders)
    .values(rowOf(order, { status: "accepted" }))
    .run();
};

export const fulfil = (tx: Tx, { order, paidBy, tracking }: Receipt): void => {
  tx.update(orders).set({ status: "fulfilled", paidBy, tracking }).where(eq(orders.id, order)).run();
};

/** An order may be cancelled before it was even accepted: then there is no row yet. */
export const giveUp = (tx: Tx, order: Order, end: Pick<OrderRow, "status" | "reason">): void => {
  tx.insert(orders).values(rowOf(order, end)).onConflictDoUpdate({ target: orders.id, set: end }).run();
};

const rowOf = (order: Order, state: Pick<typeof orders.$inferInsert, "status" | "reason">) => ({
  id: order.id,
  customer: order.customer.name,
  amount: amountOf(order),
  ...state,
});

export const find = (database: OrdersDatabase, id: string): OrderRow | undefined =>
  database.select().from(orders).where(eq(orders.id, id)).get();

/** How many orders there are of each status. */
export const tally = (database: OrdersDatabase): Record<string, number> => {
  const rows = database.select({ status: orders.status, orders: count() }).from(orders).groupBy(orders.status).all();
  return Object.fromEntries(rows.map((row) => [row.status, row.orders]));
};
