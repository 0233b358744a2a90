// A worker that starts runs leaves some of them to idle workers, and none to busy ones.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { engineOf } from "../../src/engine/opened.ts";
import { Run, Runtime, Step, Workflow } from "../../src/index.ts";
import { afterwards, folder, silent } from "../kit/world.ts";
import { until } from "../kit/until.ts";

test("what is started beside a worker that is busy stays here; beside one that is idle, a part of it goes there", async () => {
  const database = `sqlite:${join(folder(), "leaving.db")}`;
  const gate = Promise.withResolvers<void>();
  const held = Workflow.define({ name: "held" }, (ctx) => Step.run(ctx, "wait", () => gate.promise));
  const opened = async (name: string, more: readonly Workflow.AnyDefinition[]) => {
    const job = Workflow.define({ name: "job" }, (ctx) =>
      Step.run(ctx, "who", async () => {
        await Bun.sleep(100);
        return name;
      }),
    );
    const runtime = await Runtime.open({ database, workflows: [job, ...more], concurrency: 10, lease: 3_000, logger: silent });
    afterwards(() => Runtime.close(runtime));
    return { runtime, job };
  };
  const here = await opened("here", []);
  const batch = async (): Promise<string[]> => {
    const runs = await Promise.all(Array.from({ length: 10 }, () => Workflow.start(here.runtime, here.job, undefined)));
    return Promise.all(runs.map((run) => Run.result(run)));
  };
  const there = await opened("there", [held]);
  const seenThere = (idle: boolean) => () => engineOf(here.runtime).peers.some((peer) => peer.idle === idle);

  const busy = await Promise.all(Array.from({ length: 6 }, () => Workflow.start(there.runtime, held, undefined)));
  await until("the other is busy", seenThere(false), 30_000);
  expect(await batch()).toEqual(Array.from({ length: 10 }, () => "here"));

  gate.resolve();
  await Promise.all(busy.map((run) => Run.result(run)));
  await until("the other is idle", seenThere(true), 30_000);
  expect(await batch()).toContain("there");
}, 90_000);
