import { describe, expect, test } from "bun:test";
import { CircuitBreaker, Run, Runtime, Workflow } from "../../src/index.ts";
import { engineOf } from "../../src/engine/opened.ts";
import { setup } from "../kit/world.ts";
import { breakerOf, call, caller, createService, failCalls, onFile } from "./service.ts";

describe("processes share one breaker", () => {
  test("what one of them opened, trips or resets holds for the others at once on a file", async () => {
    const world = setup();
    const { open } = onFile(world);
    const [here, there] = [await open(), await open()];
    const breaker = breakerOf();
    const service = createService();
    expect(await call(there, breaker, service)).toBe("done");
    await failCalls(here, breaker, 3);
    await world.clock.advance(250);
    expect(await call(there, breaker, service)).toBe("breaker_open");
    await CircuitBreaker.reset(there, breaker);
    await world.clock.advance(250);
    expect(await call(here, breaker, service)).toBe("done");
    await CircuitBreaker.trip(here, breaker, "1h");
    await world.clock.advance(250);
    expect(await call(there, breaker, service)).toBe("breaker_open");
  });

  test("few failures in each of four add up", async () => {
    const world = setup();
    const breaker = breakerOf({ volumeThreshold: 8 });
    const runtimes = await Promise.all([1, 2, 3, 4].map(() => world.open([])));
    for (const runtime of runtimes) await failCalls(runtime, breaker, 2);
    await world.clock.advance(250);
    expect(await CircuitBreaker.state(runtimes[0]!, breaker)).toMatchObject({ state: "open", failures: 8 });
    await world.clock.advance(1_000);
    for (const runtime of runtimes) expect(await call(runtime, breaker, createService())).toBe("breaker_open");
  });

  test("successes of the others weigh against them", async () => {
    const world = setup();
    const breaker = breakerOf({ volumeThreshold: 8, errorThresholdPercentage: 50 });
    const [well, ill, worse] = [await world.open([]), await world.open([]), await world.open([])];
    const service = createService();
    for (let made = 0; made < 20; made++) await call(well, breaker, service);
    // What is counted is told a moment later: nobody may be told of the failures first.
    await world.clock.advance(250);
    await failCalls(ill, breaker, 5);
    await failCalls(worse, breaker, 5);
    await world.clock.advance(250);
    expect(await CircuitBreaker.state(well, breaker)).toMatchObject({ state: "closed", successes: 20, failures: 10 });
  });

  test("a process that alone reaches the threshold opens it for all, whatever the others see", async () => {
    const world = setup();
    const breaker = breakerOf({ volumeThreshold: 8 });
    const [well, ill] = [await world.open([]), await world.open([])];
    const service = createService();
    for (let made = 0; made < 20; made++) await call(well, breaker, service);
    await failCalls(ill, breaker, 8);
    await world.clock.advance(250);
    expect(await call(well, breaker, service)).toBe("breaker_open");
  });

  test("the counts are those of all", async () => {
    const world = setup();
    const breaker = breakerOf({ volumeThreshold: 100 });
    const [one, two] = [await world.open([]), await world.open([])];
    const service = createService();
    for (let made = 0; made < 3; made++) await call(one, breaker, service);
    await failCalls(two, breaker, 2);
    await world.clock.advance(250);
    for (const runtime of [one, two]) {
      expect(await CircuitBreaker.state(runtime, breaker)).toMatchObject({ state: "closed", successes: 3, failures: 2 });
    }
  });

  test("steps that wait in another process go on when the breaker is reset here", async () => {
    const world = setup();
    const { open } = onFile(world);
    const breaker = breakerOf();
    const service = createService();
    const workflow = caller(service, breaker);
    const [worker, client] = [await open([workflow]), await open()];
    await CircuitBreaker.trip(worker, breaker, "7d");
    const run = await Workflow.start(worker, workflow, undefined, { id: "one" });
    await world.clock.advance(1_000);
    expect((await Run.get(run)).status).toBe("waiting");
    await CircuitBreaker.reset(client, breaker);
    await world.clock.advance(400);
    expect(await Run.result(run)).toBe("done");
  });

  test("breakers of other names are other breakers", async () => {
    const world = setup();
    const runtime = await world.open([]);
    await failCalls(runtime, breakerOf());
    expect(await CircuitBreaker.run(runtime, CircuitBreaker.define("other"), () => 1)).toBe(1);
  });
});

describe("a restart forgets nothing", () => {
  test("an open breaker is open afterwards, for the rest of its time", async () => {
    const world = setup();
    const { open } = onFile(world);
    const first = await open();
    await failCalls(first, breakerOf());
    await Runtime.close(first);
    await world.clock.advance(10_000);
    const second = await open();
    expect(await CircuitBreaker.state(second, breakerOf())).toMatchObject({
      state: "open",
      failures: 2,
      retryAt: world.clock.now() + 20_000,
    });
    expect(await call(second, breakerOf(), createService())).toBe("breaker_open");
    await world.clock.advance(20_000);
    expect(await call(second, breakerOf(), createService())).toBe("done");
  });

  test("what was counted just before a runtime closed is kept, and counts on", async () => {
    const world = setup();
    const { open } = onFile(world);
    const first = await open();
    await failCalls(first, breakerOf({ volumeThreshold: 3 }), 2);
    await Runtime.close(first);
    const second = await open();
    expect(await CircuitBreaker.state(second, breakerOf({ volumeThreshold: 3 }))).toMatchObject({ state: "closed", failures: 2 });
    await failCalls(second, breakerOf({ volumeThreshold: 3 }), 1);
    await world.clock.advance(250);
    expect(await call(second, breakerOf({ volumeThreshold: 3 }), createService())).toBe("breaker_open");
  });

  test("a crash loses a quarter of a second of counts, and never the state", async () => {
    const world = setup();
    const first = await world.open([]);
    const breaker = breakerOf({ volumeThreshold: 100 });
    await failCalls(first, breaker, 3);
    await world.clock.advance(250);
    await failCalls(first, breaker, 4);
    await world.crash(first);
    const second = await world.open([]);
    expect(await CircuitBreaker.state(second, breaker)).toMatchObject({ failures: 3 });
  });
});

describe("what asking costs", () => {
  test("a call through a closed breaker reads nothing while nobody wrote, and writes nothing but its counts, together", async () => {
    const world = setup();
    const runtime = await world.open([]);
    const breaker = breakerOf();
    const service = createService();
    const { breakers } = engineOf(runtime).store;
    const asked = { read: 0, count: 0 };
    const spied = breakers as { -readonly [Verb in "read" | "count"]: (typeof breakers)[Verb] };
    const { read, count } = breakers;
    spied.read = (name) => (asked.read++, read(name));
    spied.count = (...all) => (asked.count++, count(...all));
    for (let made = 0; made < 500; made++) await call(runtime, breaker, service);
    await world.clock.advance(250);
    expect(asked).toEqual({ read: 1, count: 1 });
    expect(await CircuitBreaker.state(runtime, breaker)).toMatchObject({ successes: 500 });
  });

  test("a breaker that nobody calls sets no timer", async () => {
    const world = setup();
    const runtime = await world.open([]);
    const before = world.clock.next();
    await failCalls(runtime, breakerOf());
    await world.clock.advance(250);
    expect(world.clock.next()).toBe(before);
  });
});
