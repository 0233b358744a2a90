/** Stores on PostgreSQL for tests, each on a database of its own. */
import { SQL } from "bun";
import { sql } from "drizzle-orm";
import { drizzle, type BunSQLDatabase } from "drizzle-orm/bun-sql";
import { pgTable, text } from "drizzle-orm/pg-core";
import type { Store } from "../../src/store/contract.ts";
import { openPostgres } from "../../src/store/postgres/store.ts";
import { afterwards } from "../kit/afterwards.ts";
import { isAnswered } from "../kit/server.ts";
import type { Opened, User } from "./contract/kit.ts";

export const server = process.env["HOLDFAST_TEST_POSTGRES"] ?? "postgres://postgres@127.0.0.1:5432";

const asked = (): SQL => new SQL(`${server}/postgres`, { max: 1 });

/** True when there is a server to test on. */
export const isThere = (): Promise<boolean> => isAnswered({ url: `${server}/postgres` });

let made = 0;
const nextName = (): string => `holdfast_test_${process.pid}_${Date.now().toString(36)}_${made++}`;

/** Does something as the owner of the server, through a connection of its own. */
const asOwner = async (text: string): Promise<void> => {
  const client = asked();
  await client.unsafe(text);
  await client.close({ timeout: 0 });
};

/** A fresh schema, dropped after the test. Answers with its URL. */
export const freshDatabase = async (): Promise<string> => {
  const name = nextName();
  await asOwner(`create schema ${name}`);
  afterwards(() => asOwner(`drop schema if exists ${name} cascade`));
  return `${server}/postgres?search_path=${name}`;
};

/** A database of the test's own, for what is done to a whole one. Answers with its URL. */
export const ownDatabase = async (): Promise<string> => {
  const name = nextName();
  await asOwner(`create database ${name}`);
  afterwards(() => asOwner(`drop database if exists ${name} with (force)`));
  return `${server}/${name}`;
};

/** Opens a store that is closed after the test. */
export const open = async (url: string, hooks = { beforeCommit: () => {} }): Promise<Store> => {
  const store = await openPostgres(url, hooks);
  afterwards(() => store.close());
  return store;
};

const notes = pgTable("notes", { text: text("text").notNull() });

const userOn = (url: string): BunSQLDatabase => {
  const client = new SQL(url, { max: 2 });
  afterwards(() => client.close({ timeout: 0 }));
  return drizzle({ client });
};

const userOf = async (url: string, foreign: string): Promise<User> => {
  const db = userOn(url);
  await db.execute(sql`create table notes (text text not null)`);
  return {
    database: db,
    foreign: userOn(foreign),
    waits: true,
    transaction: (work) => db.transaction(async (tx) => work(tx)),
    insert: (tx, line) => (tx as BunSQLDatabase).insert(notes).values({ text: line }),
    texts: async () => (await db.select().from(notes)).map((note) => note.text),
    published: async (run) => {
      const [row] = (await db.execute(sql`select value from holdfast_states where run = ${run}`)) as { value: string | null }[];
      return row?.value;
    },
  };
};

/** A schema that Holdfast uses too, and that is another. */
const makeForeign = async (): Promise<string> => {
  const url = await freshDatabase();
  await open(url);
  return url;
};

/** A store on a fresh database. */
export const onPostgres = (): Promise<Opened> => onPostgresBy((url) => url);

/** The same by another way to the server; the user's own connections go straight there. */
export const onPostgresBy = async (way: (url: string) => string): Promise<Opened> => {
  const url = await freshDatabase();
  const store = await open(way(url));
  return { store, again: () => open(way(url)), user: await userOf(url, await makeForeign()) };
};
