// A text that one database keeps and another refuses is refused where it is handed over: the same verdict on SQLite, PostgreSQL and MySQL.
import { describe, expect, test } from "bun:test";
import { CircuitBreaker, Context, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { setup } from "../kit/world.ts";
import { thrown, thrownBy } from "../face/scene.ts";

const small = Workflow.define({ name: "small" }, () => 1);
const bad = ["a\0b", "\ud800", "a\udc00"];

const places: Readonly<Record<string, (text: string, runtime: Runtime.Runtime, run: Run.Handle) => unknown>> = {
  "the id of a start": (id, runtime) => Workflow.start(runtime, small, undefined, { id }),
  "a tag": (tag, runtime) => Workflow.start(runtime, small, undefined, { tags: ["fine", tag] }),
  "a correlation": (correlation, runtime) => Workflow.start(runtime, small, undefined, { correlation }),
  "a tenant": (tenant, runtime) => Workflow.start(runtime, small, undefined, { tenant }),
  "a workflow in Run.list": (workflow, runtime) => Run.list(runtime, { workflow }),
  "a tag in Run.list": (tag, runtime) => Run.list(runtime, { tag }),
  "a status in Run.list": (status, runtime) => Run.list(runtime, { status: status as Run.Status }),
  "a cursor in Run.list": (after, runtime) => Run.list(runtime, { after }),
  "an id in Run.of": (id, runtime) => Run.of(runtime, id),
  "an id of a fork": (id, _, run) => Run.fork(run, { from: "a", id }),
  "a step of a fork": (from, _, run) => Run.fork(run, { from }),
  "a key of a signal": (key, _, run) => Signal.send(run, Signal.define("s"), 1, { key }),
  "the name of a signal": (name) => Signal.define(name),
  "the name of a breaker": (name) => CircuitBreaker.define(name),
  "the release of Runtime.open": (release) => Runtime.open({ database: "sqlite::memory:", release }),
};

describe.each(Object.entries(places))("%s", (_, call) => {
  test.each(bad)("with %j is an invalid option", async (text) => {
    const runtime = await setup().open([small]);
    const run = await Workflow.start(runtime, small);
    expect((await thrownBy(() => call(text, runtime, run))).code).toBe("invalid_option");
  });
});

test("the name of a workflow is refused as a definition", async () => {
  for (const name of bad) expect((await thrownBy(() => Workflow.define({ name }, () => 1))).code).toBe("invalid_definition");
});

const asked: Readonly<Record<string, (ctx: Context.Context, text: string) => unknown>> = {
  "the name of a step": (ctx, name) => Step.run(ctx, name, () => 1),
  "the name of a sleep": (ctx, name) => Step.sleep(ctx, name, 1),
  "the name of a wait": (ctx, name) => Step.wait(ctx, Signal.define("s"), { name }),
  "the name of a child": (ctx, name) => Step.call(ctx, small, undefined, { name }),
  "the id of a child": (ctx, id) => Step.call(ctx, small, undefined, { id }),
  "a tag of a child": (ctx, tag) => Step.start(ctx, small, undefined, { tags: [tag] }),
  "a patch": (ctx, patch) => Context.patched(ctx, patch),
  "a branch": (ctx, name) => Step.all(ctx, "all", { [name]: () => 1 }),
};

describe.each(Object.entries(asked))("%s", (_, ask) => {
  test.each(bad)("with %j is an invalid option of the body", async (text) => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => ask(ctx, text));
    const run = await Workflow.start(await world.open([flow, small]), flow);
    expect((await thrown(world.result(run))).cause.code).toBe("invalid_option");
    expect((await Run.get(run)).status).toBe("failed");
  });
});

describe("what is kept as a value, or as words for people, may have them", () => {
  test.each(bad)("%j in a thrown text, a reason, a value, a signal and a state", async (text) => {
    const world = setup();
    const signal = Signal.define<string>("signal");
    const flow = Workflow.define({ name: "flow" }, async (ctx, input: string) => {
      Context.publish(ctx, text);
      const caught = await Step.run(
        ctx,
        "a",
        () => Promise.reject(Object.assign(new Error(text), { code: text, detail: text })),
        {
          retry: { attempts: 1 },
        },
      ).catch((error: Error & { code: string; detail: string }) => [error.message, error.code, error.detail]);
      return [input, caught, await Step.wait(ctx, signal)];
    });
    const failing = Workflow.define({ name: "failing" }, async (ctx) => {
      await Step.sleep(ctx, "nap", "1m");
      throw text; // oxlint-disable-line only-throw-error
    });
    const runtime = await world.open([flow, failing], { hot: 0 });
    const run = await Workflow.start(runtime, flow, text);
    await Signal.send(run, signal, text);
    expect(await world.result(run)).toEqual([text, [text, text, text], text]);
    expect(await Run.state<string>(run)).toBe(text);
    const failed = await Workflow.start(runtime, failing);
    expect((await thrown(world.result(failed))).cause.message).toContain(text);
    const cancelled = await Workflow.start(runtime, failing);
    await Run.cancel(cancelled, text);
    expect((await thrown(world.result(cancelled))).data["reason"]).toBe(text.toWellFormed());
  });
});
