// A transaction whose commit fails in a way that leaves it open whether it happened: the history decides, before anything else goes on.
import { expect, test } from "bun:test";
import { Run, Runtime, Step, Workflow } from "../../src/index.ts";
import { engineOf } from "../../src/engine/opened.ts";
import { until } from "../kit/until.ts";
import { on, setup, type World } from "../kit/world.ts";
import { story } from "../face/scene.ts";

/** Behind a server the proxy of `test/server` loses answers. */
const onSqlite = test.skipIf(on !== "sqlite");

/** The next transaction of the user's is committed, and an error of the disk is all that is heard of it. */
const loseAnswer = ({ client }: World): void => {
  const begin = client.transaction.bind(client);
  const losing = (work: () => void): unknown => ({
    immediate: () => {
      begin(work).immediate();
      client.transaction = begin;
      throw Object.assign(new Error("disk I/O error"), { code: "SQLITE_IOERR_FSYNC" });
    },
  });
  client.transaction = losing as typeof client.transaction;
};

const over = (world: World, run: Run.Handle): Promise<void> =>
  until("the run is at its end", async () => {
    await world.clock.advance(100);
    return (await Run.get(run)).status === "completed";
  });

onSqlite("what is recorded after a transaction does not reach the body before it", async () => {
  const world = setup();
  const gate = Promise.withResolvers<string>();
  let committed = 0;
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    const order: string[] = [];
    const saw = (what: string) => () => void order.push(what);
    await Promise.all([
      Step.transaction(ctx, "book", world.db, () => void committed++).then(saw("book")),
      Step.run(ctx, "other", () => gate.promise).then(saw("other")),
    ]);
    return order;
  });
  const runtime = await world.open([flow]);
  loseAnswer(world);
  const run = await Workflow.start(runtime, flow);
  await world.clock.settle();
  gate.resolve("done");
  await over(world, run);
  expect(await story(run)).toEqual(["started", "step book", "step other", "completed"]);
  expect(await Run.result(run)).toEqual(["book", "other"]);
  expect(committed).toBe(1);
});

onSqlite("nothing is noted of a transaction after its record, however long its answer is lost", async () => {
  const world = setup();
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    await Step.transaction(ctx, "book", world.db, () => 1);
    await Step.sleep(ctx, "nap", "1h");
    return "slept";
  });
  const runtime = await world.open([flow]);
  loseAnswer(world);
  const run = await Workflow.start(runtime, flow);
  await world.clock.advance(5_000);
  await until("the transaction is known", async () => {
    await world.clock.advance(10);
    return (await Run.get(run)).status === "waiting";
  });
  expect(await story(run)).toEqual(["started", "step book", "timer nap"]);
  await Runtime.close(runtime);
  const again = await world.open([flow]);
  expect(await world.result(Run.of(again, run.id, flow))).toBe("slept");
});

/** What a server does: the answer to the commit comes a while after the record was given its place. */
const commitLate = (runtime: Runtime.Runtime) => {
  const { store } = engineOf(runtime);
  const { transact } = store;
  const [asked, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  Object.assign(store, {
    transact: async (...of: Parameters<typeof transact>) => {
      const outcome = await transact(...of);
      asked.resolve();
      await gate.promise;
      return outcome;
    },
  });
  return { asked: asked.promise, answer: gate.resolve };
};

test("what another branch records while a transaction commits reaches the body after it, live and on replay", async () => {
  const world = setup();
  const gate = Promise.withResolvers<string>();
  const orders: string[][] = [];
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    const order: string[] = [];
    orders.push(order);
    const saw = (what: string) => () => void order.push(what);
    await Promise.all([
      Step.transaction(ctx, "book", world.db, () => 1).then(saw("book")),
      Step.run(ctx, "other", () => gate.promise).then(saw("other")),
    ]);
    await Step.sleep(ctx, "nap", "1h");
  });
  const runtime = await world.open([flow], { hot: 0 });
  const { asked, answer } = commitLate(runtime);
  const run = await Workflow.start(runtime, flow);
  await asked;
  gate.resolve("done");
  await world.clock.settle();
  expect(orders).toEqual([[]]);
  answer();
  await world.result(run);
  expect(await story(run)).toEqual(["started", "step book", "step other", "timer nap", "fired nap", "completed"]);
  expect(orders).toEqual([
    ["book", "other"],
    ["book", "other"],
  ]);
});

test("nothing is noted of a transaction whose commit takes long, nor is it made again", async () => {
  const world = setup();
  let calls = 0;
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    await Step.transaction(ctx, "book", world.db, () => ++calls);
    await Step.sleep(ctx, "nap", "1h");
    return calls;
  });
  const runtime = await world.open([flow], { hot: 0 });
  const { asked, answer } = commitLate(runtime);
  const run = await Workflow.start(runtime, flow);
  await asked;
  await world.clock.advance(5_000);
  answer();
  expect(await world.result(run)).toBe(1);
  expect(await story(run)).toEqual(["started", "step book", "timer nap", "fired nap", "completed"]);
});
