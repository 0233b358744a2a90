// Run.retry goes on from where a run failed; Run.fork begins another run from the middle of one.
import { describe, expect, test } from "bun:test";
import { Context, Fault, Run, Signal, Step, Workflow } from "../../src/index.ts";
import { engineOf } from "../../src/engine/opened.ts";
import { setup } from "../kit/world.ts";
import { story, thrown } from "./scene.ts";

const word = Signal.define<string>("word");
const once = { retry: { attempts: 1 } } as const;

/** A flow whose steps say when they run, and whose step `bad` works once the test says so. */
const scene = () => {
  const calls: string[] = [];
  const keys: string[] = [];
  const mend = { works: false };
  const flow = Workflow.define({ name: "flow" }, async (ctx, undoes: boolean) => {
    const step = (name: string) =>
      Step.run(
        ctx,
        name,
        ({ key }) => {
          calls.push(name);
          keys.push(key);
          if (name === "bad" && !mend.works) throw new Error("broken");
          return `${name}!`;
        },
        {
          ...once,
          ...(undoes && { undo: (_: unknown, { key }: Step.Tools) => void (calls.push(`undo ${name}`), keys.push(key)) }),
        },
      );
    const results = [await step("a"), await step("b")];
    results.push(await step("bad"));
    return [...results, await step("c")];
  });
  return { calls, keys, mend, flow };
};

describe("retry", () => {
  test("a cancel that comes just before it cancels the run all the same", async () => {
    const world = setup();
    const mend = { works: false };
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      await Step.run(ctx, "bad", () => (mend.works ? "good" : Promise.reject(new Error("broken"))), once);
      return Step.wait(ctx, word);
    });
    const runtime = await world.open([flow]);
    const run = await Workflow.start(runtime, flow);
    await thrown(world.result(run));
    mend.works = true;
    const { runs } = engineOf(runtime).store as { runs: { cancel: (...given: never[]) => Promise<boolean> } };
    const { cancel } = runs;
    runs.cancel = async (...given) => {
      const isAsked = await cancel(...given);
      runs.cancel = cancel;
      await Run.retry(run);
      return isAsked;
    };
    await Run.cancel(run);
    await thrown(world.result(run));
    expect((await Run.get(run)).status).toBe("cancelled");
  });

  test("keeps what is recorded and tries the failed step again, with all its attempts", async () => {
    const world = setup();
    const { calls, mend, flow } = scene();
    const run = await Workflow.start(await world.open([flow]), flow, false);
    await thrown(world.result(run));
    await Run.retry(run);
    await thrown(world.result(run));
    mend.works = true;
    await Run.retry(run);
    expect(await world.result(run)).toEqual(["a!", "b!", "bad!", "c!"]);
    expect(calls).toEqual(["a", "b", "bad", "bad", "bad", "c"]);
    expect(await story(run)).toEqual(["started", "step a", "step b", "step bad", "step c", "completed"]);
    expect((await Run.get(run)).failure).toBeNull();
  });

  test("gives the failed step its attempts anew", async () => {
    const world = setup();
    const tries: number[] = [];
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(
        ctx,
        "a",
        ({ attempt }) => {
          tries.push(attempt);
          throw new Error("no");
        },
        { retry: { attempts: 3, delay: 1 } },
      ),
    );
    const run = await Workflow.start(await world.open([flow]), flow);
    await thrown(world.result(run));
    await Run.retry(run);
    await thrown(world.result(run));
    expect(tries).toEqual([1, 2, 3, 1, 2, 3]);
  });

  test("does steps that were undone anew, under another key for the outside, and undoes those under another too", async () => {
    const world = setup();
    const { calls, keys, mend, flow } = scene();
    const run = await Workflow.start(await world.open([flow]), flow, true, { id: "r" });
    await thrown(world.result(run));
    expect(calls.splice(0)).toEqual(["a", "b", "bad", "undo b", "undo a"]);
    await Run.retry(run);
    await thrown(world.result(run));
    expect(calls.splice(0)).toEqual(["a", "b", "bad", "undo b", "undo a"]);
    mend.works = true;
    await Run.retry(run);
    expect(await world.result(run)).toEqual(["a!", "b!", "bad!", "c!"]);
    expect(calls).toEqual(["a", "b", "bad", "c"]);
    expect(keys.filter((key) => /^r\/a(~|$)/.test(key))).toEqual(["r/a", "r/a~1", "r/a~2"]);
    expect(keys.filter((key) => key.startsWith("r/undo:a"))).toEqual(["r/undo:a", "r/undo:a~1"]);
  });

  test("does an undone step anew under another key, with all its attempts, though it had failed before it succeeded", async () => {
    const world = setup();
    const tries: string[] = [];
    const mend = { works: false };
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const flaky = ({ key, attempt }: Step.Tools): void => {
        tries.push(`${key} ${attempt}`);
        if (attempt === 1) throw new Error("not yet");
      };
      await Step.run(ctx, "a", flaky, { retry: { attempts: 2, delay: 5 }, undo: () => {} });
      await Step.run(ctx, "b", () => (mend.works ? 1 : Promise.reject(new Error("broken"))), once);
    });
    const run = await Workflow.start(await world.open([flow]), flow, undefined, { id: "r" });
    await thrown(world.result(run));
    mend.works = true;
    await Run.retry(run);
    await world.result(run);
    expect(tries).toEqual(["r/a 1", "r/a 2", "r/a~1 1", "r/a~1 2"]);
  });

  test("a crash during the second round keeps its key", async () => {
    const world = setup();
    const { keys, mend, flow } = scene();
    const first = await world.open([flow]);
    const run = await Workflow.start(first, flow, true, { id: "r" });
    await thrown(world.result(run));
    mend.works = true;
    await Run.retry(run);
    await world.crash(first);
    await world.result(Run.of(await world.open([flow]), "r"));
    expect(keys.filter((key) => /^r\/b(~|$)/.test(key))).toEqual(["r/b", "r/b~1"]);
  });

  test("of a run that failed by an error of its body runs the body on from its records", async () => {
    const world = setup();
    let works = false;
    let calls = 0;
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const n = await Step.run(ctx, "a", () => ++calls);
      if (!works) throw Fault.fatal("not yet");
      return n + (await Step.run(ctx, "b", () => 10));
    });
    const run = await Workflow.start(await world.open([flow]), flow);
    await thrown(world.result(run));
    works = true;
    await Run.retry(run);
    expect(await world.result(run)).toBe(11);
  });

  test("of a cancelled run goes on where it waited", async () => {
    const world = setup();
    let calls = 0;
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      await Step.run(ctx, "a", () => ++calls);
      return Step.wait(ctx, word);
    });
    const run = await Workflow.start(await world.open([flow]), flow);
    await world.clock.advance(500);
    await Run.cancel(run);
    await thrown(world.result(run));
    await Run.retry(run);
    await world.clock.advance(500);
    await Signal.send(run, word, "again");
    expect(await world.result(run)).toBe("again");
    expect(calls).toBe(1);
  });

  test("of a run that timed out does not time out again at once", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow", timeout: "1h" }, (ctx) => Step.wait(ctx, word));
    const run = await Workflow.start(await world.open([flow]), flow);
    expect((await thrown(world.result(run))).cause.code).toBe("run_timeout");
    await Run.retry(run);
    await world.clock.advance(500);
    await Signal.send(run, word, "late");
    expect(await world.result(run)).toBe("late");
  });

  test("of a run that caught one failure and died of another tries the other", async () => {
    const world = setup();
    const calls: string[] = [];
    let works = false;
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const caught = await Step.run(ctx, "caught", () => (calls.push("caught"), Promise.reject(new Error("caught"))), once).catch(
        (error: Error) => error.message,
      );
      return [
        caught,
        await Step.run(ctx, "fatal", () => (calls.push("fatal"), works ? "fine" : Promise.reject(new Error("fatal"))), once),
      ];
    });
    const run = await Workflow.start(await world.open([flow]), flow);
    await thrown(world.result(run));
    works = true;
    await Run.retry(run);
    expect(await world.result(run)).toEqual(["caught", "fine"]);
    expect(calls).toEqual(["caught", "fatal", "fatal"]);
  });

  test("twice at the same time is once", async () => {
    const world = setup();
    const { calls, mend, flow } = scene();
    const run = await Workflow.start(await world.open([flow]), flow, false);
    await thrown(world.result(run));
    mend.works = true;
    calls.length = 0;
    const outcomes = await Promise.allSettled([Run.retry(run), Run.retry(run)]);
    expect(outcomes.map(({ status }) => status)).toContain("fulfilled");
    await world.result(run);
    expect(calls).toEqual(["bad", "c"]);
  });

  test("that was acknowledged survives a crash", async () => {
    const world = setup();
    const { mend, flow } = scene();
    const first = await world.open([flow]);
    const run = await Workflow.start(first, flow, false);
    await thrown(world.result(run));
    const client = await world.open([], { execute: false });
    await world.crash(first);
    mend.works = true;
    await Run.retry(Run.of(client, run.id));
    expect(await world.result(Run.of(await world.open([flow]), run.id))).toEqual(["a!", "b!", "bad!", "c!"]);
  });
});

describe("an undo that takes long", () => {
  test("is shown as running, and a crash in it replays past that", async () => {
    const world = setup();
    const hang = Promise.withResolvers<void>();
    let tries = 0;
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      await Step.run(ctx, "a", () => 1, { undo: () => (tries++ === 0 ? hang.promise : undefined) });
      throw Fault.fatal("no");
    });
    const first = await world.open([flow]);
    const run = await Workflow.start(first, flow);
    await world.clock.advance(3_000);
    expect((await Run.get(run)).progress.pending).toMatchObject([{ key: "undo:a", kind: "running" }]);
    await world.crash(first);
    expect((await thrown(world.result(Run.of(await world.open([flow]), run.id)))).cause.code).toBe("fatal");
    expect(tries).toBe(2);
  });
});

describe("fork", () => {
  test("is a new run with everything recorded before the step, and does the rest anew", async () => {
    const world = setup();
    const { calls, mend, flow } = scene();
    mend.works = true;
    const runtime = await world.open([flow]);
    const run = await Workflow.start(runtime, flow, false, { id: "r", tags: ["t"] });
    await world.result(run);
    calls.length = 0;
    const fork = await Run.fork(run, { from: "bad", id: "f" });
    expect(fork).toMatchObject({ id: "f", workflow: "flow", disposition: "created" });
    expect(await world.result(fork)).toEqual(["a!", "b!", "bad!", "c!"]);
    expect(calls).toEqual(["bad", "c"]);
    expect((await Run.get(fork)).tags).toEqual(["t"]);
    expect((await Run.get(run)).status).toBe("completed");
    expect((await Run.list(runtime, { tag: "t" })).runs.map(({ id }) => id)).toEqual(["f", "r"]);
  });

  test("works for a run in any state, and leaves it alone", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const a = await Step.run(ctx, "a", () => Context.id(ctx));
      return [a, await Step.wait(ctx, word)];
    });
    const runtime = await world.open([flow]);
    const run = await Workflow.start(runtime, flow, undefined, { id: "r" });
    await world.clock.advance(500);
    const fork = await Run.fork(run, { from: "word" });
    await Signal.send(fork, word, "to the fork");
    expect(await world.result(fork)).toEqual(["r", "to the fork"]);
    expect((await Run.get(run)).status).toBe("waiting");
  });

  test("has the workflow's timeout from its own start", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow", timeout: "1h" }, async (ctx) => {
      await Step.run(ctx, "a", () => 1);
      return Step.wait(ctx, word);
    });
    const run = await Workflow.start(await world.open([flow]), flow);
    await world.clock.advance(1_800_000);
    const fork = await Run.fork(run, { from: "word" });
    const forkedAt = world.clock.now();
    expect((await thrown(world.result(fork))).cause.code).toBe("run_timeout");
    expect(world.clock.now() - forkedAt).toBe(3_600_000);
  });

  test("from a step beside a child that was still running calls a child of its own", async () => {
    const world = setup();
    const child = Workflow.define({ name: "child" }, async (ctx) => {
      await Step.sleep(ctx, "nap", "1h");
      return "child";
    });
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Promise.all([Step.call(ctx, child, undefined), Step.run(ctx, "beside", () => "beside")]),
    );
    const runtime = await world.open([flow, child]);
    const run = await Workflow.start(runtime, flow, undefined, { id: "r" });
    await world.result(run);
    const fork = await Run.fork(run, { from: "beside", id: "f" });
    expect(await world.result(fork)).toEqual(["child", "beside"]);
  });

  test("refuses a step that is not there, and an id that is taken", async () => {
    const world = setup();
    const { mend, flow } = scene();
    mend.works = true;
    const run = await Workflow.start(await world.open([flow]), flow, false, { id: "r" });
    await world.result(run);
    expect(await thrown(Run.fork(run, { from: "nothing" }))).toMatchObject({
      code: "invalid_option",
      data: { run: "r", from: "nothing" },
    });
    expect(await thrown(Run.fork(run, { from: "b", id: "r" }))).toMatchObject({ code: "run_conflict" });
    expect(await thrown(Run.fork(run, { from: "b", id: "" }))).toMatchObject({ code: "invalid_option" });
  });
});
