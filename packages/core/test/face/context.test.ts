// Context: what a body may ask besides steps answers the same on replay.
import { describe, expect, test } from "bun:test";
import { Context, Run, Signal, Step, Workflow } from "../../src/index.ts";
import type { Fault } from "../../src/index.ts";
import { listening, setup, on } from "../kit/world.ts";
import { story, thrown } from "./scene.ts";

const go = Signal.define("go");

describe("log", () => {
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    const log = Context.log(ctx);
    log.info("one");
    await Step.run(ctx, "a", ({ log }) => log.info("in a"));
    log.info("two");
    await Step.sleep(ctx, "nap", "1h");
    log.info("three");
    Context.log(ctx).info("four");
    await Step.run(ctx, "b", () => 1);
    log.info("five");
  });
  const said = (lines: readonly Record<string, unknown>[]) =>
    lines.filter(({ workflow, level }) => workflow === "flow" && level === 30).map(({ msg }) => msg);

  test("says everything once, with the run, the workflow and the correlation", async () => {
    const world = setup();
    const { logger, lines } = listening();
    const run = await Workflow.start(await world.open([flow], { logger }), flow, undefined, { id: "r", correlation: "c" });
    await world.result(run);
    expect(said(lines)).toEqual(["one", "in a", "two", "three", "four", "five"]);
    expect(lines.find(({ msg }) => msg === "one")).toMatchObject({ run: "r", workflow: "flow", correlation: "c" });
    expect(lines.find(({ msg }) => msg === "in a")).toMatchObject({ run: "r", step: "a", attempt: 1, correlation: "c" });
  });

  test("is silent on replay, and speaks again after it, also a logger that was fetched before", async () => {
    const world = setup();
    const first = listening();
    const runtime = await world.open([flow], { logger: first.logger });
    const run = await Workflow.start(runtime, flow);
    await world.clock.advance(1_000);
    await world.crash(runtime);
    expect(said(first.lines)).toEqual(["one", "in a", "two"]);
    const second = listening();
    await world.result(Run.of(await world.open([flow], { logger: second.logger }), run.id));
    expect(said(second.lines)).toEqual(["three", "four", "five"]);
  });
});

describe("time and chance", () => {
  test("now, random, uuid and id are the same on replay, and now moves with what the run learns", async () => {
    const world = setup();
    const seen: unknown[][] = [];
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const mine: unknown[] = [];
      seen.push(mine);
      const look = () => mine.push(Context.id(ctx), Context.now(ctx), Context.random(ctx), Context.uuid(ctx));
      look();
      await Step.sleep(ctx, "one", "1h");
      look();
      await Step.run(ctx, "a", () => 1);
      look();
      await Step.sleep(ctx, "two", "1h");
      look();
    });
    const first = await world.open([flow]);
    const startedAt = world.clock.now();
    const run = await Workflow.start(first, flow);
    await world.clock.advance(3_700_000);
    await world.crash(first);
    await world.clock.advance(1_000_000);
    await world.result(Run.of(await world.open([flow]), run.id));
    expect(seen[1]?.slice(0, 12)).toEqual(seen[0] as unknown[]);
    const times = [1, 5, 9, 13].map((at) => Number(seen[1]?.[at]) - startedAt);
    expect(times).toEqual([0, 3_600_000, 3_600_000, 7_200_000]);
    expect(new Set(seen[1]).size).toBe(1 + 3 + 8);
  });

  test("random is from 0 up to 1 and uuid is a version 4; other runs draw others", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, (ctx) => [Context.random(ctx), Context.uuid(ctx)]);
    const runtime = await world.open([flow]);
    const all = await Promise.all(Array.from({ length: 50 }, async () => world.result(await Workflow.start(runtime, flow))));
    for (const [number, uuid] of all) {
      expect(number).toBeWithin(0, 1);
      expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
    expect(new Set(all.flat()).size).toBe(100);
  });
});

describe("publish", () => {
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    Context.publish(ctx, { at: "first" });
    await Step.run(ctx, "a", () => 1);
    Context.publish(ctx, { at: "second" });
    await Step.wait(ctx, go);
    Context.publish(ctx, { at: "third" });
    await Step.run(ctx, "b", () => 1);
  });

  test("is what Run.state reads, in place of what was before, also after the end", async () => {
    const world = setup();
    const run = await Workflow.start(await world.open([flow]), flow);
    await world.clock.advance(1_000);
    expect(await Run.state(run)).toEqual({ at: "second" });
    await Signal.send(run, go, 1);
    await world.result(run);
    expect(await Run.state(run)).toEqual({ at: "third" });
  });

  test.skipIf(on !== "sqlite")("is kept over a crash, and never rewound by a replay", async () => {
    const world = setup();
    const first = await world.open([flow], { hot: 0 });
    const run = await Workflow.start(first, flow);
    await world.clock.advance(1_000);
    await world.crash(first);
    world.client.run(
      "create table seen (value text); create trigger spy after update on holdfast_states begin insert into seen values (new.value); end",
    );
    const second = Run.of(await world.open([flow]), run.id);
    expect(await Run.state(second)).toEqual({ at: "second" });
    await world.clock.advance(1_000);
    await Signal.send(second, go, 1);
    await world.result(second);
    const seen = world.client
      .query<{ value: string }, []>("select value from seen")
      .all()
      .map(({ value }) => value);
    expect(seen).not.toContain('{"at":"first"}');
    expect(seen.at(-1)).toBe('{"at":"third"}');
  });

  test("undefined is a state too", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, (ctx) => {
      Context.publish(ctx, 1);
      Context.publish(ctx, undefined);
    });
    const run = await Workflow.start(await world.open([flow]), flow);
    await world.result(run);
    expect(await Run.state(run)).toBeUndefined();
  });
});

describe("shield", () => {
  test("steps in finally work under a cancel, are not aborted, and are recorded", async () => {
    const world = setup();
    const said: string[] = [];
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      try {
        await Step.sleep(ctx, "nap", "1d");
      } finally {
        await Step.run(ctx, "bare", () => said.push("bare")).catch((error: Fault.Fault) => said.push(`bare: ${error.code}`));
        await Context.shield(ctx, async (ctx) => {
          await Step.run(ctx, "tidy", ({ signal }) => said.push(`tidy ${signal.aborted}`));
          await Step.sleep(ctx, "pause", "1h");
          await Step.run(ctx, "tidy", () => said.push("tidied"));
        });
      }
    });
    const run = await Workflow.start(await world.open([flow]), flow);
    await world.clock.advance(1_000);
    await Run.cancel(run);
    expect((await thrown(world.result(run))).code).toBe("run_cancelled");
    expect(said).toEqual(["bare: cancelled", "tidy false", "tidied"]);
    expect((await story(run)).slice(2)).toEqual([
      "cancel",
      "step tidy",
      "timer pause",
      "fired pause",
      "step tidy#2",
      "cancelled",
    ]);
  });

  test("a crash in the middle of the clean-up goes on with it, without repeating", async () => {
    const world = setup();
    const said: string[] = [];
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      try {
        await Step.sleep(ctx, "nap", "1d");
      } finally {
        await Context.shield(ctx, async (ctx) => {
          await Step.run(ctx, "one", () => said.push("one"));
          await Step.sleep(ctx, "pause", "1h");
          await Step.run(ctx, "two", () => said.push("two"));
        });
      }
    });
    const first = await world.open([flow]);
    const run = await Workflow.start(first, flow);
    await world.clock.advance(1_000);
    await Run.cancel(run, "why");
    await world.clock.advance(1_000);
    await world.crash(first);
    const second = Run.of(await world.open([flow]), run.id);
    expect((await thrown(world.result(second))).message).toContain("why");
    expect(said).toEqual(["one", "two"]);
  });

  test("a step under way inside of it gets no abort from a cancel", async () => {
    const world = setup();
    const gate = Promise.withResolvers<string>();
    let signal: AbortSignal | undefined;
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Context.shield(ctx, (ctx) => Step.run(ctx, "careful", (tools) => ((signal = tools.signal), gate.promise))),
    );
    const run = await Workflow.start(await world.open([flow]), flow);
    await world.clock.settle();
    await Run.cancel(run);
    await world.clock.settle();
    expect(signal?.aborted).toBe(false);
    gate.resolve("done");
    expect(await world.result(run)).toBe("done");
  });

  test("a body that swallows its cancel for ever is ended", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      for (;;) await Step.sleep(ctx, "nap", "1h").catch(() => {});
    });
    const run = await Workflow.start(await world.open([flow]), flow);
    await world.clock.advance(1_000);
    await Run.cancel(run, "stop");
    expect((await thrown(world.result(run, 10_000))).code).toBe("run_cancelled");
  });
});

describe("patched", () => {
  const old = Workflow.define({ name: "flow" }, async (ctx) => {
    await Step.run(ctx, "a", () => 1);
    await Step.wait(ctx, go);
    return Step.run(ctx, "old", () => "old");
  });
  const mended = Workflow.define({ name: "flow" }, async (ctx) => {
    await Step.run(ctx, "a", () => 1);
    if (Context.patched(ctx, "new-step")) await Step.run(ctx, "new", () => 2);
    await Step.wait(ctx, go);
    return Context.patched(ctx, "new-step") ? Step.run(ctx, "newer", () => "new") : Step.run(ctx, "old", () => "old");
  });

  test("is false for a run that passed with the old code, true for a new one, each time the same", async () => {
    const world = setup();
    const first = await world.open([old]);
    const before = await Workflow.start(first, old, undefined, { id: "before" });
    await world.clock.advance(1_000);
    await world.crash(first);
    let runtime = await world.open([mended]);
    const after = await Workflow.start(runtime, mended, undefined, { id: "after" });
    await world.clock.advance(1_000);
    for (let crash = 0; crash < 3; crash++) {
      await world.crash(runtime);
      runtime = await world.open([mended]);
      await world.clock.advance(1_000);
    }
    for (const id of [before.id, after.id]) await Signal.send(Run.of(runtime, id), go, 1);
    expect(await world.result(Run.of(runtime, "before"))).toBe("old");
    expect(await world.result(Run.of(runtime, "after"))).toBe("new");
    expect(await story(Run.of(runtime, "after"))).toEqual([
      "started",
      "step a",
      "patched new-step",
      "step new",
      "waiting go",
      "taken go",
      "step newer",
      "completed",
    ]);
  });

  test("without it the run is blocked with a diff, nothing is done, and the old code lets it go on", async () => {
    const world = setup();
    const calls: string[] = [];
    const changed = Workflow.define({ name: "flow" }, async (ctx) => {
      await Step.run(ctx, "a", () => 1);
      await Step.run(ctx, "unguarded", () => calls.push("unguarded"));
      await Step.wait(ctx, go);
    });
    const first = await world.open([old]);
    const run = await Workflow.start(first, old, undefined, { id: "r" });
    await world.clock.advance(1_000);
    await world.crash(first);
    const second = await world.open([changed]);
    await Signal.send(Run.of(second, "r"), go, 1);
    await world.clock.advance(1_000);
    const view = await Run.get(Run.of(second, "r"));
    expect(view.status).toBe("blocked");
    expect(view.reason).toMatchObject({ code: "history_mismatch", was: 'wait "go"', is: 'asks for step "unguarded"' });
    expect(calls).toEqual([]);
    await world.crash(second);
    const third = await world.open([old]);
    expect(await world.result(Run.of(third, run.id))).toBe("old");
  });

  test("a name that is none is refused", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, (ctx) => Context.patched(ctx, ""));
    expect((await thrown(world.result(await Workflow.start(await world.open([flow]), flow)))).cause.code).toBe("invalid_option");
  });
});
