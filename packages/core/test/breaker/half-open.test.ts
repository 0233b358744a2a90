import { describe, expect, test } from "bun:test";
import { CircuitBreaker, Run, Runtime, Step, Workflow } from "../../src/index.ts";
import { setup, type World } from "../kit/world.ts";
import { breakerOf, call, caller, createService, failCalls, held, onFile, untilAbort } from "./service.ts";

type Opener = (world: World) => (workflows?: Runtime.Options["workflows"]) => Promise<Runtime.Runtime>;

const places: readonly (readonly [string, Opener])[] = [
  ["in memory", (world) => (workflows) => world.open(workflows)],
  ["on a file", (world) => onFile(world).open],
];

describe.each(places)("half-open, %s", (_, opener) => {
  const two = async () => {
    const world = setup();
    const open = opener(world);
    return { world, runtimes: [await open(), await open()] as const };
  };

  test("lets exactly one call of all processes through", async () => {
    const { world, runtimes } = await two();
    const breaker = breakerOf();
    await failCalls(runtimes[0], breaker);
    await world.clock.advance(30_000);
    expect((await CircuitBreaker.state(runtimes[1], breaker)).state).toBe("half-open");
    const calls = runtimes.flatMap((runtime) => [held(runtime, breaker), held(runtime, breaker), held(runtime, breaker)]);
    await world.clock.settle();
    const [probe, ...others] = calls.filter(({ begun }) => begun());
    expect(others).toEqual([]);
    expect(await Promise.all(calls.filter((one) => one !== probe).map(({ answer }) => answer))).toEqual(
      Array.from({ length: 5 }, () => "breaker_open"),
    );
    probe!.resolve("up");
    expect(await probe!.answer).toBe("up");
  });

  test("a success of the probe closes it for all", async () => {
    const { world, runtimes } = await two();
    const breaker = breakerOf();
    const service = createService();
    await failCalls(runtimes[0], breaker);
    await world.clock.advance(30_000);
    expect(await call(runtimes[1], breaker, service)).toBe("done");
    await world.clock.advance(250);
    for (const runtime of runtimes) expect(await call(runtime, breaker, service)).toBe("done");
    expect(await CircuitBreaker.state(runtimes[0], breaker)).toMatchObject({
      state: "closed",
      failures: 0,
      openedAt: null,
      retryAt: null,
    });
  });

  test("a failure of the probe opens it again for all, for its usual time", async () => {
    const { world, runtimes } = await two();
    const breaker = breakerOf();
    const service = createService();
    await failCalls(runtimes[0], breaker);
    const openedAt = world.clock.now();
    await world.clock.advance(31_000);
    await failCalls(runtimes[1], breaker, 1);
    await world.clock.advance(250);
    for (const runtime of runtimes) expect(await call(runtime, breaker, service)).toBe("breaker_open");
    expect(await CircuitBreaker.state(runtimes[0], breaker)).toMatchObject({
      state: "open",
      openedAt,
      retryAt: openedAt + 61_000,
    });
    await world.clock.advance(30_000);
    expect(await call(runtimes[0], breaker, service)).toBe("done");
  });

  test("a late answer from before it opened decides nothing", async () => {
    const { world, runtimes } = await two();
    const breaker = breakerOf();
    const late = held(runtimes[0], breaker);
    await world.clock.settle();
    await failCalls(runtimes[0], breaker, 3);
    await world.clock.advance(30_000);
    const probe = held(runtimes[1], breaker);
    await world.clock.settle();
    late.resolve("late");
    await late.answer;
    await world.clock.advance(250);
    expect(await CircuitBreaker.state(runtimes[1], breaker)).toMatchObject({ state: "half-open", successes: 1 });
    probe.fail();
    await probe.answer;
    expect((await CircuitBreaker.state(runtimes[1], breaker)).state).toBe("open");
  });

  test("a person's word during the probe goes before what the probe learns", async () => {
    const { world, runtimes } = await two();
    const breaker = breakerOf();
    await failCalls(runtimes[0], breaker);
    await world.clock.advance(30_000);
    const probe = held(runtimes[0], breaker);
    await world.clock.settle();
    await CircuitBreaker.trip(runtimes[1], breaker, "1h");
    probe.resolve("up");
    await probe.answer;
    await world.clock.settle();
    expect((await CircuitBreaker.state(runtimes[0], breaker)).state).toBe("open");
    expect(await call(runtimes[0], breaker, createService())).toBe("breaker_open");
  });
});

describe("a probe that is lost", () => {
  test("with its process is taken again as soon as the process is missed", async () => {
    const world = setup();
    const first = await world.open([]);
    const second = await world.open([]);
    const breaker = breakerOf();
    const service = createService();
    await failCalls(first, breaker);
    await world.clock.advance(30_000);
    const probe = held(first, breaker);
    await world.clock.settle();
    expect(probe.begun()).toBe(true);
    expect(await call(second, breaker, service)).toBe("breaker_open");
    await world.crash(first);
    await world.clock.advance(1_000);
    expect(await call(second, breaker, service)).toBe("done");
  });

  test("with its runtime, which closed, is free at once", async () => {
    const world = setup();
    const first = await world.open([]);
    const second = await world.open([]);
    const breaker = breakerOf();
    await failCalls(first, breaker);
    await world.clock.advance(30_000);
    void held(first, breaker).answer;
    await world.clock.settle();
    await Runtime.close(first);
    expect(await call(second, breaker, createService())).toBe("done");
  });

  test("in a call that never answers is taken again after the lease", async () => {
    const world = setup();
    const runtime = await world.open([]);
    const breaker = breakerOf({ volumeThreshold: 3, resetTimeout: "1s" });
    const service = createService();
    await failCalls(runtime, breaker, 3);
    await world.clock.advance(1_000);
    const probe = held(runtime, breaker);
    await world.clock.advance(29_999);
    expect(await call(runtime, breaker, service)).toBe("breaker_open");
    await world.clock.advance(1);
    expect(await call(runtime, breaker, service)).toBe("done");
    probe.fail();
    await probe.answer;
    await world.clock.settle();
    expect(await CircuitBreaker.state(runtime, breaker)).toMatchObject({ state: "closed", failures: 1 });
  });

  test("by a cancel has learned nothing, and the next call probes", async () => {
    const world = setup();
    const breaker = breakerOf();
    const workflow = Workflow.define({ name: "probing" }, (ctx) =>
      Step.run(ctx, "call", ({ signal }) => untilAbort(signal), { breaker }),
    );
    const runtime = await world.open([workflow]);
    await failCalls(runtime, breaker);
    await world.clock.advance(30_000);
    const run = await Workflow.start(runtime, workflow, undefined, { id: "one" });
    await world.clock.settle();
    await Run.cancel(run, "enough");
    await world.clock.settle();
    expect(await CircuitBreaker.state(runtime, breaker)).toMatchObject({ state: "half-open", failures: 2 });
    expect(await call(runtime, breaker, createService())).toBe("done");
  });
});

test("a hundred waiting runs: one probes, and when it succeeds the others go on at once", async () => {
  const world = setup();
  const breaker = breakerOf();
  const gate = Promise.withResolvers<string>();
  let calls = 0;
  const workflow = Workflow.define({ name: "many" }, (ctx) =>
    Step.run(ctx, "call", () => (++calls === 1 ? gate.promise : "done"), { retry: { attempts: 1 }, breaker }),
  );
  const runtime = await world.open([workflow]);
  await failCalls(runtime, breaker);
  const runs = await Promise.all(
    Array.from({ length: 100 }, (_, id) => Workflow.start(runtime, workflow, undefined, { id: `${id}` })),
  );
  await world.clock.advance(30_000);
  expect(calls).toBe(1);
  await world.clock.advance(2_000);
  expect(calls).toBe(1);
  gate.resolve("done");
  await world.clock.settle();
  await world.clock.settle();
  expect(calls).toBe(100);
  expect(new Set(await Promise.all(runs.map((run) => Run.result(run))))).toEqual(new Set(["done"]));
});

test("while the probe of a waiting step fails, the other steps keep waiting and keep their attempts", async () => {
  const world = setup();
  const breaker = breakerOf();
  const service = createService();
  service.up = false;
  const workflow = caller(service, breaker, { retry: { attempts: 3, delay: "1s", jitter: "none" } });
  const runtime = await world.open([workflow]);
  await failCalls(runtime, breaker);
  const runs = await Promise.all(["a", "b", "c"].map((id) => Workflow.start(runtime, workflow, undefined, { id })));
  await world.clock.advance(61_000);
  expect(service.calls).toBe(2);
  service.up = true;
  expect(await Promise.all(runs.map((run) => world.result(run)))).toEqual(["done", "done", "done"]);
});
