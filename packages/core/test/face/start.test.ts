// Starting runs: ids, conflicts, delays, tags, correlation, and what an acknowledged start promises.
import { describe, expect, test } from "bun:test";
import { Context, Run, Runtime, Step, Workflow } from "../../src/index.ts";
import { z } from "zod";
import { listening, setup } from "../kit/world.ts";
import { thrown, thrownBy } from "./scene.ts";

const echo = Workflow.define({ name: "echo" }, (ctx, value: unknown) => Step.run(ctx, "echo", () => value));

describe("ids", () => {
  test("without one a run gets a UUIDv7, and says that it was created", async () => {
    const world = setup();
    const run = await Workflow.start(await world.open([echo]), echo, 1);
    expect(run.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(run).toMatchObject({ workflow: "echo", disposition: "created" });
  });

  test("the same id and input again answers with the run that exists, whatever its state", async () => {
    const world = setup();
    const runtime = await world.open([echo]);
    const first = await Workflow.start(runtime, echo, { n: 1 }, { id: "one" });
    expect((await Workflow.start(runtime, echo, { n: 1 }, { id: "one" })).disposition).toBe("existing");
    await world.result(first);
    const again = await Workflow.start(runtime, echo, { n: 1 }, { id: "one" });
    expect(again.disposition).toBe("existing");
    expect(await Run.result(again)).toEqual({ n: 1 });
  });

  test("the same id with another input, or of another workflow, is a conflict that names the run", async () => {
    const world = setup();
    const other = Workflow.define({ name: "other" }, () => 1);
    const runtime = await world.open([echo, other]);
    await Workflow.start(runtime, echo, 1, { id: "one" });
    for (const start of [
      () => Workflow.start(runtime, echo, 2, { id: "one" }),
      () => Workflow.start(runtime, other, 1 as never, { id: "one" }),
      () => Workflow.start(runtime, echo, 2, { id: "one", onConflict: "reject" }),
    ]) {
      expect(await thrown(start())).toMatchObject({ code: "run_conflict", data: { run: "one", workflow: "echo" } });
    }
  });

  test('onConflict "reject" throws run_exists also for the same input', async () => {
    const world = setup();
    const runtime = await world.open([echo]);
    await Workflow.start(runtime, echo, 1, { id: "one", onConflict: "reject" });
    expect(await thrown(Workflow.start(runtime, echo, 1, { id: "one", onConflict: "reject" }))).toMatchObject({
      code: "run_exists",
      data: { run: "one" },
    });
  });

  test("64 starts of one id at the same time make one run, executed once", async () => {
    const world = setup();
    let calls = 0;
    const counted = Workflow.define({ name: "counted" }, (ctx) => Step.run(ctx, "a", () => ++calls));
    const [one, two] = [await world.open([counted]), await world.open([counted])];
    const starts = await Promise.all(
      Array.from({ length: 64 }, (_, n) => Workflow.start(n % 2 === 0 ? one : two, counted, undefined, { id: "one" })),
    );
    expect(starts.filter(({ disposition }) => disposition === "created").length).toBe(1);
    await world.clock.advance(500);
    expect(await Run.result(Run.of(one, "one"), { timeout: 1 })).toBe(1);
    expect((await Run.list(one)).runs.length).toBe(1);
  });

  test("an id that cannot be one is refused, and nothing is kept", async () => {
    const world = setup();
    const runtime = await world.open([echo]);
    for (const id of ["", "a\nb", "\ud800", "x".repeat(201), "é".repeat(101)])
      expect((await thrown(Workflow.start(runtime, echo, 1, { id }))).code).toBe("invalid_option");
    expect((await Run.list(runtime)).runs).toEqual([]);
    await Workflow.start(runtime, echo, 1, { id: "é".repeat(100) });
    await Workflow.start(runtime, echo, 1, { id: "e\u0301" });
    expect((await Workflow.start(runtime, echo, 1, { id: "\u00e9" })).disposition).toBe("created");
  });
});

describe("delays", () => {
  test("the run is scheduled until its time, and begins then, not before", async () => {
    const world = setup();
    const at: number[] = [];
    const timed = Workflow.define({ name: "timed" }, (ctx) => Step.run(ctx, "a", () => void at.push(world.clock.now())));
    const run = await Workflow.start(await world.open([timed]), timed, undefined, { delay: "2h" });
    const startedAt = world.clock.now();
    await world.clock.advance(7_199_999);
    expect([(await Run.get(run)).status, at]).toEqual(["scheduled", []]);
    await world.result(run);
    expect(at).toEqual([startedAt + 7_200_000]);
  });

  test("a scheduled run survives a crash, and one that is overdue begins at once", async () => {
    const world = setup();
    const first = await world.open([echo]);
    const run = await Workflow.start(first, echo, "x", { delay: "2h" });
    await world.crash(first);
    await world.clock.advance(10_000_000);
    expect(await world.result(Run.of(await world.open([echo]), run.id), 1_000)).toBe("x");
  });

  test("a delay and an onConflict that are none are refused; nothing is kept", async () => {
    const world = setup();
    const runtime = await world.open([echo]);
    for (const delay of [-1, Number.NaN, Infinity, "soon" as "1s"])
      expect((await thrown(Workflow.start(runtime, echo, 1, { delay }))).code).toBe("invalid_option");
    expect((await thrown(Workflow.start(runtime, echo, 1, { onConflict: "replace" as "reject" }))).code).toBe("invalid_option");
    expect((await Run.list(runtime)).runs).toEqual([]);
  });
});

describe("what is said along", () => {
  test("tags are found again; what cannot be a tag is refused", async () => {
    const world = setup();
    const runtime = await world.open([echo]);
    const run = await Workflow.start(runtime, echo, 1, { tags: ["vip", "vip", "eu"] });
    expect((await Run.get(run)).tags.toSorted((a, b) => a.localeCompare(b))).toEqual(["eu", "vip"]);
    expect((await thrown(Workflow.start(runtime, echo, 1, { tags: ["ok", ""] }))).code).toBe("invalid_option");
    expect((await Run.list(runtime)).runs.length).toBe(1);
  });

  test("the correlation goes into the logs of the run, its steps and its children; by default it is the run's id", async () => {
    const world = setup();
    const { logger, lines } = listening();
    const child = Workflow.define({ name: "child" }, (ctx) => Context.log(ctx).info("in the child"));
    const parent = Workflow.define({ name: "parent" }, async (ctx) => {
      Context.log(ctx).info("in the body");
      await Step.run(ctx, "a", ({ log }) => log.info("in the step"));
      await Step.call(ctx, child, undefined);
    });
    const runtime = await world.open([parent, child], { logger });
    await world.result(await Workflow.start(runtime, parent, undefined, { id: "p", correlation: "request-7" }));
    const said = lines
      .filter(({ msg }) => String(msg).startsWith("in the"))
      .map(({ msg, run, workflow, correlation, step, attempt }) => ({ msg, run, workflow, correlation, step, attempt }));
    expect(said).toEqual([
      { msg: "in the body", run: "p", workflow: "parent", correlation: "request-7", step: undefined, attempt: undefined },
      { msg: "in the step", run: "p", workflow: "parent", correlation: "request-7", step: "a", attempt: 1 },
      { msg: "in the child", run: "p/child", workflow: "child", correlation: "request-7", step: undefined, attempt: undefined },
    ]);
    const plain = await Workflow.start(runtime, parent, undefined, { id: "q" });
    await world.result(plain);
    expect((await Run.get(Run.of(runtime, "q/child"))).correlation).toBe("q");
  });
});

describe("inputs", () => {
  test("are checked by the schema before anything is kept, and the body gets what the schema gave", async () => {
    const world = setup();
    const strict = Workflow.define(
      { name: "strict", input: z.object({ n: z.coerce.number(), extra: z.string().default("d") }) },
      (_, input) => input,
    );
    const runtime = await world.open([strict]);
    const error = await thrown(Workflow.start(runtime, strict, { n: "x" }));
    expect(error.code).toBe("invalid_input");
    expect(error.message).toContain('workflow "strict"');
    expect((await Run.list(runtime)).runs).toEqual([]);
    expect(await world.result(await Workflow.start(runtime, strict, { n: "7" }))).toEqual({ n: 7, extra: "d" });
  });

  test("an output that does not fit fails the run with invalid_output", async () => {
    const world = setup();
    const promising = Workflow.define({ name: "promising", output: z.object({ n: z.number() }) }, () => ({
      n: "x" as unknown as number,
    }));
    expect((await thrown(world.result(await Workflow.start(await world.open([promising]), promising)))).cause).toMatchObject({
      code: "invalid_output",
    });
  });

  test("asynchronous schemas are awaited, for the input and for the output", async () => {
    const world = setup();
    const later = z.string().refine(async (text) => (await Promise.resolve(text)) !== "bad");
    const async_ = Workflow.define({ name: "async", input: later, output: later }, (_, text) => (text === "turn" ? "bad" : text));
    const runtime = await world.open([async_]);
    expect((await thrown(Workflow.start(runtime, async_, "bad"))).code).toBe("invalid_input");
    expect(await world.result(await Workflow.start(runtime, async_, "good"))).toBe("good");
    expect((await thrown(world.result(await Workflow.start(runtime, async_, "turn")))).cause.code).toBe("invalid_output");
  });

  test("an output of an asynchronous schema that cannot be kept fails the run", async () => {
    const world = setup();
    const odd = Workflow.define({ name: "odd", output: z.string().transform(async () => () => 1) }, () => "x");
    expect((await thrown(world.result(await Workflow.start(await world.open([odd]), odd)))).cause.code).toBe("invalid_value");
  });
});

describe("an acknowledged start", () => {
  test("survives a crash at once after it", async () => {
    const world = setup();
    const first = await world.open([echo]);
    const run = await Workflow.start(first, echo, "kept");
    await world.crash(first);
    expect(await world.result(Run.of(await world.open([echo]), run.id))).toBe("kept");
  });

  test("of a workflow that nobody here knows waits for somebody who does", async () => {
    const world = setup();
    const client = await world.open([], { execute: false });
    const run = await Workflow.start(client, echo, "later");
    await world.open([]);
    await world.clock.advance(1_000);
    expect((await Run.get(run)).status).toBe("queued");
    expect(await world.result(Run.of(await world.open([echo]), run.id))).toBe("later");
  });

  test("an old and a new version run side by side, each run with its own", async () => {
    const world = setup();
    const v1 = Workflow.define({ name: "v", version: 1 }, (ctx) => Step.run(ctx, "a", () => "one"));
    const v2 = Workflow.define({ name: "v", version: 2 }, (ctx) => Step.run(ctx, "b", () => "two"));
    const runtime = await world.open([v1, v2]);
    expect(await world.result(await Workflow.start(runtime, v1))).toBe("one");
    expect(await world.result(await Workflow.start(runtime, v2))).toBe("two");
  });

  test("on a closed runtime is refused with runtime_closed", async () => {
    const world = setup();
    const runtime = await world.open([echo]);
    await Runtime.close(runtime);
    expect((await thrown(Workflow.start(runtime, echo, 1))).code).toBe("runtime_closed");
  });
});

test("definitions that make no sense are refused: names, versions, timeouts, two of one name", async () => {
  const world = setup();
  for (const spec of [
    { name: "" },
    { name: "a\u0000" },
    { name: "x".repeat(201) },
    { name: 7 as unknown as string },
    { name: "a", version: 0 },
    { name: "a", version: 1.5 },
  ]) {
    expect((await thrownBy(() => Workflow.define(spec, () => 1))).code).toBe("invalid_definition");
  }
  expect((await thrownBy(() => Workflow.define({ name: "a" }, undefined as never))).code).toBe("invalid_definition");
  expect((await thrownBy(() => Workflow.define({ name: "a", timeout: "soon" as "1s" }, () => 1))).code).toBe("invalid_option");
  expect((await thrown(world.open([echo, Workflow.define({ name: "echo" }, () => 1)]))).code).toBe("invalid_definition");
});

test("what is no workflow is refused where it is opened and where it is started, also one that is not there yet", async () => {
  const world = setup();
  const runtime = await world.open([echo]);
  for (const none of [undefined, {}, { name: "echo", version: 1 }] as never[]) {
    expect((await thrown(world.open([none]))).code).toBe("invalid_definition");
    expect((await thrown(Workflow.start(runtime, none, 1))).code).toBe("invalid_definition");
  }
  expect((await thrown(Workflow.start(runtime, undefined as never, 1))).message).toContain("in a circle");
});
