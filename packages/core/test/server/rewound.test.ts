// A database that was exchanged for one with an older past: a standby that is promoted although it lacks something, or a copy that is put in the place of the original.
import { describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { engineOf } from "../../src/engine/opened.ts";
import { noWorker } from "../../src/engine/engine.ts";
import { Fault, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { afterwards, silent } from "../kit/world.ts";
import { openFront, type Front } from "../kit/front.ts";
import { crowded as crowdedMariadb, startMariadb, whyNoMariadb } from "../kit/mariadb-server.ts";
import { crowded, startPostgres, whyNoPostgres } from "../kit/postgres-server.ts";
import { until } from "../kit/until.ts";

const go = Signal.define<number>("go");
let begun: string[] = [];
/** Adds up what it is sent; each number is a step. */
const adder = Workflow.define<number, number>({ name: "adder" }, async (ctx, n) => {
  let sum = 0;
  for (let index = 0; index < n; index++) {
    const value = (await Step.wait(ctx, go)) ?? 0;
    sum += await Step.run(ctx, "add", ({ key }) => {
      begun.push(key);
      return value;
    });
  }
  return sum;
});

type Scene = {
  readonly front: Front;
  /** Of the database, past everything that may be exchanged. */
  readonly database: string;
  /** From here on nothing that is written gets into the past that will be. */
  readonly part: () => Promise<void>;
  /** The other one is there from here on, in the place of the first. */
  readonly exchange: () => Promise<void>;
  /** Asks the one that is there now. */
  readonly ask: <Row>(text: string) => Promise<readonly Row[]>;
};

const createDatabase = async (server: string, first: string): Promise<void> => {
  const client = new SQL(`${server}/${first}`, { max: 1 });
  await client.unsafe("create database orders");
  await client.close({ timeout: 0 });
};

const asker = (urlOf: () => string): Scene["ask"] => {
  return async <Row>(text: string) => {
    const client = new SQL(`${urlOf()}/orders`, { max: 1 });
    try {
      return (await client.unsafe(text)) as readonly Row[];
    } finally {
      await client.close({ timeout: 0 });
    }
  };
};

/** An asynchronous standby, which is told nothing any more, and is promoted. */
const onPostgres = async (): Promise<Scene> => {
  const primary = await startPostgres(afterwards, { settings: crowded });
  await createDatabase(primary.url, "postgres");
  const stream = openFront(primary.port);
  const front = openFront(primary.port);
  afterwards(async () => {
    stream.close();
    front.close();
  });
  const standby = await primary.createStandby(stream.port);
  let now = primary;
  return {
    front,
    database: `postgres://postgres@127.0.0.1:${front.port}/orders`,
    part: async () => {
      const position = await primary.position();
      await until("the standby has all there is", () => standby.hasReceived(position));
      stream.swallow(true);
    },
    exchange: async () => {
      await primary.daemon.kill();
      stream.close();
      await standby.promote();
      now = standby;
      front.turn(standby.port);
    },
    ask: asker(() => now.url),
  };
};

/** A copy that another server has. */
const onMariadb = async (): Promise<Scene> => {
  const first = await startMariadb(afterwards, { options: crowdedMariadb });
  await createDatabase(first.url, "mysql");
  const front = openFront(first.port);
  afterwards(async () => front.close());
  let now = first;
  let copied = first;
  return {
    front,
    database: `mysql://root@127.0.0.1:${front.port}/orders`,
    part: async () => {
      await first.daemon.end("SIGTERM");
      copied = await first.copy();
      await first.daemon.start();
    },
    exchange: async () => {
      await first.daemon.kill();
      now = copied;
      front.turn(copied.port);
    },
    ask: asker(() => now.url),
  };
};

const openOn = async ({ database }: Scene, options: Runtime.Options = {}): Promise<Runtime.Runtime> => {
  const runtime = await Runtime.open({ database, workflows: [adder], logger: silent, lease: 6_000, drain: 500, ...options });
  afterwards(() => Runtime.close(runtime));
  return runtime;
};

const recorded = async ({ ask }: Scene, id: string): Promise<string[]> =>
  (
    await ask<{ seq: number; kind: string }>(
      `select h.seq, h.kind from holdfast_history h join holdfast_runs r on r.key = h.run where r.id = '${id}' order by h.seq`,
    )
  ).map(({ seq, kind }) => `${seq} ${kind}`);

/** Sends until it is taken: what an outage refuses is asked again. */
const send = (run: Run.Handle, value: number): Promise<unknown> =>
  until(`${value} is sent`, () =>
    Signal.send(run, go, value, { key: String(value) }).then(
      () => true,
      () => false,
    ),
  );

const servers = [
  ["PostgreSQL", onPostgres, whyNoPostgres()],
  ["MariaDB", onMariadb, whyNoMariadb()],
] as const;

for (const [name, prepare, why] of servers) {
  if (why !== undefined) console.warn(`Left out on ${name}: ${why}.`);
  describe.skipIf(why !== undefined)(`on ${name}, with an older past`, () => {
    test("a run goes on from what is there, in one piece, and what was given to others in the lost past is not taken for theirs", async () => {
      const scene = await prepare();
      const worker = await openOn(scene, { hot: 100 });
      const other = await openOn(scene);
      begun = [];
      const run = await Workflow.start(worker, adder, 4, { id: "kept" });
      await send(run, 1);
      await until("the first is added", async () => begun.length === 1 && (await Run.get(run)).status === "waiting");
      await scene.part();
      // Lost: two steps that are recorded, a run, and the numbers of its leases.
      await send(run, 2);
      await send(run, 3);
      await until("three are added", async () => begun.length === 3 && (await Run.get(run)).status === "waiting");
      const lost = await Workflow.start(worker, adder, 1, { id: "lost" });
      const result = Run.result(lost).catch((error: unknown) => error);
      await until("it waits", async () => (await Run.get(lost)).status === "waiting");
      await scene.exchange();

      // Somebody who knows nothing of it comes first, and makes a run.
      const newcomer = await openOn(scene);
      const fresh = await Workflow.start(newcomer, adder, 1, { id: "fresh" });
      for (const value of [2, 3, 4]) await send(run, value);
      expect(await Run.result(run)).toBe(10);
      expect(Fault.is(await result, "run_not_found")).toBe(true);
      // The handle of the lost run reaches no other run.
      expect(Fault.is(await Signal.send(lost, go, 7).catch((error: unknown) => error), "run_not_found")).toBe(true);
      await send(fresh, 5);
      expect(await Run.result(fresh)).toBe(5);

      const seqs = (await recorded(scene, "kept")).map((row) => Number(row.split(" ")[0]));
      expect(seqs).toEqual(seqs.map((_, index) => index));
      expect((await recorded(scene, "fresh")).at(-1)).toContain("completed");
      expect(await Runtime.check(newcomer)).toEqual([]);
      const livingNow = () => [worker, other, newcomer].map((runtime) => engineOf(runtime).worker);
      await until(
        "the idle client has noticed, and begun anew",
        () => engineOf(other).rewinds === 1 && !livingNow().includes(noWorker),
      );
      // Each of them lives under a number that nobody has but it.
      const workers = await scene.ask<{ key: number | string }>("select w.key from holdfast_workers as w");
      const living = livingNow();
      expect(new Set(living).size).toBe(3);
      expect(workers.map(({ key }) => Number(key))).toEqual(expect.arrayContaining(living) as number[]);
    }, 120_000);

    test("what is under way is written to the new one only as far as it fits there", async () => {
      const scene = await prepare();
      const worker = await openOn(scene);
      const held = Promise.withResolvers<void>();
      const seen: string[] = [];
      const slow = Workflow.define<null, string>({ name: "slow" }, async (ctx) => {
        await Step.run(ctx, "first", () => seen.push("first"));
        await Step.run(ctx, "second", () => seen.push("second"));
        return Step.run(ctx, "third", async ({ signal }) => {
          seen.push("third");
          await Promise.race([held.promise, new Promise((resolve) => signal.addEventListener("abort", resolve))]);
          return "done";
        });
      });
      const executor = await openOn(scene, { workflows: [slow] });
      const gate = await Workflow.start(worker, adder, 1, { id: "before" });
      await scene.part();
      const run = await Workflow.start(executor, slow, null, { id: "ahead" });
      await until("the third is under way", () => seen.includes("third"));
      await scene.exchange();
      await until("it is told", () => engineOf(executor).rewinds === 1);
      held.resolve();
      expect(Fault.is(await Run.result(run).catch((error: unknown) => error), "run_not_found")).toBe(true);
      expect(await recorded(scene, "ahead")).toEqual([]);
      // The same start is a new run there.
      await Workflow.start(executor, slow, null, { id: "ahead" });
      expect(await Run.result(Run.of(executor, "ahead", slow))).toBe("done");
      await send(gate, 1);
      expect(await Run.result(gate)).toBe(1);
    }, 120_000);
  });
}
