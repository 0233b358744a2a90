// What a network and a MySQL server do to those who rely on them: answers that are lost, silence, cut connections, a server that takes no writes.
import { describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { Fault, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { until } from "../crash/processes.ts";
import { afterwards, listening, silent } from "../kit/world.ts";
import { freshDatabase, isThere } from "../store/mysql.kit.ts";
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
  const direct = new URL(await freshDatabase());
  const proxy = openProxy(direct.hostname, Number(direct.port || 3306));
  afterwards(async () => proxy.close());
  const through = new URL(direct);
  through.hostname = "127.0.0.1";
  through.port = String(proxy.port);
  const client = new SQL({ url: direct.href, adapter: "mysql", max: 1 });
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
  return { proxy, client, open };
};

const count = async (client: SQL, text: string): Promise<number> =>
  Number(((await client.unsafe(text)) as { n: string }[])[0]?.n);

describe.skipIf(!(await isThere()))("on MySQL", () => {
  test("an answer to a commit that is lost is resolved: nothing is lost, doubled or run again after its record", async () => {
    const { proxy, client, open } = await scene();
    const runtime = await open();
    begun.clear();
    const runs = [];
    for (let round = 0; round < 40; round++) {
      if (round % 2 === 0) proxy.dropAnswersTo("commit", 1);
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
      if (n % 3 === 0) proxy.dropAnswersTo("commit", 1);
      await Signal.send(run, go, n);
    }
    expect(await Run.result(run)).toEqual(Array.from({ length: 30 }, (_, n) => n));
    expect(proxy.dropped()).toBeGreaterThan(5);
    expect(await count(client, "select count(*) as n from holdfast_signals")).toBe(30);
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
    await until("the server is used again", async () => {
      try {
        await Workflow.start(runtime, flow, 3, { id: "after" });
        return true;
      } catch {
        return false;
      }
    });
    expect(await Run.result(Run.of(runtime, "after", flow))).toBe(3);
    await until("the trouble is over", () => Runtime.trouble(runtime) === undefined);
    await until("that is in the log", () => lines.some(({ msg }) => String(msg).includes("takes writes again")));
  }, 60_000);

  test("a run that one process starts is executed by another, and a dead one's runs go on", async () => {
    const { open } = await scene();
    const front = await open({ execute: false });
    const back = await open();
    const runs = await Promise.all(Array.from({ length: 10 }, () => Workflow.start(front, flow, 3)));
    expect(await Promise.all(runs.map((run) => Run.result(run)))).toEqual(runs.map(() => 3));
    const waiting = await Workflow.start(front, listener, 1);
    await until("it waits", async () => (await Run.get(waiting)).status === "waiting");
    await Runtime.close(back);
    await open();
    await Signal.send(waiting, go, 5);
    expect(await Run.result(waiting)).toEqual([5]);
  }, 60_000);
});
