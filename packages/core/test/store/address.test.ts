// How a server is reached: parameters of the URL and options over them, each refused in words that say what it takes.
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fault, Runtime } from "../../src/index.ts";
import { settleReach, type Address, type Reach, type Spelling } from "../../src/store/server/address.ts";
import { folder, silent } from "../kit/world.ts";

const spelling: Spelling = {
  example: "postgres://user@host/orders?pool=16",
  mode: "sslmode",
  modes: { disable: "disable", require: "require", "verify-full": "verify-full" },
  files: { ca: "sslrootcert", cert: "sslcert", key: "sslkey" },
  hasPooler: true,
  kept: ["search_path"],
  port: 5432,
};

const pem = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n";
const settled = (parameters: string, reach: Reach = {}, lease = 30_000): Promise<Address> =>
  settleReach(`postgres://user:se%40cret@host:6543/orders${parameters}`, reach, spelling, lease);

const refusal = async (promise: Promise<unknown>): Promise<string> => {
  const answer: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!Fault.is(answer, "invalid_option")) throw new Error(`It was not refused: ${String(answer)}`);
  return answer.message;
};

test("nothing said is the defaults, and the driver gets what the URL names, and that nothing is encrypted", async () => {
  expect(await settled("")).toEqual({
    name: "postgres://user@host:6543/orders",
    url: "postgres://user:se%40cret@host:6543/orders?sslmode=disable",
    place: { hostname: "host", port: 6543, username: "user", password: "se@cret", database: "orders" },
    size: 8,
    deadline: 10_000,
    pooler: undefined,
    searchPath: undefined,
    tls: undefined,
  });
});

test.each([
  [30_000, 10_000],
  [60_000, 10_000],
  [6_000, 2_000],
  [900, 500],
])("a lease of %p ms leaves %p ms for a question", async (lease, deadline) => {
  expect((await settled("", {}, lease)).deadline).toBe(deadline);
});

test.each<[string, Reach, Partial<Address>]>([
  ["?pool=16&timeout=5s", {}, { size: 16, deadline: 5_000 }],
  ["?timeout=250", {}, { deadline: 250 }],
  ["?pool=16&timeout=5s", { pool: { size: 4, timeout: 3_000 } }, { size: 4, deadline: 3_000 }],
  ["?pool=16&timeout=5s", { pool: { size: 4 } }, { size: 4, deadline: 5_000 }],
  ["?pooler=transaction", {}, { pooler: "transaction" }],
  ["?pooler=transaction", { pool: { pooler: "none" } }, { pooler: "none" }],
])("%s with %j", async (parameters, reach, expected) => {
  expect(await settled(parameters, reach)).toMatchObject(expected);
});

test("what is ours does not reach the driver; what is the server's does", async () => {
  const { url, name, searchPath } = await settled("?pool=16&search_path=flows&timeout=5s&pooler=none&sslmode=require");
  expect(new URL(url).search).toBe("?search_path=flows&sslmode=require");
  expect(name).toBe("postgres://user@host:6543/orders?search_path=flows");
  expect(searchPath).toBe("flows");
});

test.each<[string, Reach, string | null, Address["tls"]]>([
  ["?sslmode=require", {}, "require", undefined],
  ["", { tls: {} }, "require", undefined],
  ["", { tls: { ca: pem } }, "verify-full", { ca: pem }],
  ["", { tls: { ca: pem, mode: "verify-ca" } }, "verify-ca", { ca: pem }],
  ["?sslmode=verify-full", { tls: { mode: "disable" } }, "disable", undefined],
  ["?sslmode=require", { tls: { cert: pem, key: pem } }, "require", { cert: pem, key: pem }],
])("%s with %j is encrypted as %p", async (parameters, reach, mode, tls) => {
  const address = await settled(parameters, reach);
  expect(new URL(address.url).searchParams.get("sslmode")).toBe(mode);
  expect(address.tls).toEqual(tls);
});

test("a certificate is read from its file", async () => {
  const file = join(folder(), "ca.pem");
  writeFileSync(file, pem);
  const address = await settled(`?sslrootcert=${file}`);
  expect(address.tls).toEqual({ ca: pem });
  expect(new URL(address.url).search).toBe("?sslmode=verify-full");
  expect((await settled("", { tls: { ca: file } })).tls).toEqual({ ca: pem });
});

describe("refused", () => {
  test.each<[string, Reach, string]>([
    ["?pool=1", {}, "parameter pool of the URL is 1; it takes a whole number from 2"],
    ["?pool=many", {}, "parameter pool of the URL"],
    ["?pool=", {}, "parameter pool of the URL"],
    ["", { pool: { size: 2.5 } }, "size in the option pool of Runtime.open is 2.5"],
    ["?timeout=soon", {}, "no duration"],
    ["?timeout=10ms", {}, "from 100 to 10000 ms"],
    ["?timeout=11s", {}, "a third of the lease of 30000 ms"],
    ["", { pool: { timeout: "1m" } }, "timeout in the option pool of Runtime.open is 60000 ms"],
    ["?pooler=statement", {}, '"none", "session", "transaction"'],
    ["?sslmode=on", {}, '"disable", "require", "verify-full"'],
    ["", { tls: { mode: "on" as "require" } }, '"verify-ca"'],
    ["?sslrootcert=/no/such/file", {}, "parameter sslrootcert of the URL cannot be read"],
    ["", { tls: { key: "/no/such/key" } }, "key in the option tls of Runtime.open cannot be read"],
    ["?connection_limit=5", {}, "It takes sslmode, sslrootcert, sslcert, sslkey, pool, timeout, pooler, search_path"],
    ["?password=secret", {}, '"password", which is none'],
  ])("%s with %j", async (parameters, reach, words) => {
    const message = await refusal(settled(parameters, reach));
    expect(message).toContain(words);
    expect(message).not.toContain("secret");
    expect(message).not.toContain("se%40cret");
  });

  test.each(["pool", "tls"])("the option %s on SQLite", async (option) => {
    expect(await refusal(Runtime.open({ database: "sqlite::memory:", logger: silent, [option]: {} }))).toContain(option);
  });

  test("a parameter of PostgreSQL on MySQL", async () => {
    const message = await refusal(Runtime.open({ database: "mysql://root@127.0.0.1:1/orders?sslmode=require", logger: silent }));
    expect(message).toContain("It takes ssl-mode, ssl-ca, ssl-cert, ssl-key, pool, timeout");
  });
});
