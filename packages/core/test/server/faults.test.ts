// What a network and a server do to those who rely on them: answers that are lost, silence, cut connections, a server that takes no writes.
import { describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { engineOf } from "../../src/engine/opened.ts";
import { Fault, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { until } from "../crash/processes.ts";
import { afterwards, listening, silent } from "../kit/world.ts";
import { isThere, ownDatabase } from "../store/postgres.kit.ts";
import { openProxy } from "./proxy.ts";

const go = Signal.define<number>("go");
const begun = new Map<string, number>();
const flow = Workflow.define<number, number>({ name: "sum" }, async (ctx, n) => {
  let sum = 0;
  for (let index = 0; index < n; index++)
    sum += await Step.run(ctx, "add", ({ key }) => {
      begun.set(key, (begun.get(key) ?? 0) + 1);
      return index;
    });
  return sum;
});
const listener = Workflow.define<number, number[]>({ name: "listen" }, async (ctx, n) => {
  const heard: number[] = [];
  for (let index = 0; index < n; index++) heard.push((await Step.wait(ctx, go)) ?? -1);
  return heard;
});

const scene = async () => {
  const direct = new URL(await ownDatabase());
  const proxy = openProxy(direct.hostname, Number(direct.port || 5432));
  afterwards(async () => proxy.close());
  const through = new URL(direct);
  through.hostname = "127.0.0.1";
  through.port = String(proxy.port);
  const client = new SQL(direct.href, { max: 1 });
  afterwards(() => client.close({ timeout: 0 }));
  const open = async (options: Runtime.Options = {}) => {
    const runtime = await Runtime.open({
      database: through.href,
      workflows: [flow, listener],
      logger: silent,
      lease: 6_000,
      drain: 500,
      ...options,
    });
    afterwards(() => Runtime.close(runtime));
    return runtime;
  };
  return { proxy, client, open, direct: direct.href };
};

const count = async (client: SQL, text: string): Promise<number> =>
  Number(((await client.unsafe(text)) as { n: string }[])[0]?.n);

describe.skipIf(!(await isThere()))("on PostgreSQL", () => {
  test("an answer to a commit that is lost is resolved: nothing is lost, doubled or run again after its record", async () => {
    const { proxy, client, open } = await scene();
    const runtime = await open();
    begun.clear();
    const runs = [];
    for (let round = 0; round < 40; round++) {
      if (round % 2 === 0) proxy.dropAnswers("COMMIT\0", 1);
      runs.push(await Workflow.start(runtime, flow, 5, { id: `run-${round}` }));
    }
    expect(await Promise.all(runs.map((run) => Run.result(run)))).toEqual(runs.map(() => 10));
    expect(proxy.dropped()).toBeGreaterThan(5);
    expect(await count(client, "select count(*) as n from holdfast_runs")).toBe(40);
    expect(await count(client, "select count(*) as n from holdfast_history where kind = 'step'")).toBe(200);
    // A step is begun again only when nothing of it was recorded: not for a lost answer.
    expect([...begun.values()].filter((times) => times > 1)).toEqual([]);
    expect(await Runtime.check(runtime)).toEqual([]);
  }, 60_000);

  test("signals whose answers are lost are there once, in order", async () => {
    const { proxy, client, open } = await scene();
    const runtime = await open();
    const run = await Workflow.start(runtime, listener, 30);
    for (let n = 0; n < 30; n++) {
      if (n % 3 === 0) proxy.dropAnswers("COMMIT\0", 1);
      await Signal.send(run, go, n);
    }
    expect(await Run.result(run)).toEqual(Array.from({ length: 30 }, (_, n) => n));
    expect(proxy.dropped()).toBeGreaterThan(5);
    expect(await count(client, "select count(*) as n from holdfast_signals")).toBe(30);
  }, 60_000);

  test("a fork, a retry and a resume whose answers are lost are done once, and say so", async () => {
    const { proxy, client, open } = await scene();
    const runtime = await open();
    const run = await Workflow.start(runtime, flow, 4, { id: "first" });
    await Run.result(run);
    const forks = [];
    for (let n = 0; n < 6; n++) {
      proxy.dropAnswers("COMMIT\0", 1);
      forks.push(await Run.fork(run, { from: "add#2", id: `fork-${n}` }));
    }
    expect(await Promise.all(forks.map((fork) => Run.result(fork)))).toEqual(forks.map(() => 6));
    const waiting = await Workflow.start(runtime, listener, 1, { id: "paused" });
    await until("it waits", async () => (await Run.get(waiting)).status === "waiting");
    for (let n = 0; n < 4; n++) {
      proxy.dropAnswers("COMMIT\0", 1);
      await Run.pause(waiting);
      proxy.dropAnswers("COMMIT\0", 1);
      await Run.resume(waiting);
    }
    await Signal.send(waiting, go, 1);
    expect(await Run.result(waiting)).toEqual([1]);
    expect(proxy.dropped()).toBeGreaterThan(8);
    expect(await count(client, "select count(*) as n from holdfast_runs")).toBe(8);
  }, 60_000);

  test("every connection is cut time and again while runs go on", async () => {
    const { proxy, client, open } = await scene();
    const runtime = await open();
    const runs = await Promise.all(Array.from({ length: 30 }, (_, n) => Workflow.start(runtime, flow, 20, { id: `cut-${n}` })));
    const results = Promise.all(runs.map((run) => Run.result(run)));
    const state = { over: false };
    void results.finally(() => (state.over = true));
    for (let times = 0; times < 8 && !state.over; times++) {
      await Bun.sleep(40);
      proxy.cutAll();
    }
    expect(await results).toEqual(runs.map(() => 190));
    expect(await count(client, "select count(*) as n from holdfast_history where kind = 'step'")).toBe(600);
  }, 60_000);

  test("backends that are killed are replaced", async () => {
    const { client, open } = await scene();
    const runtime = await open();
    const runs = await Promise.all(Array.from({ length: 20 }, () => Workflow.start(runtime, flow, 20)));
    const results = Promise.all(runs.map((run) => Run.result(run)));
    for (let times = 0; times < 4; times++) {
      await Bun.sleep(30);
      await client.unsafe(
        "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()",
      );
    }
    expect(await results).toEqual(runs.map(() => 190));
  }, 60_000);

  test("a server that does not answer is given up after a third of a lease, and used again when it does", async () => {
    const { proxy, open } = await scene();
    const { lines, logger } = listening("warn");
    const runtime = await open({ logger });
    await Run.result(await Workflow.start(runtime, flow, 1));
    proxy.hold(true);
    const startedAt = performance.now();
    const refused = await Workflow.start(runtime, flow, 1, { id: "held" }).catch((error: unknown) => error);
    expect(Fault.is(refused, "storage_failed")).toBe(true);
    expect(performance.now() - startedAt).toBeLessThan(20_000);
    expect(Runtime.trouble(runtime)).toBeDefined();
    await until("it is in the log", () => lines.some(({ msg }) => String(msg).includes("takes no writes")));
    proxy.hold(false);
    proxy.cutAll();
    const run = await until("the server is used again", async () => {
      try {
        await Workflow.start(runtime, flow, 3, { id: "after" });
        return true;
      } catch {
        return false;
      }
    });
    expect(run).toBeLessThan(20_000);
    expect(await Run.result(Run.of(runtime, "after", flow))).toBe(3);
    await until("the trouble is over", () => Runtime.trouble(runtime) === undefined);
    await until("that is in the log", () => lines.some(({ msg }) => String(msg).includes("takes writes again")));
  }, 60_000);

  test("a server that does not answer does not keep a process from its end", async () => {
    const { proxy, open } = await scene();
    const { lines, logger } = listening("warn");
    const runtime = await open({ lease: 30_000, logger });
    await Run.result(await Workflow.start(runtime, flow, 1));
    proxy.hold(true);
    const startedAt = performance.now();
    await Runtime.close(runtime);
    // Alone each question may take a third of the lease, and is asked three times.
    expect(performance.now() - startedAt).toBeLessThan(12_000);
    expect(lines.map(({ msg }) => msg)).toContain(
      "the worker could not be taken off the list; its runs are taken over when it is missed",
    );
  }, 60_000);

  test("a server that takes no writes refuses what is new with its reason; what is acknowledged goes on when it does again", async () => {
    const { client, open, direct } = await scene();
    const runtime = await open();
    const run = await Workflow.start(runtime, listener, 1);
    await until("it waits", async () => (await Run.get(run)).status === "waiting");
    const database = new URL(direct).pathname.slice(1);
    const set = (on: boolean) => client.unsafe(`alter database ${database} set default_transaction_read_only = ${on}`);
    await set(true);
    const admin = new SQL(direct, { max: 1, connection: { default_transaction_read_only: "off" } });
    afterwards(() => admin.close({ timeout: 0 }));
    const cut = () =>
      admin.unsafe(
        "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()",
      );
    await cut();
    const refused = await Workflow.start(runtime, flow, 1).catch((error: unknown) => error);
    expect(Fault.is(refused, "storage_readonly")).toBe(true);
    await admin.unsafe(`alter database ${database} reset default_transaction_read_only`);
    await cut();
    await until("it takes writes again", async () => {
      try {
        await Signal.send(run, go, 7);
        return true;
      } catch {
        return false;
      }
    });
    expect(await Run.result(run)).toEqual([7]);
  }, 60_000);

  test("an idle worker asks about once a second, and less", async () => {
    const { client, open } = await scene();
    const runtime = await open({ lease: 30_000 });
    await Run.result(await Workflow.start(runtime, flow, 1));
    await Bun.sleep(1_000);
    const asked = (): Promise<number> =>
      count(client, "select xact_commit + xact_rollback as n from pg_stat_database where datname = current_database()");
    const { store } = engineOf(runtime);
    let calls = 0;
    for (const noun of [store.runs, store.workers, store.history, store.signals])
      for (const [name, verb] of Object.entries(noun))
        if (name !== "beatApart")
          Object.assign(noun, {
            [name]: (...of: unknown[]) => {
              calls++;
              return (verb as (...of: unknown[]) => unknown)(...of);
            },
          });
    await asked();
    await Bun.sleep(12_000);
    expect(calls).toBeLessThanOrEqual(13);
  }, 30_000);
});
