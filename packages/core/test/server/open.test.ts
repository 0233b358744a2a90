// URLs that lead nowhere: each is refused with what to do, before anything is made.
import { describe, expect, test } from "bun:test";
import { Database, Fault, Runtime } from "../../src/index.ts";
import { postgres } from "../../src/store/postgres/dialect.ts";
import { late } from "../../src/store/server/link.ts";
import { faultAt } from "../../src/store/server/unreachable.ts";
import { folder } from "../kit/afterwards.ts";
import { silent } from "../kit/world.ts";
import { isThere, server } from "../store/postgres.kit.ts";

const refusal = async (database: string): Promise<Fault.Fault> => {
  const answer: unknown = await Runtime.open({ database, logger: silent, lease: 6_000 }).catch((error: unknown) => error);
  if (!Fault.is(answer)) throw new Error(`${database} was not refused with a fault: ${String(answer)}`);
  return answer;
};

test.each(["postgres://", "postgres://user:secret@127.0.0.1:5432", "mysql://root@127.0.0.1:3306/", "mariadb://127.0.0.1"])(
  "%s names no database",
  async (url) => {
    const { code, message } = await refusal(url);
    expect(code).toBe("invalid_option");
    expect(message).toContain("names no database");
    expect(message).not.toContain("secret");
  },
);

test.each(["postgres://user@127.0.0.1:1/orders", "mysql://user@127.0.0.1:1/orders"])("nobody answers at %s", async (url) => {
  const { code, message, data } = await refusal(url.replace("user@", "user:secret@"));
  expect(code).toBe("storage_failed");
  expect(message).toContain(`The server of ${url} cannot be reached`);
  expect(message).not.toContain("Running work");
  expect(JSON.stringify([message, data])).not.toContain("secret");
});

test("of two places, the one that nobody answers at is named", async () => {
  const url = "postgres://user@127.0.0.1:1/orders";
  const about = async (work: Promise<unknown>): Promise<string> => String(await work.catch((error: unknown) => error));
  const from = `sqlite:${folder()}/from.db`;
  await Database.migrate(from);
  expect(await about(Database.copy(from, url))).toContain(url);
  expect(await about(Database.migrate(url))).toContain(url);
});

test("a server that says nothing is named too, and is still told from others", () => {
  const fault = faultAt("postgres://user@host/orders", postgres, late(2_000));
  expect(fault.message).toContain("postgres://user@host/orders cannot be reached (no answer for 2000 ms)");
  expect(postgres.judge(fault)).toBe("lost");
});

test.each(["postgres://user@one,two/orders", "mysql://user:secret@one:3306,two:3306/orders"])("%s has two hosts", async (url) => {
  const { code, message } = await refusal(url);
  expect(code).toBe("invalid_option");
  expect(message).toContain("several hosts");
  expect(message).not.toContain("secret");
});

const odd = ["p@secret", "p#secret", "p/secret", "p?secret", "secret%", "p@ss/secret", "p@ss#1/secret"];
test.each(
  odd.flatMap((password) => [`postgres://user:${password}@127.0.0.1:1/orders`, `mysql://user:${password}@127.0.0.1/orders`]),
)("%s has a password that is not written as a URL wants it", async (url) => {
  const { code, message } = await refusal(url);
  expect(message).not.toContain("secret");
  // One @ more is no trouble: the last one counts.
  if (url.includes("p@secret@")) return;
  expect(code).toBe("invalid_option");
  expect(message).toContain("encodeURIComponent");
});

test.each([
  "postgres:/user:secret@host/orders",
  "postgre://user:secret@host/orders",
  "user:secret@host/orders",
  "mysql:user:secret@host",
])("%s is no URL that is known, and its password is not repeated", async (url) => {
  const { code, message } = await refusal(url);
  expect(code).toBe("invalid_option");
  expect(message).not.toContain("secret");
});

test("a comma in a password makes no second host, nor an @ in a parameter a second user", async () => {
  for (const url of ["postgres://user:a,b@127.0.0.1:1/orders", "postgres://user@127.0.0.1:1/orders?application_name=a@b"])
    expect((await refusal(url)).code).toBe("storage_failed");
});

test("a file takes no parameters, and gets no name with them", async () => {
  const { code, message } = await refusal("sqlite:orders.db?pool=3");
  expect(code).toBe("invalid_option");
  expect(message).toContain("takes no parameters");
});

test.each(["a client without Drizzle", "a single connection under Drizzle"])("%s is no database", async (what) => {
  const client = { query: () => {}, connect: () => {} };
  const { code, message } = await refusal((what.includes("under") ? { $client: client } : client) as never);
  expect(code).toBe("invalid_option");
  expect(message).toContain("PostgreSQL");
});

describe.skipIf(!(await isThere()))("on PostgreSQL", () => {
  test.each(["/no_such_database", "/postgres?search_path=no_such_schema"])("%s does not exist", async (path) => {
    const { code, message } = await refusal(`${server}${path}`);
    expect(code).toBe("storage_failed");
    expect(message).toContain("refuses us");
  });
});
