/** What happens to a store when its disk or its file fails, on real files. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Store } from "../../src/store/contract.ts";
import { migrations } from "../../src/store/sqlite/migrations.gen.ts";
import * as Fault from "../../src/model/fault.ts";
import { folder } from "../kit/afterwards.ts";
import { codeOf, execute, newRun, row, seqs, start } from "./contract/kit.ts";
import { brokenDisk, cannotCompile, cannotMount, smallDisk, spawn, type SmallDisk } from "./machine.ts";
import { client, open } from "./sqlite.kit.ts";

const disk = (size: string): SmallDisk => {
  const mounted = smallDisk(size);
  if (!mounted) throw new Error("the file system could not be mounted");
  return mounted;
};

const troubleOf = (store: Store): unknown => (store.trouble() as { code?: string } | undefined)?.code;

/** True when a promise is settled after everything else that can happen now. */
const isOpen = async (promise: Promise<unknown>): Promise<boolean> =>
  (await Promise.race([promise.then(() => "settled"), Bun.sleep(20)])) === undefined;

/** Waits until the store says so. */
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await Bun.sleep(2);
};

const soundness = (path: string): unknown => client(path).query("pragma integrity_check").get();

describe.skipIf(cannotMount)("a full disk", () => {
  /** Starts runs with large inputs until one is refused. Answers with the ids that were acknowledged, and the refusal. */
  const fill = async (store: Store): Promise<{ acknowledged: string[]; refusal: unknown }> => {
    const acknowledged: string[] = [];
    for (let n = 0; n < 1_000; n++) {
      const refusal = await codeOf(store.runs.start(newRun(`fill ${n}`, { input: "x".repeat(20_000) })));
      if (refusal !== "it did not reject") return { acknowledged, refusal };
      acknowledged.push(`fill ${n}`);
    }
    throw new Error("the disk never was full");
  };

  test("refuses new starts, lets running writes wait, and goes on when there is room: nothing acknowledged is lost", async () => {
    const small = disk("2m");
    const path = join(small.path, "holdfast.db");
    const store = open(path);
    const lease = await execute(store, "running");
    const { acknowledged, refusal } = await fill(store);
    expect([refusal, troubleOf(store)]).toEqual(["storage_full", "storage_full"]);
    const appended = [1, 2, 3].map((seq) => store.history.append(lease, row(seq, { value: "y".repeat(50_000) })));
    expect(await codeOf(store.runs.cancel(lease.run, "enough", 1))).toBe("storage_full");
    expect(await isOpen(Promise.race(appended))).toBe(true);
    expect(await seqs(store, lease.run)).toEqual([0]);
    expect((await store.runs.byId("fill 0"))?.status).toBe("queued");
    small.remount("size=50m");
    expect(await Promise.all(appended)).toEqual([true, true, true]);
    expect(store.trouble()).toBeUndefined();
    await start(store, "after");
    expect(await seqs(store, lease.run)).toEqual([0, 1, 2, 3]);
    for (const id of acknowledged) expect((await store.runs.byId(id))?.status).toBe("queued");
    expect(soundness(path)).toEqual({ integrity_check: "ok" });
  });

  test("is noticed to be over though nobody writes", async () => {
    const small = disk("2m");
    const store = open(join(small.path, "holdfast.db"));
    await fill(store);
    small.remount("size=50m");
    await until(() => store.trouble() === undefined);
    await start(store, "after");
  });

  test("does not keep a store from closing, and what waited is told why it was not written", async () => {
    const small = disk("2m");
    const store = open(join(small.path, "holdfast.db"));
    const lease = await execute(store, "running");
    await fill(store);
    const lost = codeOf(store.history.append(lease, row(1, { value: "y".repeat(500_000) })));
    await store.close();
    expect(await lost).toBe("storage_full");
  });

  test("that was full before is a clear error at open, and leaves no descriptor", async () => {
    const small = disk("64k");
    writeFileSync(join(small.path, "ballast"), "z".repeat(60_000));
    const path = join(small.path, "holdfast.db");
    expect(() => open(path)).toThrow(expect.objectContaining({ code: "storage_full" }) as Error);
    rmSync(join(small.path, "ballast"));
    small.remount("size=5m");
    await start(open(path), "a");
  });
});

describe.skipIf(cannotMount)("a disk that may only be read", () => {
  test("is a clear error at open, and opens once it may be written", async () => {
    const small = disk("5m");
    const path = join(small.path, "holdfast.db");
    const before = open(path);
    await start(before, "a");
    await before.close();
    small.remount("ro");
    const error = ((): unknown => {
      try {
        return open(path);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(Fault.is(error) && error.code).toMatch(/^storage_(readonly|failed)$/);
    expect((error as Error).message).toContain(path);
    expect((error as Error).message).toContain("right to");
    small.remount("rw");
    const store = open(path);
    expect((await store.runs.byId("a"))?.status).toBe("queued");
    await start(store, "b");
  });
});

test("a database that cannot be written for a while refuses starts, lets running writes wait, and heals", async () => {
  const database = client(":memory:");
  const store = open(database);
  const lease = await execute(store, "running");
  database.run("PRAGMA query_only = ON");
  const appended = store.history.append(lease, row(1));
  const error: unknown = await store.runs.start(newRun("a")).catch((thrown: unknown) => thrown);
  expect(Fault.is(error, "storage_readonly")).toBe(true);
  expect((error as Error).message).toContain("Give this process the right to write");
  expect(await isOpen(appended)).toBe(true);
  database.run("PRAGMA query_only = OFF");
  expect(await appended).toBe(true);
  expect(store.trouble()).toBeUndefined();
});

test("a transaction that a user holds open on the same connection is waited for", async () => {
  const database = client(":memory:");
  const store = open(database);
  database.run("BEGIN");
  const started = start(store, "a");
  expect(await isOpen(started)).toBe(true);
  database.run("COMMIT");
  await started;
  expect(store.trouble()).toBeUndefined();
});

test("a read that fails says why, a read for acknowledged work waits, and the end of the trouble is noticed", async () => {
  const database = client(":memory:");
  const prepare = database.prepare.bind(database);
  let broken = false;
  database.prepare = ((text: string) => {
    const statement = prepare(text);
    const guarded =
      <Given extends unknown[], Rows>(read: (...given: Given) => Rows) =>
      (...given: Given): Rows => {
        if (broken && text.startsWith("select")) throw Object.assign(new Error("disk I/O error"), { code: "SQLITE_IOERR_READ" });
        return read(...given);
      };
    statement.values = guarded(statement.values.bind(statement));
    statement.all = guarded(statement.all.bind(statement));
    return statement;
  }) as typeof prepare;
  const store = open(database);
  const lease = await execute(store, "running");
  broken = true;
  expect(await codeOf(store.runs.byId("running"))).toBe("storage_failed");
  expect(troubleOf(store)).toBe("storage_failed");
  const rows = store.history.read(lease.run, -1, 9);
  expect(await isOpen(rows)).toBe(true);
  broken = false;
  expect(await rows).toHaveLength(1);
  await until(() => store.trouble() === undefined);
});

describe.skipIf(cannotCompile)("a disk that answers with I/O errors", () => {
  test.each(["write", "sync"] as const)(
    "while it fails to %s, starts are refused and writes wait; when it is well again everything goes on, and nothing acknowledged is lost",
    async (kind) => {
      const library = await brokenDisk(kind);
      if (library === undefined) throw new Error("the library could not be built");
      const place = folder();
      const path = join(place, "holdfast.db");
      const child = spawn("writer.child.ts", [path, "a", "4"], { LD_PRELOAD: library });
      expect(await child.hear()).toEqual({ open: true });
      const ask = async (): Promise<Record<string, unknown>> => {
        child.tell("count");
        return child.hear();
      };
      child.tell("write");
      while (Number((await ask())["acknowledged"]) < 20);
      writeFileSync(join(place, "broken"), "");
      let during = await ask();
      while (during["trouble"] === null) during = await ask();
      expect(during["trouble"]).toBe("storage_failed");
      await Bun.sleep(100);
      const stalled = await ask();
      expect(stalled["records"]).toBe(during["records"]);
      expect(stalled["refused"]).toEqual(["storage_failed"]);
      rmSync(join(place, "broken"));
      while (Number((await ask())["records"]) < Number(stalled["records"]) + 20);
      child.tell("stop");
      const all = await child.hear();
      await child.kill();
      const database = client(path);
      const one = (text: string): number => Number(database.query<{ n: number }, []>(text).get()?.n);
      expect(one("select count(*) as n from holdfast_history where seq > 0")).toBe(Number(all["records"]));
      // A start that was refused may be there all the same: the commit may have reached the disk before the error did.
      expect(one("select count(*) as n from holdfast_runs where worker is null")).toBeGreaterThanOrEqual(
        Number(all["acknowledged"]),
      );
      expect(soundness(path)).toEqual({ integrity_check: "ok" });
    },
    20_000,
  );
});

describe("a file that is no longer in its place", () => {
  const setup = async () => {
    const path = join(folder(), "holdfast.db");
    const store = open(path);
    const lease = await execute(store, "running");
    const aside = `${path}.aside`;
    return { path, aside, store, lease };
  };

  /** Expects that nothing is written now, and that everything is once the file is back. */
  const failsUntil = async ({ store, lease }: Awaited<ReturnType<typeof setup>>, mend: () => void): Promise<void> => {
    const appended = store.history.append(lease, row(1));
    const error: unknown = await store.runs.start(newRun("refused")).catch((thrown: unknown) => thrown);
    expect(Fault.is(error, "storage_replaced")).toBe(true);
    expect((error as Error).message).toContain("moved, deleted or replaced");
    expect(await isOpen(appended)).toBe(true);
    mend();
    expect(await appended).toBe(true);
    expect(store.trouble()).toBeUndefined();
    expect(await store.runs.byId("refused")).toBeUndefined();
    await start(store, "after");
  };

  test("moved away: nothing is written until it is back", async () => {
    const world = await setup();
    renameSync(world.path, world.aside);
    await failsUntil(world, () => renameSync(world.aside, world.path));
  });

  test("replaced by a copy: the copy is not written to", async () => {
    const world = await setup();
    copyFileSync(world.path, `${world.path}.copy`);
    const { size } = Bun.file(`${world.path}.copy`);
    renameSync(world.path, world.aside);
    renameSync(`${world.path}.copy`, world.path);
    await failsUntil(world, () => {
      expect(Bun.file(world.path).size).toBe(size);
      renameSync(world.aside, world.path);
    });
  });

  test("its folder moved away: nothing is written until it is back", async () => {
    const world = await setup();
    const place = join(world.path, "..");
    renameSync(place, `${place}.aside`);
    await failsUntil(world, () => renameSync(`${place}.aside`, place));
  });

  test("its WAL moved away: nothing is written until it is back", async () => {
    const world = await setup();
    renameSync(`${world.path}-wal`, world.aside);
    await failsUntil(world, () => renameSync(world.aside, `${world.path}-wal`));
  });

  test("its WAL deleted: nothing more is acknowledged, and a close leaves what was in one file", async () => {
    const { path, store, lease } = await setup();
    await store.history.append(lease, row(1));
    rmSync(`${path}-wal`);
    expect(await codeOf(store.runs.start(newRun("refused")))).toBe("storage_replaced");
    await store.close();
    const again = open(path);
    expect(await seqs(again, lease.run)).toEqual([0, 1]);
    expect(await again.runs.byId("refused")).toBeUndefined();
  });

  test("deleted: a close does not wait for it, and makes no new one", async () => {
    const { path, store, lease } = await setup();
    for (const name of [path, `${path}-wal`, `${path}-shm`]) rmSync(name);
    const lost = codeOf(store.history.append(lease, row(1)));
    await store.close();
    expect(await lost).toBe("storage_replaced");
    expect(existsSync(path)).toBe(false);
  });

  test("reads go on meanwhile", async () => {
    const { path, aside, store, lease } = await setup();
    renameSync(path, aside);
    expect(await codeOf(store.runs.start(newRun("refused")))).toBe("storage_replaced");
    expect((await store.runs.byId("running"))?.key).toBe(lease.run);
    expect(await seqs(store, lease.run)).toEqual([0]);
    renameSync(aside, path);
  });

  test("back, but without a table of ours: writes wait until it is mended", async () => {
    const { path, aside, store, lease } = await setup();
    const other = client(path);
    const table = other.query<{ sql: string }, []>("select sql from sqlite_master where name = 'holdfast_tags'").get()?.sql ?? "";
    renameSync(path, aside);
    const appended = store.history.append(lease, row(1));
    expect(await codeOf(store.runs.start(newRun("refused")))).toBe("storage_replaced");
    renameSync(aside, path);
    other.run("drop table holdfast_tags");
    await until(() => troubleOf(store) === "storage_failed");
    expect(await isOpen(appended)).toBe(true);
    other.run(table);
    expect(await appended).toBe(true);
    await start(store, "after", { tags: ["t"] });
  });

  test("what others wrote while it was away is told afterwards", async () => {
    const { path, aside, store } = await setup();
    store.changed();
    renameSync(path, aside);
    expect(await codeOf(store.runs.start(newRun("refused")))).toBe("storage_replaced");
    renameSync(aside, path);
    client(path).run("update holdfast_runs set correlation = 'theirs'");
    await until(() => store.trouble() === undefined);
    expect([store.changed(), store.changed()]).toEqual([true, false]);
  });
});

describe("a file that cannot be opened", () => {
  const faultOf = (path: string): Fault.Fault => {
    try {
      open(path);
    } catch (error) {
      if (Fault.is(error)) return error;
      throw error;
    }
    throw new Error("it was opened");
  };

  test("a missing folder is named, and not made", () => {
    const path = join(folder(), "missing", "holdfast.db");
    const fault = faultOf(path);
    expect([fault.code, fault.data["file"]]).toEqual(["storage_failed", path]);
    expect(fault.message).toContain("Make its folder");
    expect(existsSync(join(path, ".."))).toBe(false);
  });

  test("a folder is no database", () => {
    const path = join(folder(), "holdfast.db");
    mkdirSync(path);
    expect(faultOf(path).code).toBe("storage_failed");
  });

  test("a file of something else is left as it is", async () => {
    const path = join(folder(), "notes.txt");
    const text = "these are my notes, and not a database\n".repeat(100);
    writeFileSync(path, text);
    const fault = faultOf(path);
    expect(fault.code).toBe("storage_failed");
    expect(fault.message).toContain("is no SQLite database");
    expect(await Bun.file(path).text()).toBe(text);
  });

  test("a file that a newer release has migrated is left as it is", async () => {
    const path = join(folder(), "holdfast.db");
    await open(path).close();
    const newer = new Database(path);
    newer.run("PRAGMA journal_mode = DELETE");
    newer.run("insert into holdfast_migrations (version, name, applied_at) values (99, 'from the future', 0)");
    newer.close(true);
    const before = await Bun.file(path).bytes();
    const fault = faultOf(path);
    expect(fault.code).toBe("schema_newer");
    expect(fault.message).toContain("schema 99");
    expect(await Bun.file(path).bytes()).toEqual(before);
  });

  test("a file that each earlier release has made is brought to this one's schema", () => {
    for (const last of migrations.slice(0, -1)) {
      const path = join(folder(), "holdfast.db");
      const older = new Database(path);
      older.run(
        "create table holdfast_migrations (version integer primary key, name text not null, applied_at integer not null) strict",
      );
      for (const { version, name, up } of migrations.filter(({ version: of }) => of <= last.version)) {
        for (const statement of up) older.run(statement);
        older.run("insert into holdfast_migrations values (?, ?, 0)", [version, name]);
      }
      older.close(true);
      open(path);
      const shape = (file: string) =>
        client(file).query("select type, name, tbl_name from sqlite_master where name like 'holdfast%' order by name").all();
      const columns = (file: string) =>
        client(file).query("select * from pragma_table_info('holdfast_workers') order by name").all();
      const fresh = join(folder(), "fresh.db");
      open(fresh);
      expect(shape(path)).toEqual(shape(fresh));
      expect(columns(path).map((column) => (column as { name: string }).name)).toEqual(
        columns(fresh).map((column) => (column as { name: string }).name),
      );
    }
  });

  test("a damaged file is a clear error, and no hang", () => {
    const path = join(folder(), "holdfast.db");
    writeFileSync(path, Buffer.concat([Buffer.from("SQLite format 3\0"), Buffer.alloc(8_192, 0xff)]));
    expect(faultOf(path).code).toBe("storage_failed");
  });
});

test("a migration that is interrupted at any statement leaves nothing, and the next open goes through with it", () => {
  const tables = (database: Database): unknown[] => database.query("select name from sqlite_master").all();

  /** Opens a database whose so many-th statement inside a transaction fails. Answers whether there was such a statement. */
  const openInterrupted = (database: Database, at: number): boolean => {
    const run = database.run.bind(database);
    let statements = 0;
    database.run = (...given: Parameters<typeof run>) => {
      if (database.inTransaction && given[0] !== "ROLLBACK" && ++statements === at) throw new Error("interrupted");
      return run(...given);
    };
    try {
      open(database);
      return false;
    } catch (error) {
      expect((error as Error).message).toBe("interrupted");
      return true;
    } finally {
      database.run = run;
    }
  };

  for (let at = 1; ; at++) {
    const database = client(":memory:");
    if (!openInterrupted(database, at)) return expect(at).toBeGreaterThan(10);
    expect(tables(database)).toEqual([]);
    open(database);
    expect(tables(database).length).toBeGreaterThan(10);
  }
});
