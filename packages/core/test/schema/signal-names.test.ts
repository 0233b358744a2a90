// The schema in which a key belongs to one name of a signal: forward from the one before, and back to it.
import { describe, expect, test } from "bun:test";
import { Database, Fault, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { silent } from "../kit/silent.ts";
import { kinds } from "./grounds.ts";

const paid = Signal.define<number>("paid");
const receipt = Signal.define<string>("receipt");
const flow = Workflow.define({ name: "flow" }, async (ctx) => [
  await Step.wait(ctx, paid),
  await Step.wait(ctx, receipt),
  await Step.wait(ctx, paid),
]);

for (const { name, isThere, make } of kinds) {
  describe.skipIf(!isThere)(`on ${name}`, () => {
    test("messages and their keys are kept on the way forward and back, but for keys that two names share", async () => {
      const ground = await make();
      const newest = ground.migrator.migrations.findIndex((migration) => migration.name.endsWith("_signal_names"));
      await Database.migrate(ground.url, { to: newest });
      expect(await ground.ask("select * from holdfast_signals")).toEqual([]);
      await Database.migrate(ground.url);

      const client = await Runtime.open({ database: ground.url, workflows: [flow], logger: silent, execute: false });
      const run = await Workflow.start(client, flow, undefined, { id: "r" });
      await Signal.send(run, paid, 1, { key: "event" });
      await Signal.send(run, receipt, "r-1", { key: "event" });
      await Signal.send(run, paid, 2, { key: "other" });
      await Runtime.close(client);

      const fault = await Database.migrate(ground.url, { to: newest }).catch((error: unknown) => error);
      expect(Fault.is(fault, "schema_lossy") && fault.message).toContain("the keys of signals");
      await Database.migrate(ground.url, { to: newest, acceptDataLoss: true });
      const left = await ground.ask("select length(dedupe) as size, value from holdfast_signals order by holdfast_signals.key");
      expect(left.map(({ size, value }) => [size === null ? null : Number(size), value])).toEqual([
        [5, "1"],
        [null, '"r-1"'],
        [5, "2"],
      ]);

      const runtime = await Runtime.open({ database: ground.url, workflows: [flow], logger: silent });
      await Signal.send(Run.of(runtime, "r"), paid, 1, { key: "event" });
      expect(await Run.result(Run.of(runtime, "r"))).toEqual([1, "r-1", 2]);
      await Runtime.close(runtime);
    }, 60_000);
  });
}
