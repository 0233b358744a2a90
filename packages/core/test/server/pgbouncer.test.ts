// Behind pgbouncer in transaction mode: the contract of the store, two processes, kills, and what the report says of it.
import { describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { drizzle } from "drizzle-orm/bun-sql";
import { pgTable, text } from "drizzle-orm/pg-core";
import { Fault, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { readEffects, scene, spawnWorker, until } from "../crash/processes.ts";
import { expected, go as ofWork, resultOf, work } from "../crash/workflows.ts";
import { afterwards, silent } from "../kit/world.ts";
import { nouns } from "../store/contract/nouns.ts";
import { freshDatabase, isThere, onPostgresBy, ownDatabase, server } from "../store/postgres.kit.ts";
import { startPgbouncer, whyNoPgbouncer } from "../kit/pgbouncer.ts";
import { canStart } from "../kit/server.ts";

const go = Signal.define<number>("go");
const sum = Workflow.define<number, number>({ name: "sum" }, async (ctx, n) => {
  let total = 0;
  for (let index = 0; index < n; index++) total += await Step.run(ctx, "add", () => index);
  return total;
});
const listen = Workflow.define<number, number[]>({ name: "listen" }, async (ctx, n) => {
  const heard: number[] = [];
  for (let index = 0; index < n; index++) heard.push((await Step.wait(ctx, go)) ?? -1);
  return heard;
});

/** The same place by another port. */
const by =
  ({ port }: { readonly port: number }) =>
  (url: string): string => {
    const through = new URL(url);
    through.port = String(port);
    return through.href;
  };

const open = async (database: Runtime.Options["database"], options: Runtime.Options = {}) => {
  const runtime = await Runtime.open({
    database,
    workflows: [sum, listen],
    logger: silent,
    lease: 6_000,
    drain: 500,
    ...options,
  });
  afterwards(() => Runtime.close(runtime));
  return runtime;
};

const clientOn = (url: string, max = 1): SQL => {
  const client = new SQL({ url, max });
  afterwards(() => client.close({ timeout: 0 }));
  return client;
};

const count = async (client: SQL, words: string): Promise<number> =>
  Number(((await client.unsafe(words)) as { n: string }[])[0]?.n);

describe.skipIf(!(await isThere()) || !canStart(whyNoPgbouncer()))("behind pgbouncer", () => {
  test("it is found out and said, and runs, signals and two processes' worth of runtimes go on", async () => {
    const bouncer = await startPgbouncer(afterwards, server, { connections: 3 });
    const url = by(bouncer)(await freshDatabase());
    const [one, other] = [await open(url), await open(url)];
    const { facts, warnings } = await Runtime.durability(one);
    expect(facts).toContainEqual({ setting: "pooler", value: "transaction" });
    expect(warnings.map(({ code }) => code)).toEqual(["pooler"]);
    const runs = await Promise.all(Array.from({ length: 40 }, (_, n) => Workflow.start(n % 2 === 0 ? one : other, sum, 5)));
    expect(await Promise.all(runs.map((run) => Run.result(run)))).toEqual(runs.map(() => 10));
    const waiting = await Workflow.start(one, listen, 10);
    for (let n = 0; n < 10; n++) await Signal.send(Run.of(other, waiting.id, listen), go, n);
    expect(await Run.result(waiting)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await Runtime.check(one)).toEqual([]);
  }, 60_000);

  test("nothing of ours is left on the server's connections for others who are lent them", async () => {
    const bouncer = await startPgbouncer(afterwards, server, { connections: 1 });
    const url = await ownDatabase();
    const schema = new SQL({ url, max: 1 });
    afterwards(() => schema.close({ timeout: 0 }));
    await schema.unsafe("create schema flows");
    const runtime = await open(by(bouncer)(`${url}?search_path=flows`));
    const stranger = new SQL({ url: by(bouncer)(url), max: 1, prepare: false });
    afterwards(() => stranger.close({ timeout: 0 }));
    const settings = async () => {
      const [row] = (await stranger.unsafe(
        "select current_setting('statement_timeout') as s, current_setting('lock_timeout') as l, current_setting('search_path') as p, (select count(*)::int from pg_prepared_statements) as prepared",
      )) as Record<string, unknown>[];
      return row;
    };
    expect(await Run.result(await Workflow.start(runtime, sum, 20))).toBe(190);
    expect(await settings()).toEqual({ s: "0", l: "0", p: '"$user", public', prepared: 0 });
    expect(await count(schema, "select count(*) as n from flows.holdfast_runs")).toBe(1);
    // The thread that beats finds the table too.
    await until("it beats", async () => (await count(schema, "select max(beat) as n from flows.holdfast_workers")) > 1);
  }, 60_000);

  test("a transaction of the user's own, through the same pooler, is one with the record", async () => {
    // Each transaction that the user has open keeps one of the server's connections; ours need some beside them.
    const bouncer = await startPgbouncer(afterwards, server, { connections: 14 });
    const url = by(bouncer)(await ownDatabase());
    const client = new SQL({ url, max: 8, prepare: false });
    afterwards(() => client.close({ timeout: 0 }));
    const db = drizzle({ client });
    await client.unsafe("create table notes (text text not null)");
    const notes = pgTable("notes", { text: text("text").notNull() });
    const note = Workflow.define<string, string>({ name: "note" }, async (ctx, line) =>
      Step.transaction(ctx, "note", db, async (tx) => {
        await tx.insert(notes).values({ text: line });
        return line;
      }),
    );
    for (const database of [url, db]) {
      const runtime = await open(database, { workflows: [note] });
      expect((await Runtime.durability(runtime)).facts).toContainEqual({ setting: "pooler", value: "transaction" });
      const runs = await Promise.all(Array.from({ length: 10 }, (_, n) => Workflow.start(runtime, note, `line ${n}`)));
      await Promise.all(runs.map((run) => Run.result(run)));
      const within = await db.transaction(async (tx) => Workflow.start(runtime, note, "within", { tx }));
      expect(await Run.result(within)).toBe("within");
    }
    expect((await db.select().from(notes)).length).toBe(22);
  }, 60_000);

  test("a pooler that is killed is trouble, and when it is back the work goes on", async () => {
    const bouncer = await startPgbouncer(afterwards, server, { connections: 3 });
    const runtime = await open(by(bouncer)(await freshDatabase()));
    const waiting = await Workflow.start(runtime, listen, 1);
    await until("it waits", async () => (await Run.get(waiting)).status === "waiting");
    await bouncer.daemon.kill();
    const refused: unknown = await Workflow.start(runtime, sum, 1).catch((error: unknown) => error);
    expect(Fault.is(refused, "storage_failed")).toBe(true);
    await bouncer.daemon.start();
    await until("it takes writes again", () =>
      Signal.send(waiting, go, 7).then(
        () => true,
        () => false,
      ),
    );
    expect(await Run.result(waiting)).toEqual([7]);
    expect(await Run.result(await Workflow.start(runtime, sum, 3))).toBe(3);
  }, 60_000);

  test("a process that is killed loses nothing: another goes on from its last record", async () => {
    const bouncer = await startPgbouncer(afterwards, server, { connections: 4 });
    const { client, ledger, database } = await scene(by(bouncer)(await freshDatabase()));
    const doomed = spawnWorker(database, ledger, 6_000);
    const runs = await Promise.all(Array.from({ length: 20 }, (_, n) => Workflow.start(client, work, n, { id: `run-${n}` })));
    await until("it has begun", () => readEffects(ledger).length >= 20);
    doomed.kill("SIGKILL");
    await doomed.exited;
    spawnWorker(database, ledger, 6_000);
    await Promise.all(runs.map((run) => Signal.send(run, ofWork, 7)));
    expect(await Promise.all(runs.map(resultOf))).toEqual(runs.map((_, n) => expected(n)));
    const begun = Map.groupBy(readEffects(ledger), ({ key }) => key);
    expect([...begun.values()].filter((effects) => effects.length > 2)).toEqual([]);
    expect(await Runtime.check(client)).toEqual([]);
  }, 60_000);

  test("idle, it asks about once a second for news, and no more", async () => {
    const bouncer = await startPgbouncer(afterwards, server, { connections: 3 });
    const url = await ownDatabase();
    const watcher = clientOn(url);
    await open(by(bouncer)(url), { lease: 30_000 });
    const asked = (): Promise<number> =>
      count(
        watcher,
        "select coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0) as n from pg_stat_user_tables where relname = 'holdfast_news'",
      );
    // The server tells its counts late, and on a busy machine what the opening asked for still comes in: one quiet time will do.
    const times: number[] = [];
    while (times.length < 6 && !times.some((asks) => asks <= 14)) {
      const before = await asked();
      await Bun.sleep(10_000);
      times.push((await asked()) - before);
    }
    expect(Math.min(...times)).toBeLessThanOrEqual(14);
  }, 120_000);

  test("pooler=session keeps to a session of its own, and is called", async () => {
    const bouncer = await startPgbouncer(afterwards, server, { connections: 20, mode: "session" });
    const url = new URL(by(bouncer)(await freshDatabase()));
    url.searchParams.set("pooler", "session");
    const runtime = await open(url.href);
    const { facts, warnings } = await Runtime.durability(runtime);
    expect(facts).toContainEqual({ setting: "pooler", value: "session" });
    expect(warnings).toEqual([]);
    expect(await Run.result(await Workflow.start(runtime, sum, 5))).toBe(10);
  }, 60_000);
});

/** The whole contract takes its time: it is asked for. */
const isWhole = process.env["HOLDFAST_TEST_POOLER"] === "whole";

describe.skipIf(!isWhole || !(await isThere()) || !canStart(whyNoPgbouncer()))("the contract behind pgbouncer", () => {
  for (const [noun, contract] of Object.entries(nouns))
    describe(noun, () => contract(async () => onPostgresBy(by(await startPgbouncer(afterwards, server, { connections: 6 })))));
});
