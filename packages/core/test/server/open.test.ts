// URLs that lead nowhere: each is refused with what to do, before anything is made.
import { describe, expect, test } from "bun:test";
import { Fault, Runtime } from "../../src/index.ts";
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
  expect((await refusal(url)).code).toBe("storage_failed");
});

describe.skipIf(!(await isThere()))("on PostgreSQL", () => {
  test.each(["/no_such_database", "/postgres?search_path=no_such_schema"])("%s does not exist", async (path) => {
    const { code, message } = await refusal(`${server}${path}`);
    expect(code).toBe("storage_failed");
    expect(message).toContain("refuses us");
  });
});
