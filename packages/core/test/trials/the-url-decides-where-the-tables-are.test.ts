// A variable of the environment that Bun's client reads changes neither the database nor the server nor the encryption of a URL.
import { expect, test } from "bun:test";
import { SQL } from "bun";
import { join } from "node:path";
import { afterwards } from "../kit/world.ts";
import { assertPlace } from "../../src/store/server/address.ts";
import * as mysql from "../store/mysql.kit.ts";
import * as postgres from "../store/postgres.kit.ts";
import { thrownBy } from "../face/scene.ts";

const runWith = async (database: string, env: Readonly<Record<string, string>>): Promise<readonly [string, string]> => {
  const child = Bun.spawn([process.execPath, "--no-orphans", join(import.meta.dir, "environment.child.ts"), database], {
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  afterwards(() => child.kill("SIGKILL"));
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return [out.trim(), err];
};

const countIn = async (url: string, adapter: "postgres" | "mysql", place: string): Promise<number> => {
  const name = decodeURIComponent(new URL(url).pathname.slice(1));
  const client = new SQL({ url, adapter, database: name, max: 1 });
  try {
    const [row] = (await client.unsafe(
      `select count(*) as n from information_schema.tables where table_name = 'holdfast_runs' and ${place}`,
    )) as { n: unknown }[];
    return Number(row?.n);
  } finally {
    await client.close({ timeout: 0 });
  }
};

const nameIn = (url: string): string => new URL(url).pathname.slice(1);

const onPostgres = (other: string): readonly Readonly<Record<string, string>>[] => [
  { PGDATABASE: other },
  { PG_DATABASE: other },
  { PGSSLMODE: "require", TLS_DATABASE_URL: "x", TLS_POSTGRES_DATABASE_URL: "x" },
  { PGHOST: "nowhere.invalid", PGPORT: "1", PGUSER: "nobody", PGUSERNAME: "nobody", PGOPTIONS: "-c search_path=nowhere" },
  { PGCHANNELBINDING: "require", DATABASE_URL: "mysql://nowhere.invalid/x", PGURL: "postgres://nowhere.invalid/x" },
];

const onMysql = (other: string): readonly Readonly<Record<string, string>>[] => [
  { MYSQL_DATABASE: other },
  { MYSQLDATABASE: other },
  { TLS_DATABASE_URL: "x", TLS_MYSQL_DATABASE_URL: "x" },
  { MYSQL_HOST: "nowhere.invalid", MYSQL_PORT: "1", MYSQL_USER: "nobody", MYSQL_URL: "mysql://nowhere.invalid/x" },
];

test.skipIf(!(await postgres.isThere())).each(onPostgres("").map((_, index) => index))(
  "PostgreSQL: the URL decides, under environment %d",
  async (index) => {
    const [url, other] = [await postgres.ownDatabase(), await postgres.ownDatabase()];
    const [out, err] = await runWith(url, onPostgres(nameIn(other))[index] ?? {});
    expect(out === "7 1" ? "" : err).toBe("");
    expect(await countIn(url, "postgres", "table_schema = 'public'")).toBe(1);
    expect(await countIn(other, "postgres", "table_schema = 'public'")).toBe(0);
  },
  30_000,
);

test.skipIf(!(await mysql.isThere())).each(onMysql("").map((_, index) => index))(
  "MySQL: the URL decides, under environment %d",
  async (index) => {
    const [url, other] = [await mysql.freshDatabase(), await mysql.freshDatabase()];
    const [out, err] = await runWith(url, onMysql(nameIn(other))[index] ?? {});
    expect(out === "7 1" ? "" : err).toBe("");
    expect(await countIn(url, "mysql", "table_schema = database()")).toBe(1);
    expect(await countIn(other, "mysql", "table_schema = database()")).toBe(0);
  },
  30_000,
);

test("a connection in another database than the URL's is refused with both names", async () => {
  assertPlace("mysql://host/Orders", "Orders", "orders");
  assertPlace("mysql://host/orders", "orders@primary", "orders");
  const fault = await thrownBy(() => assertPlace("postgres://host/a", "a", "b"));
  expect(fault.code).toBe("storage_failed");
  expect(fault.message).toContain('"a"');
  expect(fault.message).toContain('"b"');
});
