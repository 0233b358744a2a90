import { describe, expect, expectTypeOf, test } from "bun:test";
import { CircuitBreaker, Fault, Runtime } from "../../src/index.ts";
import { engineOf } from "../../src/engine/opened.ts";
import { setup } from "../kit/world.ts";
import { breakerOf, createService, failCalls } from "./service.ts";

const caught = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => ["resolved", value],
    (error: unknown) => error,
  );

describe("a call through a breaker outside of a workflow", () => {
  test("answers with what the function answers, at once or later", async () => {
    const world = setup();
    const runtime = await world.open([]);
    expect(await CircuitBreaker.run(runtime, breakerOf(), () => 1)).toBe(1);
    expect(await CircuitBreaker.run(runtime, breakerOf(), async () => 2)).toBe(2);
  });

  test("rejects with the function's own error while the breaker is closed", async () => {
    const world = setup();
    const runtime = await world.open([]);
    const error = new TypeError("mine");
    expect(await caught(CircuitBreaker.run(runtime, breakerOf(), () => Promise.reject(error)))).toBe(error);
    expect(
      await caught(
        CircuitBreaker.run(runtime, breakerOf(), () => {
          throw error;
        }),
      ),
    ).toBe(error);
  });

  test("rejects with breaker_open and says when to come back", async () => {
    const world = setup();
    const runtime = await world.open([]);
    const breaker = breakerOf();
    await failCalls(runtime, breaker);
    const error = await caught(CircuitBreaker.run(runtime, breaker, () => "never"));
    expect(Fault.is(error, "breaker_open")).toBe(true);
    expect((error as Fault.Fault).data).toEqual({ breaker: "gateway", retryAt: world.clock.now() + 30_000 });
    expect((error as Error).message).toContain("2026-01-01T00:00:30.000Z");
  });

  test("the fallback answers with the error at hand: the function's, or that the breaker is open", async () => {
    const world = setup();
    const runtime = await world.open([]);
    const breaker = breakerOf();
    const fallback = (error: unknown): string => (Fault.is(error, "breaker_open") ? "open" : (error as Error).message);
    const down = (): Promise<never> => Promise.reject(new Error("down"));
    const answers = [];
    for (let made = 0; made < 3; made++) answers.push(await CircuitBreaker.run(runtime, breaker, down, { fallback }));
    expect(answers).toEqual(["down", "down", "open"]);
  });

  test("a fallback that answers does not count as a success of the other side", async () => {
    const world = setup();
    const runtime = await world.open([]);
    const breaker = breakerOf({ volumeThreshold: 5 });
    await CircuitBreaker.run(runtime, breaker, () => Promise.reject(new Error("down")), { fallback: () => "instead" });
    expect(await CircuitBreaker.state(runtime, breaker)).toMatchObject({ successes: 0, failures: 1 });
  });

  test("a call that takes too long fails, is told to stop, and counts", async () => {
    const world = setup();
    const runtime = await world.open([]);
    const breaker = breakerOf({ timeout: "2s" });
    let told: unknown;
    const slow = CircuitBreaker.run(runtime, breaker, ({ signal }) => {
      signal.addEventListener("abort", () => {
        told = signal.reason;
      });
      return new Promise(() => {});
    });
    const answer = caught(slow);
    await world.clock.advance(2_000);
    expect(Fault.is(await answer, "breaker_timeout")).toBe(true);
    expect(Fault.is(told, "breaker_timeout")).toBe(true);
    expect(await CircuitBreaker.state(runtime, breaker)).toMatchObject({ failures: 1 });
  });

  test("a closed runtime refuses, and leaves no timer of a call behind", async () => {
    const world = setup();
    const runtime = await world.open([]);
    const breaker = breakerOf({ timeout: "2s" });
    const service = createService();
    await CircuitBreaker.run(runtime, breaker, () => service.call());
    await Runtime.close(runtime);
    expect(world.clock.next()).toBeUndefined();
    for (const asked of [
      CircuitBreaker.run(runtime, breaker, () => 1),
      CircuitBreaker.state(runtime, breaker),
      CircuitBreaker.trip(runtime, breaker),
      (async () => CircuitBreaker.reset(runtime, breaker))(),
    ]) {
      expect(Fault.is(await caught(asked), "runtime_closed")).toBe(true);
    }
  });
});

describe("a person's word", () => {
  test("trip opens the breaker for its usual time or as long as asked", async () => {
    const world = setup();
    const runtime = await world.open([]);
    const breaker = breakerOf();
    await CircuitBreaker.trip(runtime, breaker);
    expect(await CircuitBreaker.state(runtime, breaker)).toMatchObject({ state: "open", retryAt: world.clock.now() + 30_000 });
    await CircuitBreaker.trip(runtime, breaker, "2h");
    expect(await CircuitBreaker.state(runtime, breaker)).toMatchObject({ state: "open", retryAt: world.clock.now() + 7_200_000 });
    expect(await caught(CircuitBreaker.run(runtime, breaker, () => 1))).toHaveProperty("code", "breaker_open");
  });

  test("trip refuses what is no duration", async () => {
    const world = setup();
    const runtime = await world.open([]);
    expect(await caught(CircuitBreaker.trip(runtime, breakerOf(), "soon" as never))).toHaveProperty("code", "invalid_option");
  });

  test("reset closes the breaker and forgets the counts", async () => {
    const world = setup();
    const runtime = await world.open([]);
    const breaker = breakerOf();
    await failCalls(runtime, breaker, 4);
    await CircuitBreaker.reset(runtime, breaker);
    expect(await CircuitBreaker.state(runtime, breaker)).toEqual({
      state: "closed",
      successes: 0,
      failures: 0,
      rejects: 0,
      openedAt: null,
      retryAt: null,
    });
    await failCalls(runtime, breaker, 1);
    expect(await CircuitBreaker.run(runtime, breaker, () => "through")).toBe("through");
  });

  test("reset is not undone by failures that were counted before it", async () => {
    const world = setup();
    const [here, there] = [await world.open([]), await world.open([])];
    const breaker = breakerOf({ volumeThreshold: 4 });
    await failCalls(there, breaker, 2);
    await world.clock.advance(250);
    await failCalls(here, breaker, 2);
    await CircuitBreaker.reset(here, breaker);
    await world.clock.advance(1_000);
    expect(await CircuitBreaker.state(here, breaker)).toMatchObject({ state: "closed", failures: 0 });
  });

  test("a breaker that nobody has called is closed", async () => {
    const world = setup();
    const runtime = await world.open([]);
    expect(await CircuitBreaker.state(runtime, breakerOf())).toEqual({
      state: "closed",
      successes: 0,
      failures: 0,
      rejects: 0,
      openedAt: null,
      retryAt: null,
    });
  });
});

test("a breaker that is defined again is the same breaker, and costs nothing more", async () => {
  const world = setup();
  const runtime = await world.open([]);
  for (let defined = 0; defined < 3; defined++) await failCalls(runtime, breakerOf({ volumeThreshold: 3 }), 1);
  expect(await CircuitBreaker.state(runtime, breakerOf())).toMatchObject({ state: "open", failures: 3 });
  expect(engineOf(runtime).listeners.size).toBe(1);
});

test("the result has the type of what may answer", () => {
  const typed = (runtime: Runtime.Runtime) => ({
    plain: CircuitBreaker.run(runtime, breakerOf(), () => 1),
    either: CircuitBreaker.run(runtime, breakerOf(), async () => 1, { fallback: () => "instead" }),
  });
  expectTypeOf<ReturnType<typeof typed>["plain"]>().toEqualTypeOf<Promise<number>>();
  expectTypeOf<ReturnType<typeof typed>["either"]>().toEqualTypeOf<Promise<number | string>>();
});
