// A process that only starts runs declares their workflow, without a body; another one executes them.
import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { engineOf } from "../../src/engine/opened.ts";
import { listening, setup, type World } from "../kit/world.ts";
import { thrownBy } from "./scene.ts";

const input = z.object({ amount: z.number().positive() });
const output = z.object({ receipt: z.string() });

const declared = Workflow.declare({ name: "pay", version: 2, input, output });
const paid = Signal.define("paid");

const pay = Workflow.define({ name: "pay", version: 2, input, output }, async (ctx, { amount }) => {
  await Step.wait(ctx, paid);
  return { receipt: await Step.run(ctx, "charge", () => `receipt for ${amount}`) };
});

const parent = Workflow.define({ name: "parent" }, (ctx) =>
  Step.call(ctx, Workflow.declare<number, number>({ name: "double" }), 21),
);

/** Until all workers have looked what is due: on a clock that is moved by hand they have no hint of what another one starts. */
const looked = async ({ clock }: World, workers: readonly Runtime.Runtime[], seconds = 3): Promise<void> => {
  for (let passed = 0; passed < seconds; passed++) {
    for (const worker of workers) engineOf(worker).poke();
    await clock.settle();
    await clock.advance(1_000);
  }
  await clock.settle();
};

test("its runs are started, signalled and read here, and executed elsewhere", async () => {
  const world = setup();
  const client = await world.open([], { execute: false });
  const worker = await world.open([pay]);
  const run = await Workflow.start(client, declared, { amount: 7 }, { id: "one" });
  await Signal.send(run, paid, undefined);
  await looked(world, [worker]);
  const { receipt } = await world.result<{ readonly receipt: string }>(run);
  expect(receipt).toBe("receipt for 7");
  expect(await Run.get(run)).toMatchObject({ workflow: "pay", version: 2, status: "completed" });
  // The same run, whichever of the two it is started with.
  expect((await Workflow.start(client, pay, { amount: 7 }, { id: "one" })).disposition).toBe("existing");
});

test("its input is checked by its schema before anything is kept", async () => {
  const world = setup();
  const client = await world.open([], { execute: false });
  const fault = await thrownBy(() => Workflow.start(client, declared, { amount: -1 }, { id: "one" }));
  expect(fault.code).toBe("invalid_input");
  expect((await Run.list(client)).runs).toEqual([]);
});

test("its timeout is that of the runs that are started with it", async () => {
  const world = setup();
  const client = await world.open([], { execute: false });
  const waits = Workflow.define({ name: "waits" }, (ctx) => Step.wait(ctx, paid));
  const worker = await world.open([waits]);
  const run = await Workflow.start(client, Workflow.declare({ name: "waits", timeout: "1m" }));
  await looked(world, [worker], 65);
  const { status, failure } = await Run.get(run);
  expect([status, JSON.stringify(failure)]).toEqual(["failed", expect.stringContaining("run_timeout") as string]);
});

test("a body calls it as a child that another worker executes", async () => {
  const world = setup();
  const double = Workflow.define<number, number>({ name: "double" }, (ctx, n) => Step.run(ctx, "twice", () => 2 * n));
  const workers = [await world.open([double]), await world.open([parent])] as const;
  const run = await Workflow.start(workers[1], parent);
  await looked(world, workers);
  expect(await world.result<unknown>(run)).toBe(42);
});

describe("a start of a workflow that no worker knows warns at once", () => {
  const warningsIn = (lines: readonly Record<string, unknown>[]): readonly unknown[] =>
    lines.filter(({ level, msg }) => level === 40 && String(msg).includes("worker")).map(({ workflow }) => workflow);

  test("once for many starts, and not where a worker knows it", async () => {
    const world = setup();
    const { logger, lines } = listening("warn");
    const client = await world.open([], { execute: false, logger });
    for (const amount of [1, 2, 3]) await Workflow.start(client, declared, { amount });
    await world.clock.settle();
    expect(warningsIn(lines)).toEqual(["pay"]);
    await world.open([pay, parent]);
    await Workflow.start(client, parent);
    await world.clock.settle();
    expect(warningsIn(lines)).toEqual(["pay"]);
  });

  test("a child of a body is one", async () => {
    const world = setup();
    const { logger, lines } = listening("warn");
    const runtime = await world.open([parent], { logger });
    await Workflow.start(runtime, parent);
    await looked(world, [runtime]);
    expect(warningsIn(lines)[0]).toBe("double");
  });
});

describe("what is wrong is refused", () => {
  test("a runtime cannot execute it", async () => {
    const fault = await thrownBy(() => setup().open([declared]));
    expect(fault.code).toBe("invalid_definition");
    expect(fault.message).toContain('"pay" is declared');
    expect(fault.message).toContain("Workflow.define");
  });

  test.each([
    ["no name", { name: "" }],
    ["a version of 0", { name: "pay", version: 0 }],
    ["an input that is no schema", { name: "pay", input: {} }],
    ["an option that belongs to a body", { name: "pay", retry: {} }],
  ])("%s", async (_, spec) => {
    const fault = await thrownBy(() => Workflow.declare(spec as never));
    expect(fault.code).toBe("invalid_definition");
  });
});

test("a runtime of `await using` is closed at the end of its block", async () => {
  const runtimes: Runtime.Runtime[] = [];
  {
    await using runtime = await Runtime.open({ database: "sqlite::memory:" });
    runtimes.push(runtime);
    await Run.list(runtime);
  }
  const fault = await thrownBy(() => Run.list(runtimes[0] as Runtime.Runtime));
  expect(fault.code).toBe("runtime_closed");
});
