/** Stores on MySQL or MariaDB for tests, each on a database of its own. */
import { SQL } from "bun";
import { sql } from "drizzle-orm";
import { mysqlTable, text } from "drizzle-orm/mysql-core";
import { drizzle, type MySql2Database } from "drizzle-orm/mysql2";
import { createPool, type Pool } from "mysql2/promise";
import type { Store } from "../../src/store/contract.ts";
import { openMysql } from "../../src/store/mysql/store.ts";
import { afterwards } from "../kit/afterwards.ts";
import type { Opened, User } from "./contract/kit.ts";

const server = process.env["HOLDFAST_TEST_MYSQL"] ?? "mysql://root@127.0.0.1:3306";

const asked = (): SQL => new SQL({ url: `${server}/mysql`, adapter: "mysql", max: 1 });

/** True when there is a server to test on. */
export const isThere = async (): Promise<boolean> => {
  const client = asked();
  try {
    await client.unsafe("select 1");
    return true;
  } catch {
    console.log(
      `No MySQL or MariaDB server answers at ${server}: its tests are left out. Set HOLDFAST_TEST_MYSQL to the URL of one.`,
    );
    return false;
  } finally {
    await client.close({ timeout: 0 });
  }
};

let made = 0;

/** Does something as the owner of the server, through a connection of its own. */
const asOwner = async (text: string): Promise<void> => {
  const client = asked();
  await client.unsafe(text);
  await client.close({ timeout: 0 });
};

/** A database of the test's own, dropped after it. Answers with its URL. */
export const freshDatabase = async (): Promise<string> => {
  const name = `holdfast_test_${process.pid}_${Date.now().toString(36)}_${made++}`;
  await asOwner(`create database ${name}`);
  afterwards(() => asOwner(`drop database if exists ${name}`));
  return `${server}/${name}`;
};

/** Opens a store that is closed after the test. */
export const open = async (url: string, hooks = { beforeCommit: () => {} }): Promise<Store> => {
  const store = await openMysql(url, hooks);
  afterwards(() => store.close());
  return store;
};

const notes = mysqlTable("notes", { text: text("text").notNull() });

/** A pool of mysql2, as users have one. */
export const poolOn = (url: string, connectionLimit = 2): Pool => {
  const pool = createPool({ uri: url, connectionLimit });
  afterwards(() => pool.end());
  return pool;
};

const userOf = async (url: string, foreign: string): Promise<User> => {
  const db: MySql2Database = drizzle({ client: poolOn(url) });
  await db.execute(sql`create table notes (text text not null)`);
  return {
    database: db,
    foreign: drizzle({ client: poolOn(foreign) }),
    waits: true,
    transaction: (work) => db.transaction(async (tx) => work(tx)),
    insert: (tx, line) => (tx as MySql2Database).insert(notes).values({ text: line }),
    texts: async () => (await db.select().from(notes)).map((note) => note.text),
    published: async (run) => {
      const [rows] = await db.execute(sql`select value from holdfast_states where run = ${run}`);
      return (rows as unknown as { value: string | null }[])[0]?.value;
    },
  };
};

/** A database that Holdfast uses too, and that is another. */
const makeForeign = async (): Promise<string> => {
  const url = await freshDatabase();
  await open(url);
  return url;
};

/** A store on a fresh database. */
export const onMysql = async (): Promise<Opened> => {
  const url = await freshDatabase();
  const store = await open(url);
  return { store, again: () => open(url), user: await userOf(url, await makeForeign()) };
};
