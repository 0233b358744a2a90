// Several workers in processes of their own: work is shared, goes home, and is led by one, whoever dies.
import type { Subprocess } from "bun";
import { describe, expect, test as run } from "bun:test";
import { join } from "node:path";
import { engineOf } from "../../src/engine/opened.ts";
import { Run, Runtime, Signal, Workflow } from "../../src/index.ts";
import { until } from "../crash/processes.ts";
import { afterwards, folder, silent } from "../kit/world.ts";
import * as mysql from "../store/mysql.kit.ts";
import * as postgres from "../store/postgres.kit.ts";
import { go, whose } from "./workflows.ts";

const databases = [
  ["one file", true, async () => `sqlite:${join(folder(), "shared.db")}`],
  ["PostgreSQL", await postgres.isThere(), postgres.freshDatabase],
  ["MySQL", await mysql.isThere(), mysql.freshDatabase],
] as const;

type Kind = { readonly strategy?: string; readonly weight?: number; readonly lease?: number };

const spawn = (database: string, { strategy = "spread", weight = 1, lease = 30_000 }: Kind = {}): Subprocess => {
  const child = Bun.spawn(
    [process.execPath, "--no-orphans", join(import.meta.dir, "worker.child.ts"), database, strategy, `${weight}`, `${lease}`],
    { stdout: "ignore", stderr: "ignore" },
  );
  afterwards(() => child.kill("SIGKILL"));
  return child;
};

describe.each(databases)("on %s", (_, there, fresh) => {
  const test = there ? run : run.skip;

  const scene = async (kinds: readonly Kind[]) => {
    const database = await fresh();
    const client = await Runtime.open({ database, workflows: [whose], execute: false, logger: silent });
    afterwards(() => Runtime.close(client));
    const workers = kinds.map((kind) => spawn(database, kind));
    const isUp = async () => (await Runtime.workers(client)).filter(({ executes }) => executes).length === kinds.length;
    await until("the workers", isUp, 60_000);
    return { database, client, workers };
  };
  /** How many runs of a batch each process began. */
  const shared = async (client: Runtime.Runtime, count: number): Promise<Map<number, number>> => {
    const runs = await Promise.all(Array.from({ length: count }, () => Workflow.start(client, whose, 0)));
    const took = new Map<number, number>();
    for (const [pid = 0] of await Promise.all(runs.map((each) => Run.result(each)))) took.set(pid, (took.get(pid) ?? 0) + 1);
    return took;
  };

  test("work is shared: of a thousand runs each of three workers takes some", async () => {
    const { client, workers } = await scene([{}, {}, {}]);
    const took = await shared(client, 1_000);
    console.log(`taken by each: ${workers.map(({ pid }) => took.get(pid) ?? 0).join(", ")}`);
    for (const { pid } of workers) expect(took.get(pid) ?? 0).toBeGreaterThan(0);
  }, 120_000);

  test("a worker of three times the weight takes more than one of the weight of one", async () => {
    const { client, workers } = await scene([{ weight: 3 }, { weight: 1 }]);
    const took = new Map<number, number>();
    // One by one, so that what decides is who looks first and not who has room.
    for (let round = 0; round < 200; round++)
      for (const [pid, count] of await shared(client, 1)) took.set(pid, (took.get(pid) ?? 0) + count);
    const [heavy = 0, light = 0] = workers.map(({ pid }) => took.get(pid) ?? 0);
    console.log(`taken by the heavy one: ${heavy}, by the light one: ${light}`);
    expect(heavy).toBeGreaterThan(light);
    expect(light).toBeGreaterThan(0);
  }, 120_000);

  test("runs go home to the worker in whose memory they rest, and wait for none that is dead", async () => {
    const { client, workers } = await scene([{ strategy: "sticky" }, { strategy: "sticky" }]);
    const runs = await Promise.all(Array.from({ length: 20 }, () => Workflow.start(client, whose, 2)));
    const rest = async () => (await Run.list(client, { status: "waiting", limit: 100 })).runs.length === runs.length;
    await until("their rest", rest, 60_000);
    for (const each of runs) await Signal.send(each, go, 1);
    const moved = async () =>
      (await Promise.all(runs.map(async (each) => (await Run.get(each)).progress.done))).every((n) => n >= 3);
    await until("the first round", moved, 60_000);
    await until("their rest", rest, 60_000);
    const [first] = workers;
    first?.kill("SIGKILL");
    await first?.exited;
    for (const each of runs) await Signal.send(each, go, 2);
    const all = await Promise.all(runs.map((each) => Run.result(each)));
    const home = all.filter(([one, two]) => one === two).length;
    console.log(`${home} of ${runs.length} runs went home`);
    expect(home).toBeGreaterThan(runs.length / 4);
    expect(all.every((pids) => pids[2] === workers[1]?.pid)).toBe(true);
  }, 120_000);

  test("one worker leads; when it is killed another does, under the next term, and the old one writes nothing", async () => {
    const { client } = await scene([{}, {}]);
    const leader = async () => (await Runtime.workers(client)).find(({ leads }) => leads !== undefined);
    await until("a leader", async () => (await leader()) !== undefined, 60_000);
    const first = await leader();
    if (!first?.leads) throw new Error("nobody leads");
    process.kill(first.pid, "SIGKILL");
    await until("the next one", async () => ![undefined, first.pid].includes((await leader())?.pid), 60_000);
    expect((await leader())?.leads).toBe(first.leads + 1);
    const stale = { worker: Number(first.id), term: first.leads };
    expect(await engineOf(client).store.leaders.keep("cluster", stale, "late")).toBe(false);
  }, 120_000);

  test("a leader that stands still for longer than its lease leads no more, and comes back as another worker", async () => {
    const { client, workers } = await scene([{ lease: 1_200 }, { lease: 1_200 }]);
    const leaders = async () => (await Runtime.workers(client)).filter(({ leads }) => leads !== undefined);
    await until("a leader", async () => (await leaders()).length === 1, 60_000);
    const [first] = await leaders();
    const stopped = workers.find(({ pid }) => pid === first?.pid);
    stopped?.kill("SIGSTOP");
    await until("the next one", async () => ![undefined, first?.pid].includes((await leaders())[0]?.pid), 60_000);
    stopped?.kill("SIGCONT");
    const isBack = async () => (await Runtime.workers(client)).some(({ pid, id }) => pid === first?.pid && id !== first?.id);
    await until("its way back", isBack, 60_000);
    const now = await leaders();
    expect(now).toHaveLength(1);
    expect(now[0]?.leads).toBeGreaterThan(first?.leads ?? 0);
    expect(now[0]?.id).not.toBe(first?.id);
  }, 120_000);
});
