import { describe, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { CircuitBreaker, Fault, Run, Step, Workflow } from "../../src/index.ts";
import { engineOf } from "../../src/engine/opened.ts";
import { setup } from "../kit/world.ts";
import { breakerOf, caller, createService, failCalls, untilAbort } from "./service.ts";

const recordsOf = async (run: Run.Handle): Promise<unknown[]> =>
  (await Run.history(run)).map(({ kind, attempt }) => [kind, attempt]);

describe("a step behind an open breaker", () => {
  test("waits parked, without using up its attempt, and goes on when the breaker lets it", async () => {
    const world = setup();
    const breaker = breakerOf();
    const service = createService();
    const workflow = caller(service, breaker);
    const runtime = await world.open([workflow]);
    await failCalls(runtime, breaker);
    const openedAt = world.clock.now();
    const run = await Workflow.start(runtime, workflow, undefined, { id: "one" });
    await world.clock.settle();
    expect(await Run.get(run)).toMatchObject({ status: "waiting", wakeAt: openedAt + 30_000 });
    expect(engineOf(runtime).executing.size).toBe(0);
    await world.clock.advance(29_999);
    expect(service.calls).toBe(0);
    await world.clock.advance(1);
    expect(await world.result(run)).toBe("done");
    expect(service.attempts).toEqual([1]);
    expect(world.clock.now()).toBe(openedAt + 30_000);
    expect(await recordsOf(run)).toEqual([
      ["started", null],
      ["attempt", 0],
      ["step", 1],
      ["completed", null],
    ]);
  });

  test("shows people what it waits for", async () => {
    const world = setup();
    const breaker = breakerOf();
    const workflow = caller(createService(), breaker);
    const runtime = await world.open([workflow]);
    await CircuitBreaker.trip(runtime, breaker);
    const run = await Workflow.start(runtime, workflow, undefined, { id: "one" });
    await world.clock.settle();
    const until = world.clock.now() + 30_000;
    expect((await Run.get(run)).progress.pending).toMatchObject([{ key: "call", until }]);
    expect((await Run.history(run)).at(-1)).toMatchObject({
      kind: "attempt",
      key: "call",
      due: until,
      value: { code: "breaker_open" },
    });
  });

  test("has as many attempts afterwards as before, however often the breaker opens again", async () => {
    const world = setup();
    const breaker = breakerOf({ volumeThreshold: 1 });
    const service = createService();
    service.up = false;
    const workflow = caller(service, breaker, { retry: { attempts: 4, delay: 0 } });
    const runtime = await world.open([workflow]);
    const run = await Workflow.start(runtime, workflow, undefined, { id: "one" });
    await world.clock.advance(65_000);
    expect(service.attempts).toEqual([1, 2, 3]);
    service.up = true;
    expect(await world.result(run)).toBe("done");
    expect(service.attempts).toEqual([1, 2, 3, 4]);
  });

  test("that fails its last attempt while the breaker opens fails for good", async () => {
    const world = setup();
    const breaker = breakerOf({ volumeThreshold: 1 });
    const service = createService();
    service.up = false;
    const workflow = caller(service, breaker);
    const runtime = await world.open([workflow]);
    const run = await Workflow.start(runtime, workflow, undefined, { id: "one" });
    expect(await world.result(run).catch((error: unknown) => (error as Error).message)).toContain("down");
    expect((await CircuitBreaker.state(runtime, breaker)).state).toBe("open");
  });

  test("falls back at once, and a fallback is no success of the other side", async () => {
    const world = setup();
    const breaker = breakerOf();
    const service = createService();
    const workflow = caller(service, breaker, { fallback: (error) => (Fault.is(error, "breaker_open") ? "invoice" : "other") });
    const runtime = await world.open([workflow]);
    await failCalls(runtime, breaker);
    const before = world.clock.now();
    const run = await Workflow.start(runtime, workflow, undefined, { id: "one" });
    await world.clock.settle();
    expect(await Run.result(run)).toBe("invoice");
    expect(world.clock.now()).toBe(before);
    expect(service.calls).toBe(0);
    expect(await CircuitBreaker.state(runtime, breaker)).toMatchObject({ successes: 0, failures: 2, rejects: 1 });
  });

  test("goes on at once when a person resets the breaker, long before its time", async () => {
    const world = setup();
    const breaker = breakerOf();
    const service = createService();
    const workflow = caller(service, breaker);
    const runtime = await world.open([workflow]);
    await CircuitBreaker.trip(runtime, breaker, "7d");
    const run = await Workflow.start(runtime, workflow, undefined, { id: "one" });
    await world.clock.advance(1_000);
    const before = world.clock.now();
    await CircuitBreaker.reset(runtime, breaker);
    await world.clock.settle();
    expect(await Run.result(run)).toBe("done");
    expect(world.clock.now()).toBe(before);
  });

  test("goes on after a crash in its time: seldom asking, and at most twice as late as the breaker was open", async () => {
    const world = setup();
    const breaker = breakerOf();
    const service = createService();
    const workflow = caller(service, breaker);
    const first = await world.open([workflow]);
    await CircuitBreaker.trip(first, breaker, "7d");
    await Workflow.start(first, workflow, undefined, { id: "one" });
    await world.clock.advance(3_600_000);
    await world.crash(first);
    const second = await world.open([workflow]);
    await world.clock.settle();
    await CircuitBreaker.reset(second, breaker);
    const before = world.clock.now();
    const run = Run.of(second, "one", workflow);
    expect(await world.result(run)).toBe("done");
    expect(world.clock.now() - before).toBeLessThanOrEqual(3_700_000);
    expect((await Run.history(run)).filter(({ kind }) => kind === "attempt").length).toBeLessThan(12);
  });

  test("that waits is cancelled at once", async () => {
    const world = setup();
    const breaker = breakerOf();
    const service = createService();
    const workflow = caller(service, breaker);
    const runtime = await world.open([workflow]);
    await CircuitBreaker.trip(runtime, breaker, "1h");
    const run = await Workflow.start(runtime, workflow, undefined, { id: "one" });
    await world.clock.settle();
    await Run.cancel(run, "enough");
    await world.clock.settle();
    expect((await Run.get(run)).status).toBe("cancelled");
    expect(service.calls).toBe(0);
  });

  test("its neighbour in the same run is not held up", async () => {
    const world = setup();
    const breaker = breakerOf();
    const service = createService();
    let neighbours = 0;
    const workflow = Workflow.define({ name: "two" }, (ctx) =>
      Promise.all([Step.run(ctx, "call", () => service.call(), { breaker }), Step.run(ctx, "other", () => ++neighbours)]),
    );
    const runtime = await world.open([workflow]);
    await CircuitBreaker.trip(runtime, breaker);
    const run = await Workflow.start(runtime, workflow, undefined, { id: "one" });
    await world.clock.settle();
    expect(neighbours).toBe(1);
    expect(await world.result(run)).toEqual(["done", 1]);
    expect(neighbours).toBe(1);
  });
});

describe("what a step tells the breaker", () => {
  test("every attempt counts, and retries are refused as soon as it opens", async () => {
    const world = setup();
    const breaker = breakerOf({ volumeThreshold: 3 });
    const service = createService();
    service.up = false;
    const workflow = caller(service, breaker, { retry: { attempts: 10, delay: 0 } });
    const runtime = await world.open([workflow]);
    await Workflow.start(runtime, workflow, undefined, { id: "one" });
    await world.clock.advance(1_000);
    expect(service.attempts).toEqual([1, 2, 3]);
    expect(await CircuitBreaker.state(runtime, breaker)).toMatchObject({ state: "open", failures: 3 });
  });

  test("an attempt that takes longer than the breaker's timeout has failed, and the step's own timeout goes first", async () => {
    const world = setup();
    const breaker = breakerOf({ timeout: "5s" });
    const slow = Workflow.define({ name: "slow" }, (ctx, timeout: number | undefined) =>
      Step.run(ctx, "call", () => new Promise<string>(() => {}), {
        breaker,
        retry: { attempts: 1 },
        ...(timeout === undefined ? {} : { timeout }),
      }),
    );
    const runtime = await world.open([slow]);
    await Workflow.start(runtime, slow, undefined, { id: "breaker's" });
    await Workflow.start(runtime, slow, 1_000, { id: "own" });
    await world.clock.advance(1_000);
    expect((await Run.get(Run.of(runtime, "own"))).status).toBe("failed");
    expect(await CircuitBreaker.state(runtime, breaker)).toMatchObject({ failures: 1 });
    await world.clock.advance(4_000);
    expect((await Run.get(Run.of(runtime, "breaker's"))).failure?.["code"]).toBe("step_timeout");
    expect(await CircuitBreaker.state(runtime, breaker)).toMatchObject({ failures: 2 });
  });

  test("a step that is cancelled in its middle is no failure; one that answers all the same is a success", async () => {
    const world = setup();
    const breaker = breakerOf({ volumeThreshold: 1 });
    const obedient = Workflow.define({ name: "obedient" }, (ctx) =>
      Step.run(ctx, "call", ({ signal }) => untilAbort(signal), { breaker }),
    );
    const stubborn = Workflow.define({ name: "stubborn" }, (ctx) =>
      Step.run(ctx, "call", ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve("anyway"))), {
        breaker,
      }),
    );
    const runtime = await world.open([obedient, stubborn]);
    for (const workflow of [obedient, stubborn]) {
      const run = await Workflow.start(runtime, workflow, undefined, { id: workflow.name });
      await world.clock.settle();
      await Run.cancel(run, "enough");
      await world.clock.settle();
      expect((await Run.get(run)).status).toBe("cancelled");
    }
    expect(await CircuitBreaker.state(runtime, breaker)).toMatchObject({ state: "closed", successes: 1, failures: 0 });
  });

  test("what a step learns counts although its run is no longer executed here", async () => {
    const world = setup();
    const breaker = breakerOf({ volumeThreshold: 1, resetTimeout: "1h" });
    const service = Promise.withResolvers<string>();
    const workflow = Workflow.define({ name: "lost" }, (ctx) => Step.run(ctx, "call", () => service.promise, { breaker }));
    const runtime = await world.open([workflow]);
    await Workflow.start(runtime, workflow, undefined, { id: "one" });
    await world.clock.settle();
    await world.ask(sql`update holdfast_runs set lease = lease + 1, worker = null, status = 'paused', wake_at = null`);
    await world.clock.advance(2_000);
    service.resolve("answered");
    await world.clock.settle();
    expect(await CircuitBreaker.state(runtime, breaker)).toMatchObject({ successes: 1 });
  });
});
