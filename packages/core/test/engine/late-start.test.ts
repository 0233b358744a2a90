// A start whose answer comes so late that its worker has left meanwhile: nothing is begun for a lease that is given back.
import { expect, test } from "bun:test";
import { engineOf } from "../../src/engine/opened.ts";
import { Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { setup } from "../kit/world.ts";

test("a start that is answered while its worker leaves is not taken on, and goes on elsewhere", async () => {
  const world = setup();
  const go = Signal.define("go");
  const child = Workflow.define({ name: "child" }, () => "grown");
  const flow = Workflow.define({ name: "parent" }, async (ctx) => {
    const [, grown] = await Promise.all([Step.wait(ctx, go), Step.call(ctx, child, undefined, { name: "child" })]);
    return grown;
  });
  const runtime = await world.open([flow, child]);
  const { runs, workers } = engineOf(runtime).store;
  const { start } = runs;
  const { leave } = workers;
  const answered = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  Object.assign(runs, {
    start: async (...of: Parameters<typeof start>) => {
      const started = await start(...of);
      answered.resolve();
      await left.promise;
      return started;
    },
  });
  Object.assign(workers, {
    leave: (...of: Parameters<typeof leave>) => {
      // Somebody holds the database: what is asked for from now on is one commit with the leaving.
      world.client.run("begin");
      const leaving = leave(...of);
      left.resolve();
      return leaving;
    },
  });
  const starting = Workflow.start(runtime, flow, undefined, { id: "late" });
  await answered.promise;
  const closing = Runtime.close(runtime);
  await starting;
  await Bun.sleep(20);
  world.client.run("commit");
  await closing;

  const elsewhere = await world.open([flow, child]);
  const run = Run.of(elsewhere, "late", flow);
  await world.clock.settle();
  const records = await Run.history(run);
  expect(records.map(({ seq }) => seq)).toEqual(records.map((_, at) => at));
  await Signal.send(run, go, undefined);
  expect(await world.result(run)).toBe("grown");
});
