// A step that waits for the result of another run gives its place up, and a wait for a run that does not go on by itself is said with the reason.
import { describe, expect, test } from "bun:test";
import { engineOf } from "../../src/engine/opened.ts";
import { room } from "../../src/engine/engine.ts";
import { Run, Runtime, Step, Workflow } from "../../src/index.ts";
import { afterwards } from "../kit/afterwards.ts";
import { databases } from "../kit/databases.ts";
import { until } from "../kit/until.ts";
import { listening } from "../kit/world.ts";

const part = Workflow.define({ name: "part" }, (ctx) => Step.run(ctx, "work", () => "done"));

/** A runtime that workflows use, once it is open. */
type Holder = { runtime?: Runtime.Runtime };
const of = ({ runtime }: Holder): Runtime.Runtime => {
  if (!runtime) throw new Error("The runtime is not open yet.");
  return runtime;
};

/** Workflows whose steps start a part and wait for it through this runtime. */
const wholes = (holder: Holder) => {
  const delegate = async (key: string): Promise<unknown> =>
    Run.result(await Workflow.start(of(holder), part, undefined, { id: `${key}/part` }));
  const whole = Workflow.define({ name: "whole" }, (ctx) => Step.run(ctx, "delegate", ({ key }) => delegate(key)));
  const outer = Workflow.define({ name: "outer" }, (ctx) =>
    Step.run(ctx, "delegate", async ({ key }) =>
      Run.result(await Workflow.start(of(holder), whole, undefined, { id: `${key}/whole` })),
    ),
  );
  const both = Workflow.define({ name: "both" }, (ctx) =>
    Step.run(ctx, "delegate", ({ key }) => Promise.all([delegate(`${key}/a`), delegate(`${key}/b`)])),
  );
  return { whole, outer, both };
};

const open = async (database: string, options: Runtime.Options = {}) => {
  const { logger, lines } = listening("warn");
  const runtime = await Runtime.open({ database, logger, drain: "200ms", ...options });
  afterwards(() => Runtime.close(runtime));
  return { runtime, said: (text: string) => lines.filter(({ msg }) => String(msg).includes(text)) };
};

const faultOf = async (promise: Promise<unknown>) =>
  promise.then(
    (value) => ({ code: `answered ${String(value)}`, message: "", data: {} as Record<string, unknown> }),
    (error: { readonly code: string; readonly message: string; readonly data: Record<string, unknown> }) => error,
  );

describe.each(databases)("on $name", ({ fresh }) => {
  test.each(["whole", "outer", "both"] as const)(
    "as many runs as there are places wait in a step for runs that need one: %s",
    async (name) => {
      const holder: Holder = {};
      const { whole, outer, both } = wholes(holder);
      const workflows = [part, whole, outer, both];
      const { runtime } = await open(await fresh(), { workflows, concurrency: 4 });
      holder.runtime = runtime;
      const workflow = { whole, outer, both }[name] as Workflow.Definition<undefined>;
      const runs = await Promise.all(Array.from({ length: 8 }, () => Workflow.start(runtime, workflow, undefined)));
      for (const run of runs) await Run.result(run, { timeout: "20s" });
      const engine = engineOf(runtime);
      await until("all places are free", () => room(engine) === 4);
      expect(engine.waitingSteps.size).toBe(0);
    },
    60_000,
  );

  test("two workers of one place each execute each other's parts", async () => {
    const database = await fresh();
    const holders: readonly Holder[] = [{}, {}];
    for (const holder of holders)
      holder.runtime = (await open(database, { workflows: [part, wholes(holder).whole], concurrency: 1 })).runtime;
    const [holder = {}] = holders;
    const { whole } = wholes(holder);
    const runs = await Promise.all(Array.from({ length: 6 }, () => Workflow.start(of(holder), whole)));
    for (const run of runs) expect(await Run.result(run, { timeout: "20s" })).toBe("done");
  }, 60_000);

  test("a run keeps its place while another of its functions works, and a wait that was given up holds none", async () => {
    const gate = Promise.withResolvers<void>();
    const holder: Holder = {};
    const never = Workflow.define({ name: "never" }, (ctx) => Step.sleep(ctx, "long", "1h"));
    const mixed = Workflow.define({ name: "mixed" }, (ctx) =>
      Promise.all([
        Step.run(ctx, "wait", async () =>
          Run.result(await Workflow.start(of(holder), never), { timeout: 400 }).catch(() => "late"),
        ),
        Step.run(ctx, "work", () => gate.promise),
      ]),
    );
    const { runtime } = await open(await fresh(), { workflows: [never, mixed], concurrency: 2 });
    holder.runtime = runtime;
    const engine = engineOf(runtime);
    const run = await Workflow.start(runtime, mixed);
    await until("it waits", () => engine.waitingSteps.size === 1);
    await until("the other run sleeps", () => engine.executing.size === 1);
    expect(room(engine)).toBe(1);
    await until("the wait is given up", () => engine.waitingSteps.size === 0);
    expect(room(engine)).toBe(1);
    gate.resolve();
    expect(await Run.result(run)).toEqual(["late", undefined]);
  }, 30_000);

  test("a body that waits for a result is told at once, and once", async () => {
    const holder: Holder = {};
    const careless = Workflow.define({ name: "careless" }, async (ctx) => {
      const id = await Step.start(ctx, part, undefined);
      return [await Run.result(Run.of(of(holder), id)), await Run.result(Run.of(of(holder), id))];
    });
    const { runtime, said } = await open(await fresh(), { workflows: [part, careless] });
    holder.runtime = runtime;
    const run = await Workflow.start(runtime, careless);
    expect(await Run.result(run)).toEqual(["done", "done"]);
    expect(said("Step.call")).toMatchObject([{ run: run.id, workflow: "careless", level: 40 }]);
  }, 30_000);

  test("a run that is paused, or that no worker can execute, is named with the reason: in the log, once, and in result_timeout", async () => {
    const database = await fresh();
    const { runtime: worker } = await open(database, { workflows: [part] });
    const { runtime: client, said } = await open(database, { execute: false });
    const unknown = Workflow.define({ name: "unknown" }, (ctx) => Step.run(ctx, "work", () => 1));
    const lost = await Workflow.start(client, unknown);
    const held = await Workflow.start(worker, part, undefined, { delay: "1h" });
    await Run.pause(held);
    const asleep = await Workflow.start(worker, part, undefined, { delay: "1h" });
    const waits = [lost, held, asleep].map((run) => faultOf(Run.result(Run.of(client, run.id), { timeout: "3s" })));
    await until("both are said", () => said("does not go on by itself").length === 2);
    const [no, paused, scheduled] = await Promise.all(waits);
    expect(no).toMatchObject({ code: "result_timeout", data: { status: "queued", reason: { code: "no_worker" } } });
    expect(no?.message).toContain('workflow "unknown"');
    expect(paused).toMatchObject({ code: "result_timeout", data: { status: "paused", reason: { code: "paused" } } });
    expect(paused?.message).toContain("Run.resume");
    expect(scheduled).toMatchObject({ code: "result_timeout", data: { status: "scheduled", reason: undefined } });
    expect(scheduled?.message).toContain("It is scheduled. It goes on.");
    const lines = said("does not go on by itself");
    expect(new Set(lines.map(({ run }) => run))).toEqual(new Set([lost.id, held.id]));
  }, 30_000);

  test("a wait with a short timeout tells the state that it saw", async () => {
    const { runtime } = await open(await fresh(), { workflows: [part] });
    const run = await Workflow.start(runtime, part, undefined, { delay: "1h" });
    await Run.pause(run);
    const { data } = await faultOf(Run.result(run, { timeout: 250 }));
    expect(data).toMatchObject({ run: run.id, status: "paused", reason: { code: "paused" } });
  });
});

test("a thousand waits look together, and seldom", async () => {
  const { runtime, said } = await open("sqlite::memory:", { workflows: [part] });
  const runs = await Promise.all(Array.from({ length: 1_000 }, () => Workflow.start(runtime, part, undefined, { delay: "1h" })));
  const { store } = engineOf(runtime);
  let looks = 0;
  const { list } = store.workers;
  Object.assign(store.workers, { list: () => (looks++, list()) });
  const [first] = runs;
  if (first) await Run.pause(first);
  const gone = new AbortController();
  const waits = runs.map((run) => faultOf(Run.result(run, { signal: gone.signal })));
  await until("it is said", () => said("does not go on by itself").length === 1);
  gone.abort();
  await Promise.all(waits);
  expect(looks).toBeLessThan(20);
}, 30_000);
