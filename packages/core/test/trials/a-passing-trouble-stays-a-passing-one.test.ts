// Fault.retryAfter is told what the other side said. Whatever that is, the error stays one that may pass.
import { describe, expect, test } from "bun:test";
import { Fault, Run, Step, Workflow } from "../../src/index.ts";
import { setup } from "../kit/world.ts";
import { thrown } from "../face/scene.ts";

type When = Parameters<typeof Fault.retryAfter>[0];

/** How long the step waited before its second attempt, and what the record of the first one says. */
const waited = async (when: (now: number) => unknown, delay = "7s" as const): Promise<{ ms: number; said: string }> => {
  const world = setup();
  const at: number[] = [];
  const flow = Workflow.define({ name: "flow" }, (ctx) =>
    Step.run(
      ctx,
      "ask",
      () => {
        at.push(world.clock.now());
        if (at.length === 1) throw Fault.retryAfter(when(world.clock.now()) as When, "too many requests");
        return "answered";
      },
      { retry: { attempts: 3, delay, jitter: "none" } },
    ),
  );
  const run = await Workflow.start(await world.open([flow]), flow);
  expect(await world.result(run)).toBe("answered");
  const record = (await Run.history(run)).find(({ kind }) => kind === "attempt");
  return { ms: (at[1] ?? 0) - (at[0] ?? 0), said: (record?.value as { message: string } | undefined)?.message ?? "" };
};

const httpDate = (ms: number): string => new Date(ms).toUTCString();
const rfc850 = (ms: number): string => {
  const [, day, month, year, time] = /^\w+, (\d+) (\w+) \d\d(\d\d) ([\d:]+) GMT$/.exec(httpDate(ms)) ?? [];
  return `Sunday, ${day}-${month}-${year} ${time} GMT`;
};
const asctime = (ms: number): string => {
  const [, name, day, month, year, time] = /^(\w+), (\d+) (\w+) (\d+) ([\d:]+) GMT$/.exec(httpDate(ms)) ?? [];
  return `${name} ${month} ${String(Number(day)).padStart(2, " ")} ${time} ${year}`;
};

const readable: readonly [string, (now: number) => unknown, number][] = [
  ["milliseconds", () => 1_500, 1_500],
  ["a text", () => "1.5s", 1_500],
  ["zero", () => 0, 0],
  ["a rest that has just passed", () => -5, 0],
  ["a Date", (now) => new Date(now + 90_000), 90_000],
  ["a Date that has passed", (now) => new Date(now - 90_000), 0],
  ["a Temporal.Instant", (now) => Temporal.Instant.fromEpochMilliseconds(now + 2_000), 2_000],
  ["a Retry-After header in seconds", () => "120", 120_000],
  ["a Retry-After header with spaces", () => " 120 ", 120_000],
  ["a Retry-After header of zero", () => "0", 0],
  ["a negative Retry-After header", () => "-1", 0],
  ["a Retry-After header with a date", (now) => httpDate(now + 30_000), 30_000],
  ["a date of RFC 850", (now) => rfc850(now + 30_000), 30_000],
  ["a date of asctime", (now) => asctime(now + 30_000), 30_000],
  ["a header with a date that has passed", (now) => httpDate(now - 30_000), 0],
  ["a date of ISO 8601", (now) => new Date(now + 1_234).toISOString(), 1_234],
  ["a header that is not there", () => null, 7_000],
  ["nothing", () => undefined, 7_000],
];

describe("what can be read", () => {
  test.each(readable)("%s", async (_, when, expected) => {
    expect(await waited(when)).toEqual({ ms: expected, said: "too many requests" });
  });
});

const nonsense: readonly [string, (now: number) => unknown, string][] = [
  ["NaN", () => NaN, "NaN"],
  ["Infinity", () => Infinity, "Infinity"],
  ["minus Infinity", () => -Infinity, "-Infinity"],
  ["more than a thousand years", () => 1e15, "1000000000000000"],
  ["a moment as a number", () => 1_764_460_800_000, "use new Date(1764460800000)"],
  ["other text", () => "soon", '"soon"'],
  ["an empty header", () => "", '""'],
  ["a date without a time zone", () => "2026-01-01T00:00:00", '"2026-01-01T00:00:00"'],
  ["an invalid Date", () => new Date(NaN), "an invalid Date"],
  ["an object", () => ({ seconds: 5 }), "type object"],
  ["true", () => true, "type boolean"],
  [
    "a revoked proxy",
    () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      return proxy;
    },
    "type object",
  ],
];

describe("what cannot be read keeps the user's message, waits as usual, and is said", () => {
  test.each(nonsense)("%s", async (_, when, named) => {
    const { ms, said } = await waited(when);
    expect(ms).toBe(7_000);
    expect(said).toStartWith("too many requests (Fault.retryAfter was given ");
    expect(said).toContain(named);
  });

  test("also without a message, and at the last attempt it is the step's error", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(ctx, "ask", () => Promise.reject(Fault.retryAfter(NaN)), { retry: { attempts: 2, delay: 1 } }),
    );
    const { cause } = await thrown(world.result(await Workflow.start(await world.open([flow]), flow)));
    expect(cause).toMatchObject({ code: "retry_after", data: { given: "NaN" } });
    expect(cause.message).toContain("was given NaN");
  });
});

test("a moment is kept over a crash", async () => {
  const world = setup();
  const at: number[] = [];
  const flow = Workflow.define({ name: "flow" }, (ctx) =>
    Step.run(ctx, "ask", () => {
      at.push(world.clock.now());
      if (at.length === 1) throw Fault.retryAfter(new Date(world.clock.now() + 3_600_000));
      return "answered";
    }),
  );
  const first = await world.open([flow]);
  await Workflow.start(first, flow, undefined, { id: "run" });
  await world.clock.advance(60_000);
  await world.crash(first);
  await world.clock.advance(60_000);
  expect(await world.result(Run.of(await world.open([flow]), "run"))).toBe("answered");
  expect((at[1] ?? 0) - (at[0] ?? 0)).toBe(3_600_000);
});

describe("a sleep whose rest has passed", () => {
  test.each([-5, -0.5, -1e9])("of %p ms is over at once, live and in a replay", async (rest) => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      await Step.sleep(ctx, "rest", rest);
      await Step.sleep(ctx, "later", "1m");
      return "done";
    });
    const runtime = await world.open([flow], { hot: 0 });
    const start = world.clock.now();
    expect(await world.result(await Workflow.start(runtime, flow))).toBe("done");
    expect(world.clock.now() - start).toBe(60_000);
  });

  test.each([NaN, Infinity, -Infinity, "-5m", null])("of %p is refused by name", async (rest) => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, (ctx) => Step.sleep(ctx, "rest", rest as number));
    const { cause } = await thrown(world.result(await Workflow.start(await world.open([flow]), flow)));
    expect(cause).toMatchObject({ code: "invalid_option", message: expect.stringContaining('sleep "rest"') as string });
  });

  const moments: readonly [unknown, string | undefined][] = [
    [new Date(NaN), "Invalid Date"],
    [NaN, "NaN"],
    [null, "null"],
    [undefined, "undefined"],
    ["2026-01-01", '"2026-01-01"'],
    [true, "a boolean"],
    [new Date(0), undefined],
    [-5, undefined],
  ];
  test.each(moments)("until %p", async (moment, named) => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.sleepUntil(ctx, "rest", moment as Date).then(
        () => undefined,
        () => "rejected",
      ),
    );
    const ended = world.result(await Workflow.start(await world.open([flow]), flow));
    if (named === undefined) return expect(await ended).toBeUndefined();
    expect((await thrown(ended)).cause).toMatchObject({
      code: "invalid_option",
      message: `The moment of sleep "rest" is ${named}; it takes a Date or ms since 1970.`,
    });
  });
});
