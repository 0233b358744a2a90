// Runtime.check finds a run that rests although all that it waits for has come, and accuses none that gave a wait up.
import { describe, expect, test } from "bun:test";
import { engineOf } from "../../src/engine/opened.ts";
import { Context, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { afterwards } from "../kit/afterwards.ts";
import { databases } from "../kit/databases.ts";
import { silent } from "../kit/silent.ts";
import { until } from "../kit/until.ts";

const [first, second] = [Signal.define("first"), Signal.define("second")];
const waits = Workflow.define({ name: "waits" }, (ctx) => Step.wait(ctx, first));

/** The wait for the first message is given up with its branch. */
const givesUp = Workflow.define({ name: "gives up" }, async (ctx) => {
  await Step.all(ctx, "both", {
    wait: (ctx) => Step.wait(ctx, first),
    fail: (ctx) => Step.run(ctx, "fail", () => Promise.reject(new Error("no")), { retry: { attempts: 1 } }),
  }).catch(() => {});
  return Step.wait(ctx, second);
});

/** The wait for the first message is given up with the cancel. */
const cleansUp = Workflow.define({ name: "cleans up" }, async (ctx) => {
  try {
    return await Step.wait(ctx, first);
  } finally {
    await Context.shield(ctx, (ctx) => Step.wait(ctx, second));
  }
});

describe.each(databases)("on $name", ({ fresh }) => {
  const open = async () => {
    const database = await fresh();
    const workflows = [waits, givesUp, cleansUp];
    const runtime = await Runtime.open({ database, workflows, logger: silent, drain: "200ms" });
    afterwards(() => Runtime.close(runtime));
    const waiting = async (run: Run.Handle): Promise<void> =>
      until("the run waits", async () => {
        const { status, progress } = await Run.get(run);
        return status === "waiting" && progress.pending.some(({ kind }) => kind === "waiting");
      });
    const check = () => engineOf(runtime).store.runs.stuck(Date.now() + 60_000);
    return { database, runtime, waiting, check };
  };

  test("a message that no worker was told of is found", async () => {
    const { database, runtime, waiting, check } = await open();
    const run = await Workflow.start(runtime, waits);
    await waiting(run);
    expect(await check()).toEqual([]);
    // A worker takes the run, does not see the message, and lets it rest: a defect, made here by hand.
    await Runtime.close(runtime);
    const other = await Runtime.open({ database, execute: false, logger: silent });
    afterwards(() => Runtime.close(other));
    const { store } = engineOf(other);
    await Signal.send(Run.of(other, run.id), first, 1);
    const { worker } = engineOf(other);
    const now = Date.now() + 1_000;
    const parts = [{ name: "waits", version: 1, tenant: null }];
    const claimed = await store.runs.claim({ worker, parts, now, each: 1, headStart: 0, suspectAt: 9, unfit: [] });
    const row = claimed.find(({ id }) => id === run.id);
    if (!row) throw new Error("the run was not due");
    const rest = { status: "waiting", wakeAt: null, mail: row.mail, reason: null, home: false, now } as const;
    await store.runs.rest({ run: row.key, number: row.lease }, rest);
    const found = await store.runs.stuck(Date.now() + 60_000);
    expect(found).toEqual([{ id: run.id, status: "waiting", why: "what it waits for has come" }]);
    // It is not accused at once.
    expect(await Runtime.check(other)).toEqual([]);
  }, 30_000);

  test.each([givesUp, cleansUp])(
    "a wait that was given up is not taken for one that overlooked its message: $name",
    async (flow) => {
      const { runtime, waiting, check } = await open();
      const run = await Workflow.start(runtime, flow as Workflow.Definition);
      await waiting(run);
      if (flow === cleansUp) await Run.cancel(run);
      const waitsForSecond = async () => (await Run.get(run)).progress.pending.some(({ key }) => key.startsWith("second"));
      await until("it waits for the second", waitsForSecond);
      await waiting(run);
      await Signal.send(run, first, 1);
      await until("it rests again", async () => (await Run.get(run)).status === "waiting");
      expect(await check()).toEqual([]);
      await Signal.send(run, second, 2);
      await Run.result(run).catch(() => {});
      expect(await check()).toEqual([]);
    },
    30_000,
  );
});
