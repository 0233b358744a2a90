/** The user's own Drizzle database in a worker: a shop, whose transactions the workflows of a suite use. */
import { SQL } from "bun";
import { Database } from "bun:sqlite";
import type { SQL as Query } from "drizzle-orm";
import { drizzle as onPostgres } from "drizzle-orm/bun-sql";
import { drizzle as onSqlite } from "drizzle-orm/bun-sqlite";
import { drizzle as onMysql } from "drizzle-orm/mysql2";
import { createPool } from "mysql2/promise";
import type { Step } from "../../src/index.ts";
import { kindOf } from "./place.ts";

/** Its transactions are synchronous on SQLite, and asynchronous on servers. */
type ShopDatabase = Step.TransactionDatabase<unknown>;

export type Shop = {
  readonly database: ShopDatabase;
  /** Writes in a transaction. */
  readonly write: (tx: unknown, query: Query) => unknown;
};

/** Whoever executes nothing makes no transactions. */
export const unusedShop: Shop = { database: { transaction: () => undefined }, write: () => undefined };

/** Nothing is sent before somebody waits for it. */
const execute = async (tx: unknown, query: Query): Promise<unknown> =>
  (tx as { execute: (query: Query) => unknown }).execute(query);

/** Opens the shop at a place, by its URL. */
export const openShop = (url: string): Shop => {
  switch (kindOf(url)) {
    case "sqlite":
      return {
        database: onSqlite(new Database(url.slice("sqlite:".length))),
        write: (tx, query) => (tx as { run: (query: Query) => unknown }).run(query),
      };
    case "postgres":
      return { database: onPostgres({ client: new SQL(url, { max: 2 }) }) as unknown as ShopDatabase, write: execute };
    case "mysql":
      return {
        database: onMysql({ client: createPool({ uri: url, connectionLimit: 2 }) }) as unknown as ShopDatabase,
        write: execute,
      };
  }
};
