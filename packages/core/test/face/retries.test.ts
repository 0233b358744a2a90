// Retries: attempts and waits are durable, and the body sees an error only when they are over.
import { describe, expect, test } from "bun:test";
import { Fault, Run, Step, Workflow } from "../../src/index.ts";
import { runToEnd, setup } from "../kit/world.ts";
import { rig, story, thrown } from "./scene.ts";

const fixed = { attempts: 4, delay: "10s", factor: 2, jitter: "none" } as const;

describe("attempts", () => {
  test("a step is tried until it answers, with the same key and the next attempt's number", async () => {
    const world = setup();
    const tries: [number, string][] = [];
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(
        ctx,
        "charge",
        ({ attempt, key }) => {
          tries.push([attempt, key]);
          if (attempt < 3) throw new Error("not yet");
          return "paid";
        },
        { retry: fixed },
      ),
    );
    const run = await Workflow.start(await world.open([flow]), flow, undefined, { id: "order" });
    expect(await world.result(run)).toBe("paid");
    expect(tries).toEqual([
      [1, "order/charge"],
      [2, "order/charge"],
      [3, "order/charge"],
    ]);
    expect(await story(run)).toEqual(["started", "attempt charge", "attempt charge", "step charge", "completed"]);
  });

  test("each wait is longer than the one before, up to the ceiling", async () => {
    const world = setup();
    const at: number[] = [];
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(
        ctx,
        "a",
        () => {
          at.push(world.clock.now());
          throw new Error("no");
        },
        { retry: { attempts: 5, delay: "10s", factor: 3, ceiling: "1m", jitter: "none" } },
      ),
    );
    await thrown(runToEnd(world, await world.open([flow]), flow, undefined));
    expect(at.slice(1).map((moment, index) => moment - (at[index] ?? 0))).toEqual([10_000, 30_000, 60_000, 60_000]);
  });

  test("full jitter waits a part of the backoff, from nothing to all but all of it", async () => {
    for (const [chance, waited] of [
      [0, 0],
      [0.5, 5_000],
      [0.999_99, 9_999],
    ] as const) {
      const world = setup();
      const at: number[] = [];
      const flow = Workflow.define({ name: "flow" }, (ctx) =>
        Step.run(ctx, "a", ({ attempt }) => void (at.push(world.clock.now()), attempt === 1 && fail("no")), {
          retry: { attempts: 2, delay: "10s" },
        }),
      );
      const runtime = await world.open([flow]);
      rig(runtime, () => chance);
      await runToEnd(world, runtime, flow, undefined);
      expect((at[1] ?? 0) - (at[0] ?? 0)).toBe(waited);
    }
  });

  test("without options there are five attempts within the default backoff", async () => {
    const world = setup();
    const at: number[] = [];
    const flow = Workflow.define({ name: "flow" }, (ctx) => Step.run(ctx, "a", () => (at.push(world.clock.now()), fail("no"))));
    const error = await thrown(runToEnd(world, await world.open([flow]), flow, undefined));
    expect(error.cause.message).toBe("no");
    expect(at.length).toBe(5);
    const waits = at.slice(1).map((moment, index) => moment - (at[index] ?? 0));
    for (const [index, wait] of waits.entries()) expect(wait).toBeLessThan(1_000 * 2 ** index);
  });

  test("a workflow's retries hold for its steps, and a step's own go over them", async () => {
    const world = setup();
    const tries = { a: 0, b: 0 };
    const flow = Workflow.define({ name: "flow", retry: { attempts: 2, delay: 1 } }, async (ctx) => {
      await Step.run(ctx, "a", () => (tries.a++, fail("no"))).catch(() => {});
      await Step.run(ctx, "b", () => (tries.b++, fail("no")), { retry: { attempts: 3 } }).catch(() => {});
    });
    await runToEnd(world, await world.open([flow]), flow, undefined);
    expect(tries).toEqual({ a: 2, b: 3 });
  });

  test("retry options that make no sense are refused with the step's name", async () => {
    const world = setup();
    const bad = [
      { attempts: 0 },
      { attempts: 1.5 },
      { attempts: Number.NaN },
      { factor: 0.5 },
      { delay: -1 },
      { delay: "soon" as "1s" },
    ];
    for (const retry of bad) {
      const flow = Workflow.define({ name: "flow" }, (ctx) => Step.run(ctx, "charge", () => 1, { retry }));
      const runtime = await world.open([flow]);
      const error = await thrown(runToEnd(world, runtime, flow, undefined));
      expect(error.cause).toMatchObject({ code: "invalid_option" });
      expect(error.cause.message).toContain('step "charge"');
    }
  });
});

/** Throws, as an expression. */
const fail = (message: string): never => {
  throw new Error(message);
};

describe("what an error says about the next attempt", () => {
  test("Fault.fatal ends the attempts at once", async () => {
    const world = setup();
    let tries = 0;
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(ctx, "a", () => {
        tries++;
        throw Fault.fatal("the card is stolen", { cause: new Error("410") });
      }),
    );
    const error = await thrown(runToEnd(world, await world.open([flow]), flow, undefined));
    expect(tries).toBe(1);
    expect(error).toMatchObject({
      code: "run_failed",
      cause: { code: "fatal", message: "the card is stolen", cause: { message: "410" } },
    });
  });

  test("Fault.retryAfter says how long to wait instead of the backoff, and uses an attempt up", async () => {
    const world = setup();
    const at: number[] = [];
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(
        ctx,
        "a",
        () => {
          at.push(world.clock.now());
          throw Fault.retryAfter("2h");
        },
        { retry: { attempts: 3, delay: 1 } },
      ),
    );
    const error = await thrown(runToEnd(world, await world.open([flow]), flow, undefined));
    expect(at.map((moment) => moment - (at[0] ?? 0))).toEqual([0, 7_200_000, 14_400_000]);
    expect(error.cause).toMatchObject({ code: "retry_after" });
  });

  test("`when` says which errors may pass, and a `when` that throws ends the attempts with the step's own error", async () => {
    const world = setup();
    const seen: string[] = [];
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const step = (name: string, when: (error: unknown) => boolean): Promise<unknown> =>
        Step.run(ctx, name, ({ attempt }) => fail(`${name} ${attempt}`), { retry: { attempts: 5, delay: 1, when } }).catch(
          (error: Error) => seen.push(error.message),
        );
      await step("never", () => false);
      await step("twice", (error) => (error as Error).message !== "twice 3");
      await step("broken", () => fail("when broke"));
    });
    await runToEnd(world, await world.open([flow]), flow, undefined);
    expect(seen).toEqual(["never 1", "twice 3", "broken 1"]);
  });
});

describe("durability", () => {
  test("an attempt that failed survives a crash, and so does the moment of the next", async () => {
    const world = setup();
    const tries: [number, number][] = [];
    const start = world.clock.now();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(
        ctx,
        "a",
        ({ attempt }) => {
          tries.push([attempt, world.clock.now() - start]);
          if (attempt < 4) throw new Error("no");
          return attempt;
        },
        { retry: fixed },
      ),
    );
    let runtime = await world.open([flow]);
    const run = await Workflow.start(runtime, flow, undefined, { id: "one" });
    for (const ms of [1_000, 13_000, 36_000]) {
      await world.clock.advance(ms);
      await world.crash(runtime);
      runtime = await world.open([flow]);
    }
    expect(await world.result(Run.of(runtime, run.id, flow))).toBe(4);
    expect(tries).toEqual([
      [1, 0],
      [2, 10_000],
      [3, 30_000],
      [4, 70_000],
    ]);
  });

  test("a crash in the middle of an attempt runs the same attempt again", async () => {
    const world = setup();
    const tries: number[] = [];
    const hang = Promise.withResolvers<number>();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(ctx, "a", ({ attempt }) => (tries.push(attempt), tries.length === 1 ? hang.promise : attempt)),
    );
    const first = await world.open([flow]);
    const run = await Workflow.start(first, flow, undefined, { id: "one" });
    await world.clock.advance(100);
    await world.crash(first);
    hang.resolve(99);
    const second = await world.open([flow]);
    expect(await world.result(Run.of(second, run.id, flow))).toBe(1);
    expect(tries).toEqual([1, 1]);
  });

  test("a long wait for the next attempt parks the run; the run tells what it waits for", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(ctx, "a", ({ attempt }) => (attempt === 1 ? fail("no") : attempt), {
        retry: { delay: "1d", ceiling: "1d", jitter: "none" },
      }),
    );
    const run = await Workflow.start(await world.open([flow]), flow);
    await world.clock.advance(1_000);
    const view = await Run.get(run);
    expect(view.status).toBe("waiting");
    expect(view.progress.pending).toEqual([{ key: "a", kind: "retrying", attempt: 1, until: view.createdAt + 86_400_000 }]);
    expect(await world.result(run)).toBe(2);
  });
});

describe("the error", () => {
  class Declined extends Error {
    readonly code = "card_declined";
    readonly limit = 100n;
    constructor(attempt: number) {
      super(`declined ${attempt}`, { cause: new TypeError("inner", { cause: { status: 402 } }) });
      this.name = "Declined";
    }
  }

  test("a catch around a step sees the last error, once, when the retries are over", async () => {
    const world = setup();
    const seen: unknown[] = [];
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      try {
        await Step.run(ctx, "a", ({ attempt }) => fail(`try ${attempt}`), {
          retry: { attempts: 3, delay: "1m", jitter: "none" },
        });
      } catch (error) {
        seen.push((error as Error).message);
      }
      return "went on";
    });
    const runtime = await world.open([flow]);
    const run = await Workflow.start(runtime, flow);
    await world.clock.advance(61_000);
    expect(seen).toEqual([]);
    expect(await world.result(run)).toBe("went on");
    expect(seen).toEqual(["try 3"]);
  });

  test("what the body catches live equals what it catches on replay: name, code, cause, own fields, stack", async () => {
    const world = setup();
    const seen: unknown[] = [];
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const error = (await Step.run(
        ctx,
        "a",
        ({ attempt }) => {
          throw new Declined(attempt);
        },
        { retry: { attempts: 2, delay: 1 } },
      ).catch((caught: unknown) => caught)) as Declined;
      seen.push({
        code: error.code,
        limit: error.limit,
        name: error.name,
        message: error.message,
        stack: error.stack,
        cause: String(error.cause),
        inner: (error.cause as Error).cause,
        type: (error.cause as Error) instanceof TypeError,
      });
      await Step.sleep(ctx, "nap", "1h");
    });
    const first = await world.open([flow]);
    const run = await Workflow.start(first, flow);
    await world.clock.advance(1_000);
    await world.crash(first);
    await world.result(Run.of(await world.open([flow]), run.id));
    expect(seen.length).toBe(2);
    expect(seen[0]).toMatchObject({
      name: "Declined",
      message: "declined 2",
      code: "card_declined",
      limit: 100n,
      cause: "TypeError: inner",
      inner: { status: 402 },
      type: true,
    });
    expect(seen[1]).toEqual(seen[0]);
  });

  test("a run whose step failed for good fails with that error as its cause, and shows it", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(
        ctx,
        "a",
        ({ attempt }) => {
          throw new Declined(attempt);
        },
        { retry: { attempts: 1 } },
      ),
    );
    const run = await Workflow.start(await world.open([flow]), flow);
    const error = await thrown(world.result(run));
    expect(error).toMatchObject({
      code: "run_failed",
      cause: { name: "Declined", code: "card_declined", limit: 100n, cause: { message: "inner" } },
    });
    expect((await Run.get(run)).failure).toMatchObject({ name: "Declined", message: "declined 1", code: "card_declined" });
  });

  test("whatever is thrown can be kept: a string, undefined, an error with a function in it", async () => {
    const world = setup();
    const seen: unknown[] = [];
    const odd: unknown[] = [
      "text",
      undefined,
      null,
      0,
      Object.assign(new Error("with a function"), { call: () => 1 }),
      Object.create(null),
    ];
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      for (const error of odd) {
        await Step.run(
          ctx,
          "a",
          () => {
            throw error;
          },
          { retry: { attempts: 1 } },
        ).catch((caught: Error) => seen.push([caught.name, caught instanceof Error]));
      }
    });
    await runToEnd(world, await world.open([flow]), flow, undefined);
    expect(seen).toEqual([
      ["NonError", true],
      ["NonError", true],
      ["NonError", true],
      ["NonError", true],
      ["Error", true],
      ["NonError", true],
    ]);
  });
});
