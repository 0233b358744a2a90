// What MySQL and MariaDB do their own way: collations, locks, packets, tables that commit by themselves, statements behind one that failed.
import { describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { drizzle } from "drizzle-orm/mysql2";
import { createPool as createCallbackPool } from "mysql2";
import { openStore } from "../../src/store/open.ts";
import { mysql } from "../../src/store/mysql/dialect.ts";
import { migrations } from "../../src/store/mysql/migrations.gen.ts";
import type { Statement } from "../../src/store/server/dialect.ts";
import { afterwards } from "../kit/afterwards.ts";
import { until } from "../kit/until.ts";
import {
  byKey,
  claimIds,
  codeOf,
  end,
  everything,
  execute,
  hire,
  ids,
  claim,
  claimOf,
  known,
  newRun,
  row,
  start,
  t0,
} from "../store/contract/kit.ts";
import { freshDatabase, isThere, open, poolOn } from "../store/mysql.kit.ts";

const clientOn = (url: string): SQL => {
  const client = new SQL({ url, adapter: "mysql", max: 1 });
  afterwards(() => client.close({ timeout: 0 }));
  return client;
};

const ask = (client: SQL, { text, params }: Statement): Promise<readonly Record<string, unknown>[]> =>
  client.unsafe(text, [...params]);

const hooks = { beforeCommit: () => {} };

describe.skipIf(!(await isThere()))("on MySQL", () => {
  test("names that a collation takes for one are two", async () => {
    const store = await open(await freshDatabase());
    const names = ["Run-a", "run-A", "Run-a ", "Rún-a", "Run-a\u0000", "straße", "strasse", "😀", "😁"];
    for (const name of names) await start(store, name, { tags: [name] });
    expect(new Set(await ids(store))).toEqual(new Set(names));
    for (const name of names) {
      expect(await ids(store, { tag: name })).toEqual([name]);
      expect((await store.runs.byId(name))?.id).toBe(name);
    }
    const run = (await store.runs.byId("Run-a"))?.key ?? 0;
    for (const name of ["go", "GO", "go "]) await store.signals.send({ run, name, dedupe: name, value: null, at: t0 });
    expect((await store.signals.pending(run, ["GO"], 9)).map((signal) => signal.name)).toEqual(["GO"]);
    const other = { name: "ORDER", version: 1 };
    expect(await claimIds(store, await hire(store), { known: [other] })).toEqual([]);
  });

  test("of two that start the same run at once, one makes it", async () => {
    const url = await freshDatabase();
    const stores = [await open(url), await open(url), await open(url)];
    for (let round = 0; round < 10; round++) {
      const wanted = Array.from({ length: 20 }, (_, n) => `${round}/${n}`);
      const started = await Promise.all(
        stores.flatMap((store, index) =>
          (index === 1 ? wanted.toReversed() : wanted).map(async (id) => [id, await store.runs.start(newRun(id))] as const),
        ),
      );
      const made = started.filter(([, { kind }]) => kind === "created").map(([id]) => id);
      expect(made.toSorted()).toEqual(wanted.toSorted());
    }
  });

  test("a beat waits for no transaction, and a burial for all", async () => {
    const url = await freshDatabase();
    const store = await open(url);
    const { worker } = await execute(store, "a");
    const client = clientOn(url);
    await client.unsafe("set session transaction isolation level read committed");
    await client.unsafe("begin");
    await ask(client, mysql.shield([worker]));
    const startedAt = performance.now();
    for (let beat = 0; beat < 5; beat++) expect(await store.workers.beat(worker, null)).toBe(true);
    expect(performance.now() - startedAt).toBeLessThan(900);
    let buried = false;
    const burial = store.workers.bury(worker, 5, t0).then((answer) => (buried = answer));
    await Bun.sleep(150);
    expect(buried).toBe(false);
    await client.unsafe("commit");
    expect(await burial).toBe(true);
  });

  test("a record waits for a burial that is under way, and is refused", async () => {
    const url = await freshDatabase();
    const store = await open(url);
    const lease = await execute(store, "a");
    const client = clientOn(url);
    await client.unsafe("begin");
    await ask(client, mysql.release(lease.worker, t0, true));
    const told = new Promise<unknown>((resolve) => store.history.record(lease, row(1), resolve));
    await Bun.sleep(50);
    await client.unsafe("commit");
    expect(await told).toBe("fenced");
  });

  test("what is sent behind a statement that met a deadlock does not stand by itself", async () => {
    const url = await freshDatabase();
    const store = await open(url);
    const keys = [await start(store, "a"), await start(store, "b")] as const;
    const [one, other] = [clientOn(url), clientOn(url)];
    const touch = (client: SQL, key: number) => client.unsafe("update holdfast_runs set mail = mail + 1 where `key` = ?", [key]);
    for (const client of [one, other]) for (const text of mysql.begin) await client.unsafe(text);
    await touch(one, keys[0]);
    await touch(other, keys[1]);
    const crossing = [touch(one, keys[1]), touch(other, keys[0])];
    const crossed = await Promise.allSettled(crossing);
    const victim = crossed[0]?.status === "rejected" ? one : other;
    const reason = crossed.find((each) => each.status === "rejected")?.reason as unknown;
    expect(mysql.judge(reason)).toBe("again");
    await victim.unsafe("insert into holdfast_states (run, at) values (1, 1)");
    for (const client of [one, other]) for (const text of mysql.rollback) await client.unsafe(text);
    expect(await store.states.read(1)).toBeUndefined();
    expect((await byKey(store, keys[0])).mail).toBe(0);
  });

  test("connections that are killed lose nothing and double nothing", async () => {
    const url = await freshDatabase();
    const store = await open(url);
    const client = clientOn(url);
    const name = new URL(url).pathname.slice(1);
    const worker = await hire(store);
    const works = Array.from({ length: 120 }, async (_, n) => {
      await Bun.sleep(n * 3);
      const start = (): ReturnType<typeof store.runs.start> =>
        store.runs.start(newRun(`${n}`, { worker, wakeAt: null })).catch(start);
      const started = await start();
      const run = started.kind === "created" ? started.key : started.run.key;
      for (const seq of [1, 2, 3]) expect(await store.history.append({ run, number: 1 }, row(seq))).toBe(true);
      expect(await store.runs.settle({ run, number: 1 }, end(4))).toBe(true);
    });
    const killing = (async () => {
      for (let round = 0; round < 8; round++) {
        await Bun.sleep(40);
        const threads = (await client.unsafe(
          "select id from information_schema.processlist where db = ? and id <> connection_id()",
          [name],
        )) as { id: number }[];
        for (const { id } of threads) await client.unsafe(`kill ${id}`).catch(() => {});
      }
    })();
    await Promise.all([...works, killing]);
    expect(await ids(store, { statuses: ["completed"], limit: 500 })).toHaveLength(120);
    const [all] = (await client.unsafe("select count(*) as n from holdfast_history")) as { n: number }[];
    expect(Number(all?.n)).toBe(120 * 5);
  }, 60_000);

  test("a migration that was killed in its middle is completed at the next open, by one of many", async () => {
    const url = await freshDatabase();
    const client = clientOn(url);
    // As a release left it that did not yet record what it began.
    await client.unsafe(
      "create table holdfast_migrations (version int primary key, name varchar(255) not null, applied_at bigint not null)",
    );
    for (const statement of migrations[0]!.up.slice(0, 4)) await client.unsafe(statement);
    const stores = await Promise.all(Array.from({ length: 5 }, () => open(url)));
    for (const [index, store] of stores.entries()) await start(store, `${index}`);
    expect(await client.unsafe("select version from holdfast_migrations")).toHaveLength(migrations.length);
  });

  test("a database that is newer is refused", async () => {
    const url = await freshDatabase();
    await open(url);
    await clientOn(url).unsafe("insert into holdfast_migrations (version, name, applied_at) values (999, 'later', 0)");
    expect(await codeOf(open(url))).toBe("schema_newer");
  });

  test("what does not fit into a packet is refused by itself", async () => {
    const url = await freshDatabase();
    const store = await open(url);
    const [most] = (await clientOn(url).unsafe("select @@max_allowed_packet as most")) as { most: number }[];
    const lease = await execute(store, "a");
    const large = row(1, { value: JSON.stringify("x".repeat(Number(most?.most))) });
    const [refused, kept] = await Promise.allSettled([store.history.append(lease, large), start(store, "b")]);
    expect(refused).toMatchObject({ status: "rejected", reason: { code: "value_too_large" } });
    expect(kept.status).toBe("fulfilled");
    expect(await store.history.append(lease, row(1))).toBe(true);
    expect(store.trouble()).toBeUndefined();
  });

  test("a server that takes no writes is named, and what waits goes on later", async () => {
    expect(mysql.judge(Object.assign(new Error("read-only"), { errno: 1290 }))).toBe("trouble");
    expect(mysql.faultOf(Object.assign(new Error("read-only"), { errno: 1290 }))).toMatchObject({ code: "storage_readonly" });
    expect(mysql.faultOf(Object.assign(new Error("full"), { errno: 1114 }))).toMatchObject({ code: "storage_full" });
    expect(mysql.faultOf(Object.assign(new Error("many"), { errno: 1040 }))).toMatchObject({ code: "storage_busy" });
    expect(mysql.judge(Object.assign(new Error("twice"), { errno: 1062 }))).toBe("defect");
    expect(mysql.judge(Object.assign(new Error("no number in time"), { errno: 1467 }))).toBe("blocked");
    expect(await codeOf(openStore("mysql://nobody:wrong@127.0.0.1:3306/none", hooks))).toBe("storage_failed");
    expect(await codeOf(openStore("mariadb://root@127.0.0.1:1/none", hooks))).toBe("storage_failed");
  });

  test.each(["promises", "callbacks"])("through a Drizzle database on a pool of mysql2 with %s", async (kind) => {
    const url = await freshDatabase();
    const pool = kind === "promises" ? poolOn(url, 6) : createCallbackPool({ uri: url, connectionLimit: 6 });
    if (kind === "callbacks")
      afterwards(() => new Promise<void>((resolve) => (pool as ReturnType<typeof createCallbackPool>).end(() => resolve())));
    const db = drizzle({ client: pool as ReturnType<typeof poolOn> });
    const store = await openStore(db, hooks);
    afterwards(() => store.close());
    const worker = await hire(store);
    await start(store, "a", { tags: ['it\'s \\ "quoted"? 😀'] });
    expect(await ids(store, { tag: 'it\'s \\ "quoted"? 😀' })).toEqual(["a"]);
    const [run] = await claim(store, worker);
    const lease = { run: run?.key ?? 0, number: run?.lease ?? 0 };
    expect(await store.history.append(lease, row(1, { value: '"\\\\ ? \\u0000 😀"' }))).toBe(true);
    expect((await store.history.last(lease.run))?.value).toBe('"\\\\ ? \\u0000 😀"');
    expect(await store.runs.settle(lease, end(2))).toBe(true);
    expect(await store.runs.start(newRun("a"))).toMatchObject({ kind: "existing", sameInput: true });
    expect(await ids(store, { ...everything, statuses: ["completed"] })).toEqual(["a"]);
    const beat = store.workers.beatApart(worker, 20);
    afterwards(() => beat?.stop());
    await until("a heartbeat came", async () => ((await store.workers.list())[0]?.beat ?? 0) > 0);
  });

  test("a run that others made since a transaction of the user's first looked is found by it", async () => {
    const url = await freshDatabase();
    const store = await open(url);
    const db = drizzle({ client: poolOn(url) });
    const started = await db.transaction(
      async (tx) => {
        await tx.execute("select count(*) from holdfast_runs");
        await start(store, "a");
        return store.startWithin(tx, newRun("a"));
      },
      { isolationLevel: "repeatable read" },
    );
    expect(started).toMatchObject({ kind: "existing", sameInput: true });
  });

  test("a start within the whole database instead of a transaction is refused", async () => {
    const url = await freshDatabase();
    const store = await open(url);
    const refused = await Promise.resolve(store.startWithin(drizzle({ client: poolOn(url) }), newRun("a"))).catch(
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({ code: "invalid_option" });
    expect(await ids(store, everything)).toEqual([]);
  });
});

describe.skipIf(!(await isThere()))("plans on MySQL", () => {
  const tenanted = [
    { name: "order", version: 1, tenant: null },
    { name: "order", version: 1, tenant: "acme" },
  ];
  const { healthy, isSuspectDue, suspect } = mysql.claim(
    claimOf(1, { parts: tenanted, now: 9_999, suspectAt: 2, unfit: [3] }),
    1,
  );
  const lease = { run: 7, number: 1 };
  const asked: Readonly<Record<string, readonly Statement[]>> = {
    "the claim": [...healthy, isSuspectDue, ...suspect],
    "the next moment at which one is due": [mysql.nextDue(known, 9_999, 50)],
    "the tenants that have runs due": [mysql.tenants(known[0], "a", 9)],
    "the runs of a worker": [mysql.heldBy(3), mysql.claimed(3, 1), mysql.release(3, 1, true)],
    "the lock of runs": [mysql.lockRuns([1, 2, 3], []), mysql.lockRuns([1, 2, 3], [1])],
    "the look for locks": [mysql.freeRuns([1, 2, 3])],
    "new runs": mysql.insertRuns([newRun("x")]),
    "records under leases": [...mysql.appendGuarded([{ lease, row: row(9) }]), mysql.standGuarded([{ lease, row: row(9) }])],
    "runs by their ids and keys": [mysql.findRuns(["due 7"]), mysql.byKeys([7]), mysql.ended([7])],
    "a history": [mysql.read(7, -1, 100), mysql.lasts([7, 8]), mysql.readFirst([7, 8], 3)],
    "how far runs have come": [mysql.heads([7, 8])],
    "children at their end": [mysql.endedChildren(7, ["child"])],
    messages: [
      mysql.pending(7, ["go"], 10),
      mysql.lockSignals([1]),
      mysql.known([{ run: 7, name: "go", key: "k" }]),
      mysql.taken(7),
    ],
    "blocked runs": [mysql.unblock(known, 1, [4])],
    "what is stuck": [mysql.stuck(9_999)],
    "a list": [
      mysql.list({ ...everything, statuses: ["failed"], limit: 10 }),
      mysql.list({ ...everything, tag: "a", limit: 10 }),
    ],
  };

  test("no statement of the hot path reads a table through", async () => {
    const url = await freshDatabase();
    await open(url);
    const client = clientOn(url);
    const many = "from json_table(concat('[', repeat('1,', 9999), '1]'), '$[*]' columns (n for ordinality)) as g";
    await client.unsafe(
      `insert into holdfast_runs (id, workflow, version, status, lease, created_at, ended_at) select concat('done ', n), 'order', 1, 'completed', 1, n, n ${many}`,
    );
    await client.unsafe(
      `insert into holdfast_runs (id, workflow, version, status, lease, created_at, wake_at) select concat('due ', n), 'order', 1, 'queued', 0, n, n ${many} limit 2000`,
    );
    await client.unsafe(
      "insert into holdfast_history (run, seq, kind, issued, at) select r.key, s.n, 'step', 0, 0 from holdfast_runs as r, json_table('[1,1,1]', '$[*]' columns (n for ordinality)) as s",
    );
    await client.unsafe("analyze table holdfast_runs, holdfast_history");
    await client.unsafe("select '[1,2]', 1 into @holdfast_due, @holdfast_alone");
    for (const [what, statements] of Object.entries(asked))
      for (const { text, params } of statements) {
        const plan = (await client.unsafe(`explain ${text.replace(/\s+into @holdfast_alone$/, "").replace(/ into @\w+/, "")}`, [
          ...params,
        ])) as {
          table: string | null;
          type: string | null;
          rows: number | null;
        }[];
        // A derived table is what the statement itself has given, and `index` with a limit goes along an index and stops.
        const scans = plan.filter(
          ({ table, type }) =>
            type === "ALL" &&
            table !== null &&
            /^(r|h|s|w|child|made|held|other|asked|answer|holdfast_)/.test(table) &&
            !/worker|^w$|seen/.test(table),
        );
        expect({ what, text, scans }).toEqual({ what, text, scans: [] });
      }
  });
});
