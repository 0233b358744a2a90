// Timeouts of a step and of a run, and the abort signal that goes with them.
import { describe, expect, test } from "bun:test";
import { Context, Run, Step, Workflow } from "../../src/index.ts";
import { runToEnd, setup } from "../kit/world.ts";
import { story, thrown, untilAbort } from "./scene.ts";

const forever = <T = never>(): Promise<T> => Promise.withResolvers<T>().promise;

describe("the timeout of a step", () => {
  test("ends each attempt with step_timeout, aborts its signal, and the next attempt gets its own time", async () => {
    const world = setup();
    const tries: [number, number][] = [];
    const reasons: unknown[] = [];
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(
        ctx,
        "slow",
        ({ attempt, signal }) => {
          tries.push([attempt, world.clock.now()]);
          signal.addEventListener("abort", () => reasons.push((signal.reason as { code: string }).code));
          return attempt === 3 ? "at last" : untilAbort(signal);
        },
        { timeout: "30s", retry: { delay: "10s", jitter: "none", factor: 1 } },
      ),
    );
    const runtime = await world.open([flow]);
    expect(await runToEnd(world, runtime, flow, undefined)).toBe("at last");
    const at = tries.map(([, moment]) => moment - (tries[0]?.[1] ?? 0));
    expect(at).toEqual([0, 40_000, 80_000]);
    expect(reasons.slice(0, 2)).toEqual(["step_timeout", "step_timeout"]);
  });

  test("when the attempts are over the body gets step_timeout with the step and the time", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(ctx, "slow", () => forever(), { timeout: "30s", retry: { attempts: 2, delay: 1 } }),
    );
    const error = await thrown(runToEnd(world, await world.open([flow]), flow, undefined));
    expect(error.cause).toMatchObject({ code: "step_timeout", data: { step: "slow", timeout: 30_000 } });
  });

  test("what a function still answers after its time is not heard", async () => {
    const world = setup();
    const late = Promise.withResolvers<string>();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(ctx, "slow", ({ attempt }) => (attempt === 1 ? late.promise : forever<string>()), {
        timeout: "5s",
        retry: { attempts: 2, delay: "5s", jitter: "none" },
      }),
    );
    const run = await Workflow.start(await world.open([flow]), flow);
    await world.clock.advance(6_000);
    late.resolve("too late");
    await world.clock.settle();
    expect((await thrown(world.result(run))).cause.code).toBe("step_timeout");
  });

  test("a crash during an attempt gives that attempt its whole time again", async () => {
    const world = setup();
    let tries = 0;
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(ctx, "slow", () => (tries++, forever()), { timeout: "30s", retry: { attempts: 1 } }),
    );
    const first = await world.open([flow]);
    const run = await Workflow.start(first, flow);
    await world.clock.advance(29_000);
    await world.crash(first);
    const second = await world.open([flow]);
    await world.clock.advance(29_000);
    expect((await Run.get(Run.of(second, run.id))).status).toBe("running");
    await world.clock.advance(2_000);
    expect((await Run.get(Run.of(second, run.id))).failure?.code).toBe("step_timeout");
    expect(tries).toBe(2);
  });

  test("a timeout that is no duration is refused with the step's name", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, (ctx) => Step.run(ctx, "slow", () => 1, { timeout: "soon" as "1s" }));
    const error = await thrown(runToEnd(world, await world.open([flow]), flow, undefined));
    expect(error.cause.code).toBe("invalid_option");
    expect(error.cause.message).toContain('timeout of step "slow"');
  });
});

describe("the timeout of a run", () => {
  test("cancels the body, lets it clean up, undoes its steps, and the run has failed with run_timeout", async () => {
    const world = setup();
    const said: string[] = [];
    const flow = Workflow.define({ name: "flow", timeout: "1h" }, async (ctx) => {
      await Step.run(ctx, "reserve", () => "seat", { undo: (seat) => said.push(`undo ${seat}`) });
      try {
        await Step.sleep(ctx, "nap", "1d");
      } finally {
        await Context.shield(ctx, (ctx) => Step.run(ctx, "tidy", () => said.push("tidy")));
      }
    });
    const run = await Workflow.start(await world.open([flow]), flow);
    const startedAt = world.clock.now();
    const error = await thrown(world.result(run));
    expect(world.clock.now() - startedAt).toBe(3_600_000);
    expect(error).toMatchObject({ code: "run_failed", cause: { code: "run_timeout" } });
    expect(said).toEqual(["tidy", "undo seat"]);
    const view = await Run.get(run);
    expect(view.status).toBe("failed");
    expect(view.failure?.code).toBe("run_timeout");
  });

  test("aborts a step that is under way", async () => {
    const world = setup();
    let reason: unknown;
    const flow = Workflow.define({ name: "flow", timeout: "1m" }, (ctx) =>
      Step.run(ctx, "slow", ({ signal }) => {
        return untilAbort(signal, () => {
          reason = signal.reason;
        });
      }),
    );
    const error = await thrown(runToEnd(world, await world.open([flow]), flow, undefined));
    expect(error.cause.code).toBe("run_timeout");
    expect(reason).toMatchObject({ code: "run_timeout" });
  });

  test("counts from the start, over crashes", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow", timeout: "1h" }, (ctx) => Step.sleep(ctx, "nap", "1d"));
    const first = await world.open([flow]);
    const run = await Workflow.start(first, flow);
    await world.clock.advance(2_400_000);
    await world.crash(first);
    await world.clock.advance(600_000);
    const second = await world.open([flow]);
    await world.clock.advance(590_000);
    expect((await Run.get(Run.of(second, run.id))).status).toBe("waiting");
    await world.clock.advance(20_000);
    expect((await Run.get(Run.of(second, run.id))).failure?.code).toBe("run_timeout");
  });

  test("counts from the moment a delayed run is due", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow", timeout: "1h" }, (ctx) => Step.sleep(ctx, "nap", "30m"));
    const run = await Workflow.start(await world.open([flow]), flow, undefined, { delay: "2h" });
    await world.result(run);
    expect((await Run.get(run)).status).toBe("completed");
  });

  test("is recorded once, also when the process dies during the clean-up", async () => {
    const world = setup();
    const hang = Promise.withResolvers<void>();
    let tries = 0;
    const flow = Workflow.define({ name: "flow", timeout: "1h" }, async (ctx) => {
      try {
        await Step.sleep(ctx, "nap", "1d");
      } finally {
        await Context.shield(ctx, (ctx) => Step.run(ctx, "tidy", () => (tries++ === 0 ? hang.promise : undefined)));
      }
    });
    const first = await world.open([flow]);
    const run = await Workflow.start(first, flow);
    await world.clock.advance(3_600_500);
    await world.crash(first);
    const second = Run.of(await world.open([flow]), run.id);
    expect((await thrown(world.result(second))).cause.code).toBe("run_timeout");
    expect(await story(second)).toEqual(["started", "timer nap", "cancel", "step tidy", "failed"]);
  });

  test("a run that ends in time is not bothered", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow", timeout: "1h" }, async (ctx) => {
      await Step.sleep(ctx, "nap", "59m");
      return "done";
    });
    const run = await Workflow.start(await world.open([flow]), flow);
    expect(await world.result(run)).toBe("done");
    await world.clock.advance(7_200_000);
    expect((await Run.get(run)).status).toBe("completed");
  });
});

describe("the abort signal", () => {
  test("of a step fires at once on a cancel, with the reason", async () => {
    const world = setup();
    let reason: unknown;
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(ctx, "slow", ({ signal }) => {
        return untilAbort(signal, () => {
          reason = signal.reason;
        });
      }),
    );
    const run = await Workflow.start(await world.open([flow]), flow);
    await world.clock.settle();
    await Run.cancel(run, "the customer left");
    await world.clock.settle();
    expect(reason).toMatchObject({ code: "cancelled" });
    expect((reason as Error).message).toContain("the customer left");
    expect((await thrown(world.result(run))).code).toBe("run_cancelled");
  });

  test("that is asked for after the abort is aborted already", async () => {
    const world = setup();
    const gate = Promise.withResolvers<void>();
    let aborted: boolean | undefined;
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(ctx, "slow", async (tools) => {
        await gate.promise;
        aborted = tools.signal.aborted;
      }),
    );
    const run = await Workflow.start(await world.open([flow]), flow);
    await world.clock.settle();
    await Run.cancel(run);
    gate.resolve();
    await world.clock.settle();
    expect(aborted).toBe(true);
  });

  test("of the context aborts when the run is cancelled, live and on replay", async () => {
    const world = setup();
    const seen: unknown[] = [];
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const signal = Context.signal(ctx);
      seen.push(signal.aborted);
      try {
        await Step.sleep(ctx, "nap", "1d");
      } finally {
        seen.push(signal.aborted, Context.signal(ctx) === signal);
      }
    });
    const first = await world.open([flow]);
    const run = await Workflow.start(first, flow);
    await world.clock.advance(1_000);
    await world.crash(first);
    const second = Run.of(await world.open([flow]), run.id);
    await world.clock.advance(1_000);
    await Run.cancel(second);
    await thrown(world.result(second));
    expect(seen).toEqual([false, false, true, true]);
  });
});
