import { describe, expect, test } from "bun:test";
import { CircuitBreaker, Fault } from "../../src/index.ts";
import { setup } from "../kit/world.ts";
import { breakerOf, call, createService, failCalls } from "./service.ts";

describe("a breaker opens in the process that sees the threshold reached", () => {
  test("at once, and the next call is not made", async () => {
    const world = setup();
    const runtime = await world.open([]);
    const breaker = breakerOf({ volumeThreshold: 3 });
    const service = createService();
    service.up = false;
    const answers = [];
    for (let made = 0; made < 5; made++) answers.push(await call(runtime, breaker, service));
    expect(answers).toEqual(["failed", "failed", "failed", "breaker_open", "breaker_open"]);
    expect(service.calls).toBe(3);
    expect(await CircuitBreaker.state(runtime, breaker)).toEqual({
      state: "open",
      successes: 0,
      failures: 3,
      rejects: 2,
      openedAt: world.clock.now(),
      retryAt: world.clock.now() + 30_000,
    });
  });

  test("not below the threshold", async () => {
    const world = setup();
    const runtime = await world.open([]);
    const breaker = breakerOf({ volumeThreshold: 4, errorThresholdPercentage: 60 });
    const service = createService();
    for (const up of [true, false, true, false, true, false]) {
      service.up = up;
      await call(runtime, breaker, service);
    }
    expect(await CircuitBreaker.state(runtime, breaker)).toMatchObject({ state: "closed", successes: 3, failures: 3 });
  });

  test("exactly at the threshold", async () => {
    const world = setup();
    const runtime = await world.open([]);
    const breaker = breakerOf({ volumeThreshold: 4, errorThresholdPercentage: 50 });
    const service = createService();
    for (const up of [true, true, false, false]) {
      service.up = up;
      await call(runtime, breaker, service);
    }
    expect((await CircuitBreaker.state(runtime, breaker)).state).toBe("open");
  });

  test("failures that have left the window do not count", async () => {
    const world = setup();
    const runtime = await world.open([]);
    const breaker = breakerOf({ volumeThreshold: 3 });
    await failCalls(runtime, breaker, 2);
    await world.clock.advance(11_000);
    expect(await CircuitBreaker.state(runtime, breaker)).toMatchObject({ state: "closed", failures: 0 });
    await failCalls(runtime, breaker, 2);
    expect(await CircuitBreaker.state(runtime, breaker)).toMatchObject({ state: "closed", failures: 2 });
    await failCalls(runtime, breaker, 1);
    expect((await CircuitBreaker.state(runtime, breaker)).state).toBe("open");
  });

  test("the window of a process slides: failures around the end of a shared window are seen together", async () => {
    const world = setup();
    const runtime = await world.open([]);
    const breaker = breakerOf({ volumeThreshold: 4 });
    const service = createService();
    await call(runtime, breaker, service);
    await world.clock.advance(9_500);
    await failCalls(runtime, breaker, 2);
    await world.clock.advance(1_500);
    await failCalls(runtime, breaker, 2);
    expect((await CircuitBreaker.state(runtime, breaker)).state).toBe("open");
  });
});

describe("what counts as a failure", () => {
  const isFailure = (error: unknown): boolean => !Fault.is(error, "fatal");

  test("an error that isFailure excuses is a success: the other side answered", async () => {
    const world = setup();
    const runtime = await world.open([]);
    const breaker = breakerOf({ isFailure });
    for (let made = 0; made < 4; made++) {
      await CircuitBreaker.run(runtime, breaker, () => Promise.reject(Fault.fatal("the card has expired")), {
        fallback: () => "declined",
      });
    }
    expect(await CircuitBreaker.state(runtime, breaker)).toMatchObject({ state: "closed", successes: 4, failures: 0 });
  });

  test("an isFailure that throws counts the call as failed", async () => {
    const world = setup();
    const runtime = await world.open([]);
    const breaker = breakerOf({
      isFailure: () => {
        throw new Error("a defect");
      },
    });
    await failCalls(runtime, breaker, 2);
    expect((await CircuitBreaker.state(runtime, breaker)).state).toBe("open");
  });

  test("an excused error of the probe closes the breaker", async () => {
    const world = setup();
    const runtime = await world.open([]);
    const breaker = breakerOf({ isFailure });
    await CircuitBreaker.trip(runtime, breaker, "1s");
    await world.clock.advance(1_000);
    await CircuitBreaker.run(runtime, breaker, () => Promise.reject(Fault.fatal("the card has expired")), {
      fallback: () => "declined",
    });
    expect((await CircuitBreaker.state(runtime, breaker)).state).toBe("closed");
  });
});
