// Undo: when a run fails or is cancelled, its steps are undone, last first, each as a recorded step with retries of its own.
import { describe, expect, test } from "bun:test";
import { Fault, Run, Step, Workflow } from "../../src/index.ts";
import { runToEnd, setup } from "../kit/world.ts";
import { story, thrown } from "./scene.ts";

const no = (): never => {
  throw new Error("no");
};
const once = { retry: { attempts: 1 } } as const;

test("steps are undone last first, with the values they gave, and each undo is recorded", async () => {
  const world = setup();
  const undone: unknown[] = [];
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    for (const n of [1, 2, 3])
      await Step.run(ctx, `s${n}`, () => ({ n, at: new Date(n) }), { undo: (value, { key }) => undone.push([value, key]) });
    await Step.run(ctx, "plain", () => 4);
    await Step.run(ctx, "bad", no, once);
  });
  const run = await Workflow.start(await world.open([flow]), flow, undefined, { id: "r" });
  expect((await thrown(world.result(run))).cause.message).toBe("no");
  expect(undone).toEqual([3, 2, 1].map((n) => [{ n, at: new Date(n) }, `r/undo:s${n}`]));
  expect((await story(run)).slice(-5)).toEqual([
    "step-failed bad",
    "undone undo:s3",
    "undone undo:s2",
    "undone undo:s1",
    "failed",
  ]);
});

test("a run that completes undoes nothing; one that catches its error neither", async () => {
  const world = setup();
  let undone = 0;
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    await Step.run(ctx, "a", () => 1, { undo: () => undone++ });
    await Step.run(ctx, "bad", no, once).catch(() => {});
    return "fine";
  });
  expect(await runToEnd(world, await world.open([flow]), flow, undefined)).toBe("fine");
  expect(undone).toBe(0);
});

test("a step that failed has nothing to undo", async () => {
  const world = setup();
  let undone = 0;
  const flow = Workflow.define({ name: "flow" }, (ctx) => Step.run(ctx, "bad", no, { ...once, undo: () => undone++ }));
  await thrown(runToEnd(world, await world.open([flow]), flow, undefined));
  expect(undone).toBe(0);
});

test("an error of the body itself undoes too, and an output that cannot be kept as well", async () => {
  const world = setup();
  let undone = 0;
  for (const end of [no, () => () => 1]) {
    const flow = Workflow.define({ name: "flow" }, async (ctx): Promise<unknown> => {
      await Step.run(ctx, "a", () => 1, { undo: () => undone++ });
      return end();
    });
    expect((await thrown(runToEnd(world, await world.open([flow]), flow, undefined))).code).toBe("run_failed");
  }
  expect(undone).toBe(2);
});

test("an undo has the step's retries, or its own", async () => {
  const world = setup();
  const tries = { a: [] as number[], b: [] as number[] };
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    await Step.run(ctx, "a", () => 1, {
      retry: { attempts: 2, delay: 1 },
      undo: (_, { attempt }) => void (tries.a.push(attempt), no()),
    });
    await Step.run(ctx, "b", () => 1, {
      retry: { attempts: 2 },
      undoRetry: { attempts: 4, delay: "1h", jitter: "none" },
      undo: (_, { attempt }) => void (tries.b.push(attempt), attempt < 4 && no()),
    });
    no();
  });
  const run = await Workflow.start(await world.open([flow]), flow);
  await thrown(world.result(run));
  expect(tries).toEqual({ a: [1, 2], b: [1, 2, 3, 4] });
  expect((await Run.get(run)).undo.map(({ key }) => key)).toEqual(["a"]);
});

describe("crashes", () => {
  test("an undo that is recorded is not done again, the others follow, with the same values", async () => {
    const world = setup();
    const undone: unknown[] = [];
    const hang = Promise.withResolvers<void>();
    let bodies = 0;
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      bodies++;
      for (const n of [1, 2, 3]) {
        await Step.run(ctx, `s${n}`, () => n, {
          undo: (value) => {
            undone.push(value);
            return bodies === 1 && n === 2 ? hang.promise : undefined;
          },
        });
      }
      no();
    });
    const first = await world.open([flow]);
    const run = await Workflow.start(first, flow);
    await world.clock.advance(100);
    expect(undone).toEqual([3, 2]);
    await world.crash(first);
    const second = Run.of(await world.open([flow]), run.id);
    expect((await thrown(world.result(second))).cause.message).toBe("no");
    expect(undone).toEqual([3, 2, 2, 1]);
    expect((await story(second)).slice(-4)).toEqual(["undone undo:s3", "undone undo:s2", "undone undo:s1", "failed"]);
  });

  test("the attempts of an undo survive a crash", async () => {
    const world = setup();
    const tries: number[] = [];
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      await Step.run(ctx, "a", () => 1, {
        undoRetry: { attempts: 3, delay: "1h", factor: 1, jitter: "none" },
        undo: (_, { attempt }) => {
          tries.push(attempt);
          if (attempt < 3) no();
        },
      });
      no();
    });
    let runtime = await world.open([flow]);
    const run = await Workflow.start(runtime, flow);
    for (let crash = 0; crash < 3; crash++) {
      await world.clock.advance(3_000_000);
      await world.crash(runtime);
      runtime = await world.open([flow]);
    }
    await thrown(world.result(Run.of(runtime, run.id)));
    expect(tries).toEqual([1, 2, 3]);
  });
});

describe("an undo that fails", () => {
  const broken = () => {
    const world = setup();
    const calls: string[] = [];
    const mend = { works: false };
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      calls.push("body");
      for (const n of [1, 2, 3]) {
        await Step.run(ctx, `s${n}`, () => void calls.push(`do ${n}`), {
          undo: (_, { attempt }) => {
            calls.push(`undo ${n} #${attempt}`);
            if (n === 2 && !mend.works) throw new Error("stuck");
          },
          undoRetry: { attempts: 2, delay: 1 },
        });
      }
      throw new Error("the reason");
    });
    return { world, calls, mend, flow };
  };

  test("does not keep the others from being undone, and is visible", async () => {
    const { world, calls, flow } = broken();
    const run = await Workflow.start(await world.open([flow]), flow);
    const error = await thrown(world.result(run));
    expect(error).toMatchObject({ code: "run_failed", data: { undo: ["s2"] }, cause: { message: "the reason" } });
    expect(calls.slice(4)).toEqual(["undo 3 #1", "undo 2 #1", "undo 2 #2", "undo 1 #1"]);
    expect((await Run.get(run)).undo).toMatchObject([{ key: "s2", failure: { message: "stuck" } }]);
  });

  test("Run.retry tries only it again, with all its attempts; the run stays failed for its first reason", async () => {
    const { world, calls, mend, flow } = broken();
    const run = await Workflow.start(await world.open([flow]), flow);
    await thrown(world.result(run));
    calls.length = 0;
    await Run.retry(run);
    await thrown(world.result(run));
    expect(calls).toEqual(["body", "undo 2 #1", "undo 2 #2"]);
    mend.works = true;
    calls.length = 0;
    await Run.retry(run);
    expect((await thrown(world.result(run))).cause.message).toBe("the reason");
    expect(calls).toEqual(["body", "undo 2 #1"]);
    expect((await Run.get(run)).undo).toEqual([]);
  });

  test("of a cancelled run: after Run.retry it is still cancelled, for the same reason", async () => {
    const world = setup();
    const mend = { works: false };
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      await Step.run(ctx, "a", () => 1, { undo: () => void (mend.works || no()), undoRetry: { attempts: 1 } });
      await Step.sleep(ctx, "nap", "1d");
    });
    const run = await Workflow.start(await world.open([flow]), flow);
    await world.clock.advance(1_000);
    await Run.cancel(run, "changed my mind");
    expect((await thrown(world.result(run))).message).toContain("changed my mind");
    mend.works = true;
    await Run.retry(run);
    const error = await thrown(world.result(run));
    expect(error.code).toBe("run_cancelled");
    expect(error.message).toContain("changed my mind");
    expect((await Run.get(run)).undo).toEqual([]);
  });
});

describe("with steps under way", () => {
  test("a step in flight is told to stop and let finish; what it did is undone too", async () => {
    const world = setup();
    const said: string[] = [];
    const gate = Promise.withResolvers<string>();
    const bad = Promise.withResolvers<never>();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      await Promise.all([
        Step.run(
          ctx,
          "slow",
          ({ signal }) => {
            signal.addEventListener("abort", () => said.push("abort"));
            return gate.promise;
          },
          { undo: (value) => said.push(`undo ${value}`) },
        ),
        Step.run(ctx, "quick", () => "q", { undo: (value) => said.push(`undo ${value}`) }),
        Step.run(ctx, "bad", () => bad.promise, once),
      ]);
    });
    const run = await Workflow.start(await world.open([flow]), flow);
    await world.clock.settle();
    expect(said).toEqual([]);
    bad.reject(new Error("no"));
    await world.clock.settle();
    expect(said).toEqual(["abort"]);
    gate.resolve("slow");
    await thrown(world.result(run));
    expect(said).toEqual(["abort", "undo slow", "undo q"]);
  });

  test("a step that waits for its next attempt is not tried again once the body has failed", async () => {
    const world = setup();
    const over = Promise.withResolvers<never>();
    const said: string[] = [];
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      await Step.run(ctx, "first", () => "f", {
        undo: (_, { attempt }) => {
          said.push(`undo first #${attempt}`);
          if (attempt === 1) no();
        },
        undoRetry: { attempts: 2, delay: "1h", jitter: "none" },
      });
      await Promise.all([
        Step.run(
          ctx,
          "retried",
          ({ attempt }) => {
            said.push(`retried #${attempt}`);
            return attempt === 1 ? no() : "late";
          },
          { retry: { delay: "1m", jitter: "none" }, undo: () => said.push("undo retried") },
        ),
        Step.run(ctx, "bad", () => over.promise),
      ]);
    });
    const run = await Workflow.start(await world.open([flow]), flow);
    await world.clock.settle();
    over.reject(Fault.fatal("over"));
    await world.clock.settle();
    await thrown(world.result(run));
    expect(said).toEqual(["retried #1", "undo first #1", "undo first #2"]);
  });

  test("a crash while a neighbour drains loses nothing that was recorded", async () => {
    const world = setup();
    const said: string[] = [];
    const hang = Promise.withResolvers<string>();
    let bodies = 0;
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      bodies++;
      await Step.run(ctx, "first", () => "first", { undo: (value) => said.push(`undo ${value}`) });
      await Promise.all([
        Step.run(ctx, "slow", () => hang.promise, { undo: (value) => said.push(`undo ${value}`) }),
        Step.run(ctx, "bad", no, once),
      ]);
    });
    const first = await world.open([flow]);
    const run = await Workflow.start(first, flow);
    await world.clock.advance(100);
    await world.crash(first);
    expect((await thrown(world.result(Run.of(await world.open([flow]), run.id)))).cause.message).toBe("no");
    expect(bodies).toBe(2);
    expect(said).toEqual(["undo first"]);
  });
});

describe("on a cancel", () => {
  test("what was done is undone, and the run is cancelled", async () => {
    const world = setup();
    const undone: unknown[] = [];
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      await Step.run(ctx, "a", () => "a", { undo: (value) => undone.push(value) });
      await Step.run(ctx, "b", () => "b", { undo: (value) => undone.push(value) });
      await Step.sleep(ctx, "nap", "1d");
    });
    const run = await Workflow.start(await world.open([flow]), flow);
    await world.clock.advance(1_000);
    await Run.cancel(run, "no more");
    const error = await thrown(world.result(run));
    expect(error).toMatchObject({ code: "run_cancelled", data: { reason: "no more" } });
    expect(undone).toEqual(["b", "a"]);
    expect((await Run.get(run)).status).toBe("cancelled");
  });

  test("a step in flight that finishes all the same is undone", async () => {
    const world = setup();
    const undone: unknown[] = [];
    const gate = Promise.withResolvers<string>();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(ctx, "slow", () => gate.promise, { undo: (value) => undone.push(value) }),
    );
    const run = await Workflow.start(await world.open([flow]), flow);
    await world.clock.settle();
    await Run.cancel(run);
    await world.clock.settle();
    expect((await Run.get(run)).status).toBe("running");
    gate.resolve("done all the same");
    await thrown(world.result(run));
    expect(undone).toEqual(["done all the same"]);
  });

  test("a crash between the cancel and the undo undoes after it, and the cancel is recorded once", async () => {
    const world = setup();
    const undone: unknown[] = [];
    const hang = Promise.withResolvers<void>();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      await Step.run(ctx, "a", () => "a", {
        undo: (value) => (undone.push(value), undone.length === 1 ? hang.promise : undefined),
      });
      await Step.sleep(ctx, "nap", "1d");
    });
    const first = await world.open([flow]);
    const run = await Workflow.start(first, flow);
    await world.clock.advance(1_000);
    await Run.cancel(run, "why not");
    await world.clock.settle();
    await world.crash(first);
    const second = Run.of(await world.open([flow]), run.id);
    expect((await thrown(world.result(second))).message).toContain("why not");
    expect(undone).toEqual(["a", "a"]);
    expect(await story(second)).toEqual(["started", "step a", "timer nap", "cancel", "undone undo:a", "cancelled"]);
  });
});

test("a run whose timeout passes while it is being undone rests until the undo is done", async () => {
  const world = setup();
  const hang = Promise.withResolvers<void>();
  const flow = Workflow.define({ name: "flow", timeout: "1s" }, async (ctx) => {
    await Step.run(ctx, "a", () => "a", { undo: () => hang.promise });
    await Step.run(ctx, "bad", no, once);
  });
  const run = await Workflow.start(await world.open([flow]), flow);
  await world.clock.settle();
  // The alarm of the timeout is not set again and again: with a clock moved by hand that would never end.
  await world.clock.advance(5_000);
  expect((await Run.get(run)).status).toBe("running");
  hang.resolve();
  expect((await thrown(world.result(run))).cause.message).toBe("no");
});
