/** From what users name a database by to a store. A dialect is loaded only when it is asked for. */
import * as Fault from "../model/fault.ts";
import type { Hooks, Store } from "./contract.ts";

/** A Drizzle database, as `drizzle(…)` of one of the dialects answers it. */
export type DrizzleDatabase = { readonly $client: object };

/** Throws `invalid_option` for what is no database, and what opening it throws. */
export const openStore = async (database: string | DrizzleDatabase, hooks: Hooks): Promise<Store> => {
  const { openSqlite, clientOf } = await import("./sqlite/store.ts");
  if (typeof database !== "string") return openSqlite(clientOf(database), hooks);
  const path = /^sqlite:(?:\/\/)?(.+)$/.exec(database)?.[1];
  if (path !== undefined) return openSqlite(path, hooks);
  const shown = database.replace(/\/\/.*@/, "//…@").slice(0, 200);
  throw Fault.make(
    "invalid_option",
    `"${shown}" is no database URL that this release knows. Use "sqlite:orders.db" or "sqlite::memory:".`,
  );
};
