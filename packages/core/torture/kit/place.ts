/** Where the runs of a suite are kept: a database of its own by its URL, on a file or on a server, gone with the suite. */
import { join } from "node:path";
import type { Order } from "../suite.ts";
import { openPlain, type Plain } from "./plain.ts";

/** The kinds of places, by the word that `--on` takes. */
export type On = "sqlite" | "postgres" | "mysql";

export const kinds: readonly On[] = ["sqlite", "postgres", "mysql"];

/** As people say it. */
export const nameOf: Readonly<Record<On, string>> = { sqlite: "SQLite", postgres: "PostgreSQL", mysql: "MariaDB" };

export type Place = {
  readonly on: On;
  /** What `Runtime.open` takes, in every process. */
  readonly url: string;
  readonly plain: Plain;
};

/** Where a server is looked for, unless the environment names one. */
const servers = {
  postgres: { variable: "HOLDFAST_TEST_POSTGRES", usual: "postgres://postgres@127.0.0.1:5432", first: "postgres" },
  mysql: { variable: "HOLDFAST_TEST_MYSQL", usual: "mysql://root@127.0.0.1:3306", first: "mysql" },
} as const;

const serverOf = (on: keyof typeof servers): string => process.env[servers[on].variable] ?? servers[on].usual;

export const kindOf = (url: string): On =>
  url.startsWith("sqlite:") ? "sqlite" : url.startsWith("postgres") ? "postgres" : "mysql";

/** Does something as the owner of the server, through a connection of its own. */
const asOwner = async (server: string, text: string): Promise<void> => {
  const plain = openPlain(`${server}/${servers[kindOf(server) as keyof typeof servers].first}`, 0);
  try {
    await plain.query(text);
  } finally {
    await plain.close();
  }
};

/** Why nothing can be kept on such a place here, in plain words; undefined when it can. */
export const missing = async (on: On): Promise<string | undefined> => {
  if (on === "sqlite") return undefined;
  const server = serverOf(on);
  try {
    await asOwner(server, "select 1 as one");
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `no ${nameOf[on]} answers at ${server.replace(/:[^/@]*@/, "@")} (${why}); ${servers[on].variable} names another`;
  }
};

let made = 0;

/** A fresh database on this server, dropped with the suite. `server` is a URL without a database. */
export const makePlaceAt = async ({ afterwards }: Pick<Order, "afterwards">, server: string): Promise<Place> => {
  const on = kindOf(server);
  const database = `holdfast_torture_${process.pid}_${Date.now().toString(36)}_${made++}`;
  await asOwner(server, `create database ${database}`);
  const force = on === "postgres" ? " with (force)" : "";
  afterwards(() => asOwner(server, `drop database if exists ${database}${force}`).catch(() => {}));
  const url = `${server}/${database}`;
  const plain = openPlain(url);
  afterwards(() => plain.close());
  return { on, url, plain };
};

/** A fresh place of the kind that the order is for: a file of this name, or a database on the server at hand. */
export const makePlace = async (order: Order, name: string): Promise<Place> => {
  if (order.on !== "sqlite") return makePlaceAt(order, serverOf(order.on));
  const url = `sqlite:${join(order.folder, `${name}.db`)}`;
  const plain = openPlain(url);
  order.afterwards(() => plain.close());
  return { on: "sqlite", url, plain };
};
