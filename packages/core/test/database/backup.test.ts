// Database.backup and Database.restore: a backup is the database as of one moment, and comes to life in one place only.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { Database as Sqlite } from "bun:sqlite";
import { existsSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Database, Fault, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { folder } from "../kit/afterwards.ts";
import { until } from "../kit/until.ts";
import { askRaw, child, fill, flow, fresh, gate, go, kinds, open } from "./kit.ts";

setDefaultTimeout(60_000);

const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "done",
    (error: unknown) => (Fault.is(error) ? error.code : String(error)),
  );

const anew = (): void => {
  gate.open = Promise.withResolvers<void>();
  gate.began.length = 0;
};

describe("Database.backup and Database.restore", () => {
  for (const from of kinds)
    for (const to of new Set([from, "sqlite"] as const))
      test(`of ${from} into ${to}: all there is goes on, and the original is closed`, async () => {
        anew();
        const [source, target] = [await fresh(from), await fresh(to)];
        const old = await open(source);
        await fill(old);
        const path = join(folder(), "backup.db");
        const kept = await Database.backup(old, path);
        expect(kept.path).toBe(path);
        expect(kept.bytes).toBeGreaterThan(0);
        expect(readdirSync(dirname(path))).toEqual(["backup.db"]);
        // What comes after it is not in it.
        await Signal.send(Run.of(old, "waiting"), go, "too late");

        // It is not opened by mistake, nor moved from.
        expect(await codeOf(Runtime.open({ database: `sqlite:${path}` }))).toBe("database_incomplete");
        expect(await codeOf(Database.copy(`sqlite:${path}`, await fresh("sqlite")))).toBe("database_incomplete");

        const leases = new Map(
          (await askRaw(source, "select * from holdfast_runs")).map((run) => [String(run["id"]), Number(run["lease"])]),
        );
        const restored = await Database.restore(path, target, { original: source });
        expect(restored).toMatchObject({ runs: 10, original: { closed: true } });
        expect(await codeOf(Signal.send(Run.of(old, "parent"), go, "late"))).toBe("database_moved");
        expect(await codeOf(Runtime.open({ database: source }))).toBe("database_moved");

        for (const run of await askRaw(target, "select * from holdfast_runs")) {
          expect(Number(run["lease"])).toBeGreaterThan((leases.get(String(run["id"])) ?? 0) + 1_000);
          expect(run["worker"]).toBeNull();
        }
        const next = await open(target);
        const [worker] = await askRaw(target, "select * from holdfast_workers");
        expect(Number(worker?.["key"])).toBeGreaterThan(1_000_000);
        await Signal.send(Run.of(next, "waiting"), go, "now");
        expect(await Run.result(Run.of(next, "waiting"))).toBe("w now 12");
        await Signal.send(Run.of(next, (await Run.list(next, { workflow: child.name })).runs[0]!.id), go, "kid");
        expect(await Run.result(Run.of(next, "parent"))).toBe("parent of p kid");
        gate.open.resolve();
        expect(await Run.result(Run.of(next, "holding"))).toBe("holding/hold");
        // The same step, begun before the backup and after the restore, by the same key.
        expect(gate.began).toEqual(["holding/hold", "holding/hold"]);
        expect(await Runtime.check(next)).toEqual([]);
      });

  test("time is rewound: steps since the backup run again, with the keys they had", async () => {
    const keys: string[] = [];
    const pair = Workflow.define({ name: "pair" }, async (ctx) => {
      await Step.run(ctx, "one", ({ key }) => void keys.push(key));
      await Step.wait(ctx, go);
      await Step.run(ctx, "two", ({ key }) => void keys.push(key));
    });
    const source = await fresh("sqlite");
    const old = await open(source, [pair]);
    const run = await Workflow.start(old, pair, undefined, { id: "p" });
    await until("it waits", async () => (await Run.get(run)).status === "waiting");
    const path = join(folder(), "backup.db");
    await Database.backup(old, path);
    await Signal.send(run, go, "x");
    await Run.result(run);
    await Runtime.close(old);
    const target = await fresh("sqlite");
    const { original } = await Database.restore(path, target);
    expect(original).toMatchObject({ name: source, closed: false });
    const next = await open(target, [pair]);
    await Signal.send(Run.of(next, "p"), go, "x");
    await Run.result(Run.of(next, "p"));
    expect(keys).toEqual(["p/one", "p/two", "p/two"]);
  });

  test("an original that cannot be reached keeps nobody from restoring, and is told of", async () => {
    const source = await fresh("sqlite");
    const old = await open(source);
    await Workflow.start(old, flow, "w", { id: "w" });
    const path = join(folder(), "backup.db");
    await Database.backup(old, path);
    const { runs, original } = await Database.restore(path, await fresh("sqlite"), {
      original: `sqlite:${join(folder(), "gone.db")}`,
    });
    expect(runs).toBe(1);
    expect(original.closed).toBe(false);
    expect(original.why).toContain("gone.db");
  });

  test("a restore that fails leaves the original in use", async () => {
    const source = await fresh("sqlite");
    const old = await open(source);
    await Workflow.start(old, flow, "w", { id: "w" });
    const path = join(folder(), "backup.db");
    await Database.backup(old, path);
    const target = await fresh("sqlite");
    const stop = new AbortController();
    const called = Database.restore(path, target, {
      original: source,
      signal: stop.signal,
      onProgress: ({ phase }) => phase === "checking" && stop.abort(),
    });
    expect(await codeOf(called)).toBe("cancelled");
    await Workflow.start(old, flow, "again", { id: "again" });
    expect(await codeOf(Runtime.open({ database: target }))).toBe("database_incomplete");
    expect((await Database.restore(path, target, { original: source })).original.closed).toBe(true);
  });

  test("a URL is no path, and becomes none", async () => {
    const old = await open(await fresh("sqlite"));
    const url = `sqlite:${join(folder(), "backup.db")}`;
    expect(await codeOf(Database.backup(old, url))).toBe("invalid_option");
    expect(await codeOf(Database.restore(url, await fresh("sqlite")))).toBe("invalid_option");
  });

  test("a file that is there is left as it is", async () => {
    const old = await open(await fresh("sqlite"));
    const path = join(folder(), "backup.db");
    writeFileSync(path, "mine");
    expect(await codeOf(Database.backup(old, path))).toBe("backup_exists");
    expect(await Bun.file(path).text()).toBe("mine");
    expect(readdirSync(dirname(path))).toEqual(["backup.db"]);
  });

  test("one that is called off, or has no place to go, leaves nothing", async () => {
    const old = await open(await fresh("sqlite"));
    const place = folder();
    expect(await codeOf(Database.backup(old, join(place, "b.db"), { signal: AbortSignal.abort() }))).toBe("cancelled");
    const stop = new AbortController();
    const called = Database.backup(old, join(place, "b.db"), { signal: stop.signal });
    stop.abort();
    expect(await codeOf(called)).toBe("cancelled");
    await until("nothing is left", () => readdirSync(place).length === 0);
    expect(await codeOf(Database.backup(old, join(place, "no", "such", "b.db")))).toBe("storage_failed");
  });

  test("a full disk is told of, and leaves no half file", async () => {
    const source = await fresh("sqlite");
    const old = await open(source);
    await Workflow.start(old, flow, "x".repeat(500_000), { id: "large" });
    const place = folder();
    const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place]);
    if (mounted.exitCode !== 0) return console.log("No file system can be mounted here: a backup on a full disk is left out.");
    try {
      expect(await codeOf(Database.backup(old, join(place, "b.db")))).toBe("storage_full");
      await until("nothing is left", () => readdirSync(place).length === 0);
    } finally {
      Bun.spawnSync(["umount", place]);
    }
  });

  test("what is no backup, or a damaged one, is refused before anything is written", async () => {
    const place = folder();
    const old = await open(await fresh("sqlite"));
    for (let n = 0; n < 50; n++) await Workflow.start(old, flow, "x".repeat(5_000), { id: `r-${n}` });
    const path = join(place, "backup.db");
    await Database.backup(old, path);
    truncateSync(path, Math.floor(Bun.file(path).size / 8192) * 4096);
    const text = join(place, "text.db");
    writeFileSync(text, "no database at all, but long enough to be looked at as one".repeat(20));
    const foreign = join(place, "foreign.db");
    const client = new Sqlite(foreign);
    client.run("create table mine (x)");
    client.close();
    for (const each of [path, text, foreign, join(place, "missing.db")]) {
      const target = join(folder(), "target.db");
      expect(await codeOf(Database.restore(each, `sqlite:${target}`))).toBe("backup_damaged");
      expect(existsSync(target)).toBe(false);
    }
  });

  test("what has the name of an unfinished one is refused, whatever is in it", async () => {
    const old = await open(await fresh("sqlite"));
    const path = join(folder(), "backup.db");
    await Database.backup(old, path);
    renameSync(path, `${path}.part`);
    expect(await codeOf(Database.restore(`${path}.part`, await fresh("sqlite")))).toBe("backup_damaged");
  });

  for (const to of kinds)
    test(`a restore into ${to} that is done is done, when it is called again; once the place was used it is refused`, async () => {
      const source = await fresh("sqlite");
      const old = await open(source);
      await Workflow.start(old, flow, "w", { id: "w" });
      const path = join(folder(), "backup.db");
      await Database.backup(old, path);
      const target = await fresh(to);
      expect(await Database.restore(path, target)).toMatchObject({ runs: 1, original: { closed: false } });
      const before = await askRaw(target, "select * from holdfast_runs");
      expect(await Database.restore(path, target, { original: source })).toMatchObject({ runs: 1, original: { closed: true } });
      expect(await askRaw(target, "select * from holdfast_runs")).toEqual(before);
      expect(await codeOf(Runtime.open({ database: source }))).toBe("database_moved");
      const next = await open(target);
      await Signal.send(Run.of(next, "w"), go, "x");
      await Runtime.close(next);
      expect(await codeOf(Database.restore(path, target))).toBe("database_not_empty");
      // Another backup is another thing, also where it has the name of the first.
      rmSync(path);
      await Runtime.close(old);
      const other = await open(await fresh("sqlite"));
      await Database.backup(other, path);
      expect(await codeOf(Database.restore(path, target))).toBe("database_not_empty");
    });

  test("a copy by VACUUM INTO of one's own can be restored too", async () => {
    const source = await fresh("sqlite");
    const old = await open(source);
    await Workflow.start(old, flow, "w", { id: "w" });
    const path = join(folder(), "own.db");
    const client = new Sqlite(source.slice("sqlite:".length));
    client.run("VACUUM INTO ?", [path]);
    client.close();
    expect((await Database.restore(path, await fresh("sqlite"))).runs).toBe(1);
  });

  test("one of the first schema there was can be restored", async () => {
    const source = await fresh("sqlite");
    const old = await open(source);
    await Workflow.start(old, flow, "w", { id: "w" });
    await Runtime.close(old);
    await Database.migrate(source, { to: 1, acceptDataLoss: true });
    expect((await Database.restore(source.slice("sqlite:".length), await fresh("sqlite"))).runs).toBe(1);
    expect((await Database.verify(source)).version).toBe(1);
  });

  test("of a database in memory there is none", async () => {
    const runtime = await open("sqlite::memory:");
    expect(await codeOf(Database.backup(runtime, join(folder(), "b.db")))).toBe("invalid_option");
  });
});
