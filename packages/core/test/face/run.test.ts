// Run: what one may ask of a run, in each of its states.
import { describe, expect, test } from "bun:test";
import { Context, Fault, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { setup, type World } from "../kit/world.ts";
import { story, thrown, thrownBy } from "./scene.ts";

const go = Signal.define("go");
const flow = Workflow.define({ name: "flow" }, async (ctx, n: number) => {
  Context.publish(ctx, { n });
  const a = await Step.run(ctx, "a", () => n + 1);
  await Step.wait(ctx, go);
  return a;
});
const failing = Workflow.define({ name: "failing" }, (ctx) =>
  Step.run(
    ctx,
    "bad",
    () => {
      throw Object.assign(new Error("no"), { code: "E_NO" });
    },
    { retry: { attempts: 1 } },
  ),
);

/** A run in every state it can have. */
const everyState = async (world: World) => {
  const runtime = await world.open([flow, failing]);
  const start = (id: string, options = {}) => Workflow.start(runtime, flow, 1, { id, ...options });
  const scheduled = await start("scheduled", { delay: "1h" });
  const waiting = await start("waiting");
  const completed = await start("completed");
  await Signal.send(completed, go, 1);
  const cancelled = await start("cancelled");
  const paused = await start("paused");
  const failed = await Workflow.start(runtime, failing, undefined, { id: "failed" });
  const stranger = Workflow.define({ name: "stranger" }, () => 1);
  const queued = await Workflow.start(runtime, stranger, undefined, { id: "queued" });
  await world.clock.advance(500);
  await Run.cancel(cancelled, "why");
  await Run.pause(paused);
  await world.clock.settle();
  return { runtime, runs: { scheduled, queued, waiting, paused, completed, failed, cancelled } };
};

test("every state: get says which, and everything else that is known", async () => {
  const world = setup();
  const { runs } = await everyState(world);
  for (const [status, run] of Object.entries(runs)) expect((await Run.get(run as Run.Handle)).status).toBe(status as Run.Status);
  const now = world.clock.now() - 500;
  expect(await Run.get(runs.completed)).toEqual({
    id: "completed",
    workflow: "flow",
    version: 1,
    status: "completed",
    wakeAt: null,
    reason: null,
    correlation: "completed",
    tenant: null,
    createdAt: now,
    endedAt: now,
    input: 1,
    output: 2,
    failure: null,
    undo: [],
    progress: { done: 2, last: "go", pending: [] },
    tags: [],
    parent: null,
  });
  expect(await Run.get(runs.failed)).toMatchObject({ output: undefined, failure: { message: "no", code: "E_NO" } });
  expect(await Run.get(runs.waiting)).toMatchObject({
    endedAt: null,
    wakeAt: null,
    progress: { done: 1, pending: [{ key: "go", kind: "waiting" }] },
  });
  expect((await Run.get(runs.scheduled)).wakeAt).toBe(now + 3_600_000);
});

test("every state: the result of what ended comes at once; the others give result_timeout and go on", async () => {
  const world = setup();
  const { runs } = await everyState(world);
  expect(await Run.result(runs.completed)).toBe(2);
  expect(await thrown(Run.result(runs.failed))).toMatchObject({
    code: "run_failed",
    data: { run: "failed", undo: [] },
    cause: { code: "E_NO" },
  });
  expect(await thrown(Run.result(runs.cancelled))).toMatchObject({ code: "run_cancelled", data: { reason: "why" } });
  for (const run of [runs.scheduled, runs.queued, runs.waiting, runs.paused]) {
    const result = thrown(Run.result(run, { timeout: "5s" }));
    await world.clock.advance(5_000);
    expect(await result).toMatchObject({ code: "result_timeout" });
  }
});

test("every state: cancel takes what is open and refuses what has ended", async () => {
  const world = setup();
  const { runs } = await everyState(world);
  for (const run of [runs.scheduled, runs.queued, runs.waiting, runs.paused]) await Run.cancel(run);
  for (const run of [runs.completed, runs.failed, runs.cancelled]) {
    const error = await thrown(Run.cancel(run));
    expect(error).toMatchObject({ code: "run_ended", data: { run: run.id, status: run.id } });
  }
  await world.clock.advance(1_000);
  for (const run of [runs.scheduled, runs.waiting, runs.paused]) expect((await Run.get(run)).status).toBe("cancelled");
});

test("every state: pause and resume", async () => {
  const world = setup();
  const { runs } = await everyState(world);
  for (const run of [runs.scheduled, runs.queued, runs.waiting, runs.paused] as Run.Handle[]) {
    await Run.pause(run);
    await world.clock.settle();
    expect((await Run.get(run)).status).toBe("paused");
    await Run.resume(run);
    await world.clock.settle();
    expect((await Run.get(run)).status).not.toBe("paused");
    expect((await thrown(Run.resume(run))).code).toBe("wrong_state");
  }
  for (const run of [runs.completed, runs.failed, runs.cancelled] as Run.Handle[]) {
    expect((await thrown(Run.pause(run))).code).toBe("run_ended");
    expect((await thrown(Run.resume(run))).code).toBe("run_ended");
  }
});

test("a scheduled run that was paused and resumed still begins in its time, not before", async () => {
  const world = setup();
  const runtime = await world.open([flow]);
  const run = await Workflow.start(runtime, flow, 1, { delay: "1h" });
  await Run.pause(run);
  await Run.resume(run);
  await world.clock.advance(1_000);
  expect((await Run.history(run)).length).toBe(1);
  await world.clock.advance(3_600_000);
  expect((await Run.history(run)).length).toBeGreaterThan(1);
});

test("every state: retry takes what failed or was cancelled", async () => {
  const world = setup();
  const { runs } = await everyState(world);
  await Run.retry(runs.failed);
  await Run.retry(runs.cancelled);
  await world.clock.settle();
  expect((await Run.get(runs.cancelled)).status).toBe("waiting");
  expect((await Run.get(runs.failed)).status).toBe("failed");
  for (const run of [runs.scheduled, runs.queued, runs.waiting, runs.paused] as Run.Handle[])
    expect((await thrown(Run.retry(run))).code).toBe("wrong_state");
  expect((await thrown(Run.retry(runs.completed))).code).toBe("run_ended");
});

test("every state: the history, the state and the watch can be read", async () => {
  const world = setup();
  const { runs } = await everyState(world);
  expect(await story(runs.completed)).toEqual(["started", "step a", "waiting go", "taken go", "completed"]);
  expect(await story(runs.scheduled)).toEqual(["started"]);
  expect(await Run.state(runs.completed)).toEqual({ n: 1 });
  expect(await Run.state(runs.scheduled)).toBeUndefined();
  const seen: unknown[] = [];
  for await (const change of Run.watch(runs.failed)) seen.push(change.kind === "record" ? change.record.kind : change.status);
  expect(seen).toEqual(["started", "step-failed", "failed", "failed"]);
});

test("a run that does not exist is run_not_found, whatever is asked", async () => {
  const world = setup();
  const none = Run.of(await world.open([flow]), "none");
  const asks = [
    Run.get,
    Run.history,
    Run.result,
    Run.state,
    Run.cancel,
    Run.pause,
    Run.resume,
    Run.retry,
    (run: Run.Handle) => Run.fork(run, { from: "a" }),
    (run: Run.Handle) => Run.watch(run).next(),
  ];
  for (const ask of asks as ((run: Run.Handle) => Promise<unknown>)[])
    expect(await thrown(ask(none))).toMatchObject({ code: "run_not_found", data: { run: "none" } });
});

test("an id that cannot be one is refused by Run.of", async () => {
  const world = setup();
  const runtime = await world.open([flow]);
  for (const id of ["", "a\u0000", "\ud800", "x".repeat(201), 7 as unknown as string])
    expect((await thrownBy(() => Run.of(runtime, id))).code).toBe("invalid_option");
});

describe("history", () => {
  test("tells every record with its key, value, attempt and moments", async () => {
    const world = setup();
    const runtime = await world.open([flow]);
    const run = await Workflow.start(runtime, flow, 5);
    await Signal.send(run, go, { by: "Ann" });
    await world.result(run);
    expect(await Run.history(run)).toMatchObject([
      { seq: 0, kind: "started", key: null, value: 5 },
      { seq: 1, kind: "step", key: "a", value: 6, attempt: 1, at: world.clock.now() },
      { seq: 2, kind: "waiting", key: "go", value: "go" },
      { seq: 3, kind: "taken", key: "go", value: { by: "Ann" } },
      { seq: 4, kind: "completed", value: 6 },
    ]);
  });
});

describe("result", () => {
  test("aborts with the reason of its signal, before and during the wait; the run goes on", async () => {
    const world = setup();
    const runtime = await world.open([flow]);
    const run = await Workflow.start(runtime, flow, 1);
    const reason = new Error("not interested");
    expect(await thrown(Run.result(run, { signal: AbortSignal.abort(reason) }))).toBe(reason as never);
    const controller = new AbortController();
    const result = thrown(Run.result(run, { signal: controller.signal }));
    await world.clock.settle();
    controller.abort(reason);
    expect(await result).toBe(reason as never);
    await Signal.send(run, go, 1);
    expect(await world.result(run)).toBe(2);
  });

  test("rejects with runtime_closed when its runtime closes first, and after", async () => {
    const world = setup();
    const runtime = await world.open([flow]);
    const run = await Workflow.start(runtime, flow, 1);
    await world.clock.settle();
    const result = thrown(Run.result(run));
    await Runtime.close(runtime);
    expect((await result).code).toBe("runtime_closed");
    expect((await thrown(Run.result(run))).code).toBe("runtime_closed");
    expect((await thrown(Run.get(run))).code).toBe("runtime_closed");
  });

  test("many may wait for one run", async () => {
    const world = setup();
    const run = await Workflow.start(await world.open([flow]), flow, 1);
    const results = Promise.all(Array.from({ length: 50 }, () => Run.result(run)));
    await world.clock.settle();
    await Signal.send(run, go, 1);
    expect(new Set(await results)).toEqual(new Set([2]));
  });

  test("a timeout that is no duration is refused", async () => {
    const world = setup();
    const run = await Workflow.start(await world.open([flow]), flow, 1);
    expect((await thrown(Run.result(run, { timeout: "soon" as "1s" }))).code).toBe("invalid_option");
  });
});

describe("list", () => {
  const many = async (count: number) => {
    const world = setup();
    const done = Workflow.define({ name: "done" }, (_, n: number) => n);
    const runtime = await world.open([done, failing]);
    for (let n = 0; n < count; n++) {
      await Workflow.start(runtime, done, n, { id: `r${n}`, tags: [n % 2 === 0 ? "even" : "odd"] });
      await world.clock.advance(1_000);
    }
    await Workflow.start(runtime, failing, undefined, { id: "bad" });
    await world.clock.settle();
    return { world, runtime };
  };

  test("pages go through all runs, newest first, each once, also while new ones come", async () => {
    const { world, runtime } = await many(23);
    const seen: string[] = [];
    let next: string | undefined;
    let pages = 0;
    do {
      const page: Run.Page = await Run.list(runtime, { workflow: "done", limit: 5, ...(next !== undefined && { after: next }) });
      seen.push(...page.runs.map(({ id }) => id));
      next = page.next;
      pages++;
      await Workflow.start(runtime, failing);
      await world.clock.settle();
    } while (next !== undefined);
    expect(seen).toEqual(Array.from({ length: 23 }, (_, n) => `r${22 - n}`));
    expect(pages).toBe(5);
  });

  test("a last page that is exactly full has no next", async () => {
    const { runtime } = await many(4);
    const page = await Run.list(runtime, { workflow: "done", limit: 4 });
    expect([page.runs.length, page.next]).toEqual([4, undefined]);
  });

  test("filters by workflow, state, tag and time, and by all of them at once", async () => {
    const { world, runtime } = await many(6);
    const ids = async (filter: Run.Filter) => (await Run.list(runtime, filter)).runs.map(({ id }) => id);
    const start = world.clock.now() - 6_000;
    expect(await ids({ workflow: "failing" })).toEqual(["bad"]);
    expect(await ids({ workflow: Workflow.define({ name: "failing" }, () => 1) })).toEqual(["bad"]);
    expect(await ids({ status: "failed" })).toEqual(["bad"]);
    expect((await ids({ status: ["failed", "completed"] })).length).toBe(7);
    expect(await ids({ status: [] })).toEqual([]);
    expect(await ids({ tag: "odd" })).toEqual(["r5", "r3", "r1"]);
    expect(await ids({ from: new Date(start + 4_000), tag: "even" })).toEqual(["r4"]);
    expect(await ids({ until: start + 1_000 })).toEqual(["r1", "r0"]);
    expect(await ids({ workflow: "done", status: "completed", tag: "even", from: start + 1_000, until: start + 3_000 })).toEqual([
      "r2",
    ]);
    expect(await ids({ workflow: "nobody" })).toEqual([]);
  });

  test("refuses a limit, a state and a cursor that are none", async () => {
    const { runtime } = await many(0);
    const bad: readonly Run.Filter[] = [
      { limit: 0 },
      { limit: 1_001 },
      { limit: 1.5 },
      { status: "done" as "failed" },
      { after: "r3" },
      { workflow: 7 as unknown as string },
      { workflow: {} as unknown as string },
      { tag: ["odd"] as unknown as string },
      { from: Number.NaN },
      { until: new Date("never") },
    ];
    for (const filter of bad) expect((await thrown(Run.list(runtime, filter))).code).toBe("invalid_option");
  });
});

describe("cancel", () => {
  test("of a scheduled run runs nothing", async () => {
    const world = setup();
    let bodies = 0;
    const counted = Workflow.define({ name: "counted" }, () => ++bodies);
    const run = await Workflow.start(await world.open([counted]), counted, undefined, { delay: "1d" });
    await Run.cancel(run, "too late");
    expect(await thrown(world.result(run, 1_000))).toMatchObject({ code: "run_cancelled", data: { reason: "too late" } });
    await world.clock.advance(100_000_000);
    expect(bodies).toBe(0);
  });

  test("keeps the first reason, and any word may be one", async () => {
    const world = setup();
    const runtime = await world.open([flow]);
    for (const reason of ["timeout", "", "a\u0000b", "x".repeat(10_000)]) {
      const run = await Workflow.start(runtime, flow, 1);
      await world.clock.advance(500);
      await Promise.all([Run.cancel(run, reason), Run.cancel(run, "second")]);
      expect(await thrown(world.result(run))).toMatchObject({ code: "run_cancelled", data: { reason } });
    }
  });

  test("refuses a reason that is no text or too long, and the run goes on", async () => {
    const world = setup();
    const run = await Workflow.start(await world.open([flow]), flow, 1);
    for (const reason of ["x".repeat(10_001), 7 as unknown as string])
      expect((await thrown(Run.cancel(run, reason))).code).toBe("invalid_option");
    await Signal.send(run, go, 1);
    expect(await world.result(run)).toBe(2);
  });

  test("lets a body that catches it finish with a result, and the run is completed then", async () => {
    const world = setup();
    const stubborn = Workflow.define({ name: "stubborn" }, async (ctx) => {
      await Step.sleep(ctx, "nap", "1d").catch(() => {});
      return "kept on";
    });
    const run = await Workflow.start(await world.open([stubborn]), stubborn);
    await world.clock.advance(500);
    await Run.cancel(run);
    expect(await world.result(run)).toBe("kept on");
  });

  test("that was acknowledged survives a crash", async () => {
    const world = setup();
    const first = await world.open([flow]);
    const run = await Workflow.start(first, flow, 1);
    await world.clock.advance(500);
    await Run.cancel(run, "acknowledged");
    await world.crash(first);
    expect(await thrown(world.result(Run.of(await world.open([flow]), run.id)))).toMatchObject({
      code: "run_cancelled",
      data: { reason: "acknowledged" },
    });
  });
});

describe("pause", () => {
  test("lets the step under way finish and be recorded, begins no other, and resume goes on without repeating", async () => {
    const world = setup();
    const gate = Promise.withResolvers<string>();
    const calls: string[] = [];
    const two = Workflow.define({ name: "two" }, async (ctx) => {
      const a = await Step.run(ctx, "a", () => (calls.push("a"), gate.promise));
      return a + (await Step.run(ctx, "b", () => (calls.push("b"), "b")));
    });
    const run = await Workflow.start(await world.open([two]), two);
    await world.clock.settle();
    await Run.pause(run);
    await world.clock.settle();
    expect((await Run.get(run)).status).toBe("running");
    gate.resolve("a");
    await world.clock.settle();
    expect((await Run.get(run)).status).toBe("paused");
    expect(await story(run)).toEqual(["started", "step a"]);
    await world.clock.advance(100_000_000);
    expect(calls).toEqual(["a"]);
    await Run.resume(run);
    expect(await world.result(run)).toBe("ab");
    expect(calls).toEqual(["a", "b"]);
  });

  test("outlives a crash", async () => {
    const world = setup();
    const first = await world.open([flow]);
    const run = await Workflow.start(first, flow, 1);
    await world.clock.advance(500);
    await Run.pause(run);
    await world.clock.settle();
    await world.crash(first);
    const second = Run.of(await world.open([flow]), run.id);
    await world.clock.advance(10_000);
    expect((await Run.get(second)).status).toBe("paused");
  });

  test("resume at once, before the run came to rest, keeps it going", async () => {
    const world = setup();
    const runtime = await world.open([flow]);
    const run = await Workflow.start(runtime, flow, 1);
    await Promise.all([Run.pause(run), Run.resume(run)]);
    await Signal.send(run, go, 1);
    expect(await world.result(run)).toBe(2);
    expect(await Runtime.check(runtime)).toEqual([]);
  });

  test("a sleep that ends meanwhile waits for the resume", async () => {
    const world = setup();
    const sleeper = Workflow.define({ name: "sleeper" }, async (ctx) => {
      await Step.sleep(ctx, "nap", "1h");
      return Context.now(ctx);
    });
    const run = await Workflow.start(await world.open([sleeper]), sleeper);
    await world.clock.advance(500);
    await Run.pause(run);
    await world.clock.advance(7_200_000);
    expect((await Run.get(run)).status).toBe("paused");
    await Run.resume(run);
    expect(await world.result(run)).toBe(world.clock.now());
  });
});

test("Fault.fatal in a body is the run's failure", async () => {
  const world = setup();
  const fatal = Workflow.define({ name: "fatal" }, () => {
    throw Fault.fatal("nobody approved");
  });
  const run = await Workflow.start(await world.open([fatal]), fatal);
  expect(await thrown(world.result(run))).toMatchObject({ cause: { code: "fatal", message: "nobody approved" } });
});
