// Signals: kept until the run takes them, in order, once, whatever dies in between.
import { describe, expect, test } from "bun:test";
import { Fault, Run, Signal, Step, Workflow } from "../../src/index.ts";
import { z } from "zod";
import { setup } from "../kit/world.ts";
import { story, thrown, thrownBy } from "./scene.ts";

const word = Signal.define<string>("word");
const other = Signal.define<string>("other");

const listen = (count: number) =>
  Workflow.define({ name: "listen" }, async (ctx) => {
    const heard: string[] = [];
    for (let n = 0; n < count; n++) heard.push(await Step.wait(ctx, word));
    return heard;
  });

test("signals come in the order in which they were sent, each once, from before and after the wait", async () => {
  const world = setup();
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    await Step.sleep(ctx, "nap", "1h");
    const heard: string[] = [];
    for (let n = 0; n < 4; n++) heard.push(await Step.wait(ctx, word));
    return heard;
  });
  const run = await Workflow.start(await world.open([flow]), flow);
  await Signal.send(run, word, "a");
  await Signal.send(run, word, "b");
  await world.clock.advance(3_600_500);
  expect((await Run.get(run)).progress.pending).toMatchObject([{ key: "word#3", kind: "waiting" }]);
  await Signal.send(run, word, "c");
  await Signal.send(run, word, "d");
  expect(await world.result(run)).toEqual(["a", "b", "c", "d"]);
});

test("signals of other names are left for their own waits", async () => {
  const world = setup();
  const flow = Workflow.define({ name: "flow" }, async (ctx) => [await Step.wait(ctx, other), await Step.wait(ctx, word)]);
  const run = await Workflow.start(await world.open([flow]), flow);
  await Signal.send(run, word, "w");
  await Signal.send(run, other, "o");
  expect(await world.result(run)).toEqual(["o", "w"]);
});

test("waits at the same time take what is theirs, however much of one name came first", async () => {
  const world = setup();
  const flow = Workflow.define({ name: "flow" }, (ctx) => Promise.all([Step.wait(ctx, word), Step.wait(ctx, other)]));
  const go = Workflow.define({ name: "go" }, async (ctx) => {
    await Step.sleep(ctx, "nap", "1h");
    return Promise.all([Step.wait(ctx, word), Step.wait(ctx, other)]);
  });
  const runtime = await world.open([flow, go]);
  const late = await Workflow.start(runtime, go);
  for (const text of ["1", "2", "3", "4"]) await Signal.send(late, word, text);
  await Signal.send(late, other, "o");
  expect(await world.result(late)).toEqual(["1", "o"]);
  const two = await Workflow.start(runtime, flow);
  await world.clock.settle();
  await Promise.all(["1", "2", "3"].map((text) => Signal.send(two, word, text)));
  await Signal.send(two, other, "o");
  expect(await world.result(two)).toEqual(["1", "o"]);
});

test("two waits for one signal at the same time take one each, the first the first", async () => {
  const world = setup();
  const flow = Workflow.define({ name: "flow" }, (ctx) =>
    Promise.all([Step.wait(ctx, word), Step.wait(ctx, word), Step.wait(ctx, word)]),
  );
  const run = await Workflow.start(await world.open([flow]), flow);
  for (const text of ["1", "2", "3"]) await Signal.send(run, word, text);
  expect(await world.result(run)).toEqual(["1", "2", "3"]);
});

test("a key makes a signal one, before and after it was taken; without keys equal signals are two", async () => {
  const world = setup();
  const flow = listen(3);
  const run = await Workflow.start(await world.open([flow]), flow);
  await Signal.send(run, word, "a", { key: "k" });
  await Signal.send(run, word, "a", { key: "k" });
  await world.clock.settle();
  await Signal.send(run, word, "a", { key: "k" });
  await Promise.all([Signal.send(run, word, "b", { key: "k2" }), Signal.send(run, word, "b", { key: "k2" })]);
  await Signal.send(run, word, "b");
  expect(await world.result(run)).toEqual(["a", "b", "b"]);
});

test("a thousand signals are all taken, in order", async () => {
  const world = setup();
  const flow = listen(1_000);
  const run = await Workflow.start(await world.open([flow]), flow);
  const texts = Array.from({ length: 1_000 }, (_, n) => String(n));
  await Promise.all(texts.map((text) => Signal.send(run, word, text)));
  expect(await world.result(run)).toEqual(texts);
}, 120_000);

describe("schemas", () => {
  const approved = Signal.define("approved", z.object({ by: z.string(), at: z.coerce.date() }));

  test("what does not fit is refused where it is sent, and what is kept is what the schema gave", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, (ctx) => Step.wait(ctx, approved));
    const run = await Workflow.start(await world.open([flow]), flow);
    const error = await thrown(Signal.send(run, approved, { by: 7 as unknown as string, at: "2026-01-01" }));
    expect(error.code).toBe("invalid_input");
    expect(error.message).toContain('signal "approved"');
    await Signal.send(run, approved, { by: "Ann", at: "2026-01-01T00:00:00Z" });
    expect(await world.result(run)).toEqual({ by: "Ann", at: new Date("2026-01-01T00:00:00Z") });
  });

  test("what cannot be kept and what is too large is refused with the signal's name", async () => {
    const world = setup();
    const any = Signal.define("any");
    const flow = Workflow.define({ name: "flow" }, (ctx) => Step.wait(ctx, any));
    const run = await Workflow.start(await world.open([flow], { payload: 1_000 }), flow);
    const refused = await thrown(Signal.send(run, any, { deep: [{ call: () => 1 }] }));
    expect(refused.code).toBe("invalid_value");
    expect(refused.message).toContain('signal "any" cannot be kept: .deep[0].call is a function');
    const large = await thrown(Signal.send(run, any, "x".repeat(2_000)));
    expect(large).toMatchObject({ code: "value_too_large", data: { size: 2_002, limit: 1_000 } });
    await Signal.send(run, any, undefined);
    expect(await world.result(run)).toBeUndefined();
  });

  test("a name that is none is refused", async () => {
    for (const name of ["", "a\u0000b", "x".repeat(201)])
      expect((await thrownBy(() => Signal.define(name))).code).toBe("invalid_option");
  });
});

describe("runs that take no signal", () => {
  test("a run that ended, by any end, refuses with run_ended; one that does not exist with run_not_found", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, (_, fails: boolean) => {
      if (fails) throw Fault.fatal("no");
    });
    const runtime = await world.open([flow]);
    const fine = await Workflow.start(runtime, flow, false);
    const failed = await Workflow.start(runtime, flow, true);
    await world.clock.settle();
    expect(await thrown(Signal.send(fine, word, "a"))).toMatchObject({ code: "run_ended", data: { status: "completed" } });
    expect(await thrown(Signal.send(failed, word, "a"))).toMatchObject({ code: "run_ended", data: { status: "failed" } });
    expect(await thrown(Signal.send(Run.of(runtime, "nobody"), word, "a"))).toMatchObject({ code: "run_not_found" });
  });

  test("a scheduled and a paused run keep the signal", async () => {
    const world = setup();
    const flow = listen(2);
    const run = await Workflow.start(await world.open([flow]), flow, undefined, { delay: "1h" });
    await Signal.send(run, word, "a");
    expect((await Run.get(run)).status).toBe("scheduled");
    await world.clock.advance(3_600_500);
    await Run.pause(run);
    await Signal.send(run, word, "b");
    await world.clock.advance(1_000);
    expect((await Run.get(run)).status).toBe("paused");
    await Run.resume(run);
    expect(await world.result(run)).toEqual(["a", "b"]);
  });
});

describe("a wait with a timeout", () => {
  const patient = Workflow.define({ name: "patient" }, async (ctx) => [
    await Step.wait(ctx, word, { timeout: "10s" }),
    await Step.wait(ctx, word, { timeout: "1h", name: "again" }),
  ]);

  test("answers undefined when the time is over, not before, and a later signal goes to the next wait", async () => {
    const world = setup();
    const run = await Workflow.start(await world.open([patient]), patient);
    await world.clock.advance(9_999);
    expect((await Run.get(run)).progress.done).toBe(0);
    await world.clock.advance(2);
    expect((await Run.get(run)).progress.done).toBe(1);
    await Signal.send(run, word, "late");
    expect(await world.result(run)).toEqual([undefined, "late"]);
    expect(await story(run)).toContain("expired word");
  });

  test("a signal sent in time wins; it is taken once", async () => {
    const world = setup();
    const run = await Workflow.start(await world.open([patient]), patient);
    await world.clock.advance(9_999);
    await Signal.send(run, word, "just");
    expect(await world.result(run)).toEqual(["just", undefined]);
  });

  test("signal and deadline in the same turn: exactly one of them answers, and no signal is lost", async () => {
    const world = setup();
    const run = await Workflow.start(await world.open([patient]), patient);
    await world.clock.advance(9_999);
    const sending = Signal.send(run, word, "same");
    await world.clock.advance(1);
    await sending;
    const heard = await world.result(run);
    expect(heard.filter((text) => text === "same").length).toBe(1);
  });

  test("a signal sent in time wins also when nobody executed the run until the time was over", async () => {
    for (const hot of [1_000, 0]) {
      const world = setup();
      const first = await world.open([patient], { hot });
      const run = await Workflow.start(first, patient);
      await world.clock.advance(1_000);
      await world.crash(first);
      const client = await world.open([], { execute: false });
      await Signal.send(Run.of(client, run.id), word, "in time");
      await world.clock.advance(60_000);
      expect(await world.result(Run.of(await world.open([patient]), run.id))).toEqual(["in time", undefined]);
    }
  });

  test("a crash does not make the time longer", async () => {
    const world = setup();
    const first = await world.open([patient]);
    const startedAt = world.clock.now();
    const run = await Workflow.start(first, patient);
    await world.clock.advance(9_000);
    await world.crash(first);
    const second = Run.of(await world.open([patient]), run.id);
    await world.clock.advance(1_100);
    const expired = (await Run.history(second)).find(({ kind }) => kind === "expired");
    expect(expired?.at).toBe(startedAt + 10_000);
  });

  test("a timeout that is no duration is refused with the wait's name", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => Step.wait(ctx, word, { timeout: "soon" as "1s" }));
    const run = await Workflow.start(await world.open([flow]), flow);
    const error = await thrown(world.result(run));
    expect(error.cause.message).toContain('timeout of wait "word"');
  });
});

describe("crashes", () => {
  test("a signal that was acknowledged survives a crash, before and after it was taken", async () => {
    const world = setup();
    const flow = listen(3);
    const first = await world.open([flow]);
    const run = await Workflow.start(first, flow);
    await Signal.send(run, word, "a");
    await world.clock.advance(500);
    await Signal.send(run, word, "b");
    await world.crash(first);
    const second = await world.open([flow]);
    await Signal.send(Run.of(second, run.id), word, "c");
    expect(await world.result(Run.of(second, run.id))).toEqual(["a", "b", "c"]);
  });

  test("signals sent while nobody executes are taken by the next worker, in order", async () => {
    const world = setup();
    const flow = listen(50);
    const client = await world.open([], { execute: false });
    const run = await Workflow.start(client, flow);
    const texts = Array.from({ length: 50 }, (_, n) => String(n));
    for (const text of texts) await Signal.send(run, word, text);
    expect((await Run.get(run)).status).toBe("queued");
    expect(await world.result(Run.of(await world.open([flow]), run.id))).toEqual(texts);
  });

  test("a crash after each signal gives the same answer as none", async () => {
    const world = setup();
    const flow = listen(5);
    let runtime = await world.open([flow]);
    const { id } = await Workflow.start(runtime, flow);
    for (const text of ["1", "2", "3", "4", "5"]) {
      await Signal.send(Run.of(runtime, id), word, text);
      await world.crash(runtime);
      runtime = await world.open([flow]);
      await world.clock.advance(300);
    }
    expect(await world.result(Run.of(runtime, id))).toEqual(["1", "2", "3", "4", "5"]);
  });
});

test("two keys that a database would take for one are refused, and neither stands for the other", async () => {
  const world = setup();
  const run = await Workflow.start(await world.open([listen(1)]), listen(1));
  for (const key of ["\ud800", "\ud801", "", "x".repeat(201), "a\0"])
    expect(await thrownBy(() => Signal.send(run, word, "w", { key }))).toMatchObject({ code: "invalid_option" });
  await Signal.send(run, word, "w", { key: "é".repeat(100) });
  expect(await world.result(run)).toEqual(["w"]);
});
