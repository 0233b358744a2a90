/** From what users name a database by to a store. A dialect is loaded only when it is asked for. */
import * as Fault from "../model/fault.ts";
import type { Hooks, Store } from "./contract.ts";

/** A Drizzle database, as `drizzle(…)` of one of the dialects answers it. */
export type DrizzleDatabase = { readonly $client: object };

/** Throws `invalid_option` for what is no database, and what opening it throws. */
export const openStore = async (database: string | DrizzleDatabase, hooks: Hooks): Promise<Store> => {
  if (typeof database !== "string") return openThrough(database, hooks);
  if (/^postgres(ql)?:\/\//.test(database)) {
    assertNamed(database);
    const { openPostgres } = await import("./postgres/store.ts");
    return openPostgres(database, hooks);
  }
  if (/^(mysql|mariadb):\/\//.test(database)) {
    assertNamed(database);
    const { openMysql } = await import("./mysql/store.ts");
    return openMysql(database, hooks);
  }
  const path = /^sqlite:(?:\/\/)?(.+)$/.exec(database)?.[1];
  if (path !== undefined) {
    const { openSqlite } = await import("./sqlite/store.ts");
    return openSqlite(path, hooks);
  }
  throw Fault.make(
    "invalid_option",
    `"${shown(database)}" is no database URL that this release knows. Use "sqlite:orders.db", "sqlite::memory:", "postgres://user@host/database" or "mysql://user@host/database".`,
  );
};

const shown = (url: string): string => url.replace(/\/\/.*@/, "//…@").slice(0, 200);

/** A driver has a database of its own in mind where a URL names none, and that may be the server's. */
const assertNamed = (url: string): void => {
  if (URL.canParse(url) && new URL(url).pathname.length > 1) return;
  throw Fault.make(
    "invalid_option",
    `"${shown(url)}" names no database on its server. Put its name at the end, as in "postgres://user@host/orders".`,
  );
};

const openThrough = async (database: DrizzleDatabase, hooks: Hooks): Promise<Store> => {
  const { isPostgresClient } = await import("./postgres/wire.ts");
  if (isPostgresClient(database.$client)) {
    const postgres = await import("./postgres/store.ts");
    return postgres.openThrough(database.$client, hooks);
  }
  const { isMysqlClient } = await import("./mysql/wire.ts");
  if (isMysqlClient(database.$client)) {
    const mysql = await import("./mysql/store.ts");
    return mysql.openThrough(database.$client, hooks);
  }
  const { openSqlite, clientOf } = await import("./sqlite/store.ts");
  return openSqlite(clientOf(database), hooks);
};
