// After Runtime.close a script that has nothing else to do ends at once: no timer of Holdfast's keeps its process.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { afterwards, folder } from "../kit/afterwards.ts";
import * as mysql from "../store/mysql.kit.ts";
import * as postgres from "../store/postgres.kit.ts";

const databases = {
  memory: { isThere: true, make: async () => "sqlite::memory:" },
  SQLite: { isThere: true, make: async () => `sqlite:${join(folder(), "runs.db")}` },
  PostgreSQL: { isThere: await postgres.isThere(), make: postgres.ownDatabase },
  MySQL: { isThere: await mysql.isThere(), make: mysql.freshDatabase },
} as const;

test.each(Object.entries(databases))("%s", async (_, { isThere, make }) => {
  if (!isThere) return;
  const child = Bun.spawn([process.execPath, "--no-orphans", join(import.meta.dir, "close.child.ts"), await make()], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  afterwards(() => child.kill("SIGKILL"));
  const out = await child.stdout.text();
  expect(await child.exited).toBe(0);
  expect(JSON.parse(out.trim().split("\n").at(-1) ?? "")).toEqual([]);
});
