/** Several processes on one file. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { migrations } from "../../src/store/sqlite/migrations.gen.ts";
import { folder } from "../kit/afterwards.ts";
import { execute, row, start } from "./contract/kit.ts";
import { spawn } from "./machine.ts";
import { client, open } from "./sqlite.kit.ts";

const count = (database: Database, sql: string, ...values: string[]): number =>
  Number(Object.values(database.query<Record<string, number>, string[]>(sql).get(...values) ?? {})[0]);

test("processes that write hard to one file see no BUSY, and everything acknowledged is there", async () => {
  const path = join(folder(), "holdfast.db");
  const children = ["a", "b"].map((name) => ({ name, child: spawn("writer.child.ts", [path, name, "16"]) }));
  for (const { child } of children) expect(await child.hear()).toEqual({ open: true });
  for (const { child } of children) child.tell("write");
  await Bun.sleep(1_500);
  for (const { child } of children) child.tell("stop");
  const file = client(path);
  for (const { name, child } of children) {
    const { acknowledged, records, refused, longest } = await child.hear();
    expect(refused).toEqual([]);
    expect(acknowledged).toBeGreaterThan(50);
    expect(count(file, "select count(*) from holdfast_runs where id like ? and worker is null", `${name}/%`)).toBe(
      acknowledged as number,
    );
    const ofMine =
      "select count(*) from holdfast_history where seq > 0 and run in (select key from holdfast_runs where id like ?)";
    expect(count(file, ofMine, `${name}/%`)).toBe(records as number);
    console.log(
      `process ${name}: ${String(acknowledged)} starts and ${String(records)} records in 1.5 s, its loop blocked for at most ${String(longest)} ms`,
    );
  }
  expect(file.query("pragma integrity_check").get()).toEqual({ integrity_check: "ok" });
}, 20_000);

test("processes that open a fresh file at once all open it, and it is migrated once", async () => {
  const path = join(folder(), "holdfast.db");
  const children = Array.from({ length: 16 }, (_, n) => spawn("writer.child.ts", [path, `${n}`]));
  expect(await Promise.all(children.map((child) => child.hear()))).toEqual(children.map(() => ({ open: true })));
  expect(client(path).query("select version from holdfast_migrations").all()).toEqual(
    migrations.map(({ version }) => ({ version })),
  );
}, 30_000);

describe("while somebody holds the write lock", () => {
  const locked = (path: string): Database => {
    const other = client(path);
    other.run("BEGIN IMMEDIATE");
    return other;
  };

  test("a file that is migrated opens at once, and writes wait", async () => {
    const path = join(folder(), "holdfast.db");
    await open(path).close();
    const other = locked(path);
    const store = open(path);
    const started = start(store, "a");
    expect(await store.runs.byId("a")).toBeUndefined();
    expect(await Promise.race([started, Bun.sleep(20)])).toBeUndefined();
    other.run("COMMIT");
    await started;
    expect((await store.runs.byId("a"))?.status).toBe("queued");
  });

  test("a write by somebody else between two of ours is no BUSY", async () => {
    const path = join(folder(), "holdfast.db");
    const store = open(path);
    const lease = await execute(store, "a");
    for (let n = 1; n <= 5; n++) {
      const other = locked(path);
      const appended = store.history.append(lease, row(n));
      await Bun.sleep(3);
      other.run("update holdfast_runs set correlation = 'theirs'");
      other.run("COMMIT");
      other.close();
      expect(await appended).toBe(true);
    }
    expect(store.trouble()).toBeUndefined();
  });
});

test("what the library does beside SQLite costs SQLite none of its locks: nothing acknowledged is lost to a reader that comes and goes", async () => {
  const path = join(folder(), "holdfast.db");
  const child = spawn("writer.child.ts", [path, "a"]);
  await child.hear();
  child.tell("use");
  expect(await child.hear()).toEqual({ used: 50 });
  // Were the locks of the child gone, this connection would believe to be the last one, and delete the WAL as it closes.
  const reader = new Database(path);
  expect(count(reader, "select count(*) from holdfast_runs")).toBe(1);
  reader.close(true);
  expect(existsSync(`${path}-wal`)).toBe(true);
  child.tell("append");
  expect(await child.hear()).toEqual({ appended: 50 });
  await child.kill();
  expect(count(client(path), "select count(*) from holdfast_history where seq > 0")).toBe(100);
});

describe.skipIf(process.platform !== "linux")("one process", () => {
  const openFiles = (path: string): string[] =>
    readdirSync("/proc/self/fd")
      .map((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`);
        } catch {
          return "";
        }
      })
      .filter((target) => target.startsWith(path));

  test("the WAL stays small under a mix of reads and writes: no read is left open", async () => {
    const path = join(folder("/dev/shm"), "holdfast.db");
    const store = open(path);
    const lease = await execute(store, "a");
    for (let n = 1; n <= 3_000; n++) {
      await store.history.append(lease, row(n, { value: "x".repeat(2_000) }));
      await store.runs.byId("a");
      await store.runs.nextDue([{ name: "order", version: 1 }], Date.now(), 9);
      if (n % 10 === 0)
        await Promise.all([store.history.read(lease.run, 0, 5), store.runs.stuck(0), store.workers.list(), store.runs.heldBy(1)]);
      store.changed();
    }
    expect(statSync(`${path}-wal`).size).toBeLessThan(8_000_000);
    expect(statSync(path).size).toBeGreaterThan(5_000_000);
  });

  test("a store that was closed has let go of its file, and the file is complete by itself", async () => {
    const path = join(folder(), "holdfast.db");
    const store = open(path);
    await start(store, "a");
    expect(openFiles(path)).not.toEqual([]);
    await store.close();
    expect(openFiles(path)).toEqual([]);
    expect(existsSync(`${path}-wal`)).toBe(false);
  });
});
