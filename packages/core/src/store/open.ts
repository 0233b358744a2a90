/** From what users name a database by to a store. A dialect is loaded only when it is asked for. */
import * as Fault from "../model/fault.ts";
import type { Hooks, Store } from "./contract.ts";
import type { Reach } from "./server/address.ts";

export type { PoolOptions, TlsOptions } from "./server/address.ts";

/** A Drizzle database, as `drizzle(…)` of one of the dialects answers it. */
export type DrizzleDatabase = { readonly $client: object };

/** Which dialect a database speaks, and the way to it: a path or a URL, or the client under a Drizzle database. */
export type Place =
  | { readonly dialect: "sqlite"; readonly path: string }
  | { readonly dialect: "sqlite"; readonly database: DrizzleDatabase }
  | { readonly dialect: "postgres" | "mysql"; readonly url: string }
  | { readonly dialect: "postgres" | "mysql"; readonly client: object };

/** Throws `invalid_option` for what is no database. */
export const placeOf = async (database: string | DrizzleDatabase): Promise<Place> => {
  if (typeof database !== "string") return placeThrough(database);
  if (/^postgres(ql)?:\/\//.test(database)) return { dialect: "postgres", url: named(database) };
  if (/^(mysql|mariadb):\/\//.test(database)) return { dialect: "mysql", url: named(database) };
  const path = /^sqlite:(?:\/\/)?(.+)$/.exec(database)?.[1];
  if (path !== undefined) return { dialect: "sqlite", path: plainPath(path) };
  throw Fault.make(
    "invalid_option",
    `"${shown(database)}" is no database URL that this release knows. Use "sqlite:orders.db", "sqlite::memory:", "postgres://user@host/database" or "mysql://user@host/database".`,
  );
};

/** Throws `invalid_option` for what is no database, and what opening it throws. */
export const openStore = async (database: string | DrizzleDatabase, hooks: Hooks, reach: Reach = {}): Promise<Store> => {
  const place = await placeOf(database);
  if (place.dialect === "sqlite") assertNone(reach);
  if ("client" in place) assertNoTls(reach);
  switch (place.dialect) {
    case "postgres": {
      const { openPostgres, openThrough } = await import("./postgres/store.ts");
      return "url" in place ? openPostgres(place.url, hooks, reach) : openThrough(place.client, hooks, reach);
    }
    case "mysql": {
      const { openMysql, openThrough } = await import("./mysql/store.ts");
      return "url" in place ? openMysql(place.url, hooks, reach) : openThrough(place.client, hooks, reach);
    }
    case "sqlite": {
      const { openSqlite, clientOf } = await import("./sqlite/store.ts");
      return openSqlite("path" in place ? place.path : clientOf(place.database), hooks);
    }
  }
};

/** What looks like parameters would become a part of the file's name, and the file another one. */
const plainPath = (path: string): string => {
  if (!path.includes("?")) return path;
  throw Fault.make(
    "invalid_option",
    `"sqlite:${path}" has a question mark, and a SQLite file takes no parameters. Leave out what begins with it: other settings are options of Runtime.open.`,
  );
};

/** Without whatever may be a password. */
const shown = (url: string): string => url.replace(/^([^:/]*:?\/*).*@/s, "$1…@").slice(0, 200);

const isWritten = ({ hash, pathname, username, password }: URL): boolean => {
  try {
    decodeURIComponent(username + password);
    return hash === "" && !pathname.includes("@");
  } catch {
    return false;
  }
};

/** A driver has a database of its own in mind where a URL names none, and that may be the server's; and what it makes of a password that ends the URL is anybody's guess. */
const named = (url: string): string => {
  const refuse = (what: string): Fault.Fault => Fault.make("invalid_option", `"${shown(url)}" ${what}`);
  if (/^[^/?#]*,/.test(url.slice(url.indexOf("//") + 2).replace(/^.*@/s, "")))
    throw refuse("has several hosts. Name one address that leads to the server that takes writes.");
  const read = URL.canParse(url) ? new URL(url) : undefined;
  if (url.includes("@") && (read === undefined || !isWritten(read))) {
    throw refuse(
      "cannot be read: its user or password has a character that means something else in a URL. Write it as encodeURIComponent does: %40 for @, %23 for #, %2F for /, %3F for ?, %25 for %.",
    );
  }
  if (read !== undefined && read.pathname.length > 1) return url;
  throw refuse(`names no database on its server. Put its name at the end, as in "${url.split(":")[0]}://user@host/orders".`);
};

const placeThrough = async (database: DrizzleDatabase): Promise<Place> => {
  const client = database.$client;
  const { isPostgresClient } = await import("./postgres/wire.ts");
  if (isPostgresClient(client)) return { dialect: "postgres", client };
  const { isMysqlClient } = await import("./mysql/wire.ts");
  return isMysqlClient(client) ? { dialect: "mysql", client } : { dialect: "sqlite", database };
};

const assertNone = ({ pool, tls }: Reach): void => {
  const [option] = Object.entries({ pool, tls }).find(([, value]) => value !== undefined) ?? [];
  if (option === undefined) return;
  throw Fault.make(
    "invalid_option",
    `The option ${option} of Runtime.open is for a database behind a server, and this one is SQLite. Leave it out.`,
    { option },
  );
};

/** Connections of the user's are encrypted as the user says. */
const assertNoTls = ({ tls }: Reach): void => {
  if (tls === undefined) return;
  throw Fault.make(
    "invalid_option",
    "The option tls of Runtime.open is for a database given as a URL. Tell the pool under your Drizzle database how to encrypt.",
    { option: "tls" },
  );
};
