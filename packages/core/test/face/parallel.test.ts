// Step.all, Step.map and Step.graph: branches with contexts of their own, limits, failing fast and settling.
import { describe, expect, test } from "bun:test";
import { Fault, Run, Step, Workflow } from "../../src/index.ts";
import type { Context } from "../../src/index.ts";
import { createHeld } from "../kit/held.ts";
import { runToEnd, setup } from "../kit/world.ts";
import { story, thrown, untilAbort } from "./scene.ts";

const fatally = (message: string): never => {
  throw Fault.fatal(message);
};

describe("Step.all", () => {
  test("answers each branch under its name, and its keys read name[branch]/step", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.all(ctx, "prepare", {
        label: async (ctx) => `${await Step.run(ctx, "print", () => "l")}!`,
        mail: (ctx) => Step.run(ctx, "send", () => 2),
        plain: () => "no step",
      }),
    );
    const run = await Workflow.start(await world.open([flow]), flow);
    expect(await world.result(run)).toEqual({ label: "l!", mail: 2, plain: "no step" });
    expect((await story(run)).filter((line) => line.startsWith("step ")).toSorted()).toEqual([
      "step prepare[label]/print",
      "step prepare[mail]/send",
    ]);
  });

  test("a branch whose name the database would not keep is refused before any branch begins", async () => {
    const world = setup();
    let begun = 0;
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.all(ctx, "all", { a: () => begun++, "\ud800": (own) => Step.run(own, "inner", () => begun++) }),
    );
    const error = await thrown(runToEnd(world, await world.open([flow]), flow, undefined));
    expect(error.cause.code).toBe("invalid_option");
    expect(error.cause.message).toContain('name of a branch of Step.all "all"');
    expect(begun).toBe(0);
  });

  test("branches may nest, and the same names in other branches are other steps", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.all(ctx, "outer", {
        a: (ctx) => Step.map(ctx, "inner", [1, 2], (ctx, n) => Step.run(ctx, "s", () => n)),
        b: (ctx) => Step.map(ctx, "inner", [3], (ctx, n) => Step.run(ctx, "s", () => n)),
      }),
    );
    const run = await Workflow.start(await world.open([flow]), flow);
    expect(await world.result(run)).toEqual({ a: [1, 2], b: [3] });
    const keys = (await Run.history(run)).filter(({ kind }) => kind === "step").map(({ key }) => key);
    expect(new Set(keys)).toEqual(new Set(["outer[a]/inner[0]/s", "outer[a]/inner[1]/s", "outer[b]/inner[0]/s"]));
  });

  test("the first failure aborts what the others have under way, cancels what they wait for, and is thrown", async () => {
    const world = setup();
    const said: string[] = [];
    const bad = Promise.withResolvers<never>();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.all(ctx, "both", {
        bad: (ctx) => Step.run(ctx, "bad", () => bad.promise),
        slow: (ctx) => Step.run(ctx, "slow", ({ signal }) => untilAbort(signal, () => said.push("aborted"))),
        asleep: async (ctx) => {
          try {
            await Step.sleep(ctx, "nap", "1d");
          } catch (error) {
            said.push((error as Fault.Fault).code);
            await Step.run(ctx, "never", () => said.push("never"));
          }
        },
      }),
    );
    const run = await Workflow.start(await world.open([flow]), flow);
    await world.clock.settle();
    expect(said).toEqual([]);
    bad.reject(Fault.fatal("this one"));
    const error = await thrown(world.result(run, 1_000));
    expect(error.cause).toMatchObject({ code: "fatal", message: "this one" });
    expect(said.toSorted()).toEqual(["aborted", "cancelled"]);
  });

  test("a body that catches the failure goes on, outside of the branches that were cancelled", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const first = await Step.all(ctx, "both", {
        bad: (ctx) => Step.run(ctx, "bad", () => fatally("no")),
        asleep: (ctx) => Step.sleep(ctx, "nap", "1d"),
      }).catch((error: Error) => error.message);
      return [first, await Step.run(ctx, "after", () => "after")];
    });
    const runtime = await world.open([flow]);
    const run = await Workflow.start(runtime, flow);
    expect(await world.result(run, 1_000)).toEqual(["no", "after"]);
  });

  test("settling lets all finish and answers as Promise.allSettled does", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const settled = await Step.all(
        ctx,
        "both",
        {
          bad: (ctx) => Step.run(ctx, "bad", () => fatally("no")),
          good: async (ctx) => (await Step.sleep(ctx, "nap", "1h"), "good"),
        },
        { onError: "settle" },
      );
      return [settled.bad.status, settled.bad.status === "rejected" && (settled.bad.reason as Error).message, settled.good];
    });
    expect(await runToEnd(world, await world.open([flow]), flow, undefined)).toEqual([
      "rejected",
      "no",
      { status: "fulfilled", value: "good" },
    ]);
  });

  test("no branches give an empty answer", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => [
      await Step.all(ctx, "none", {}),
      await Step.map(ctx, "none", [], () => 1),
      await Step.graph(ctx, "none", () => ({})),
      await Step.all(ctx, "none", {}, { onError: "settle" }),
    ]);
    expect(await runToEnd(world, await world.open([flow]), flow, undefined)).toEqual([{}, [], {}, {}]);
  });
});

describe("Step.map", () => {
  test("answers in the order of the items, whoever is first, and its keys read name[index]/step", async () => {
    const world = setup();
    const gates = [0, 1, 2].map(() => Promise.withResolvers<void>());
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.map(ctx, "label", new Set(["c", "b", "a"]), (ctx, item, index) =>
        Step.run(ctx, "print", () => gates[index]?.promise.then(() => `${item}${index}`)),
      ),
    );
    const run = await Workflow.start(await world.open([flow]), flow);
    for (const gate of gates.toReversed()) {
      await world.clock.settle();
      gate.resolve();
    }
    expect(await world.result(run)).toEqual(["c0", "b1", "a2"]);
    expect((await story(run)).slice(1, -1)).toEqual(["step label[2]/print", "step label[1]/print", "step label[0]/print"]);
  });

  test("the same map again is other branches", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const once = () => Step.map(ctx, "label", [1], (ctx, n) => Step.run(ctx, "print", () => n));
      return [await once(), await once()];
    });
    const run = await Workflow.start(await world.open([flow]), flow);
    await world.result(run);
    expect((await story(run)).slice(1, -1)).toEqual(["step label[0]/print", "step label[0]#2/print"]);
  });

  test("never has more branches under way than the limit, and gets through", async () => {
    const world = setup();
    const { seen, work, release } = createHeld();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.map(
        ctx,
        "label",
        Array.from({ length: 20 }, (_, n) => n),
        (ctx, n) => Step.run(ctx, "print", () => work(n)),
        { limit: 3 },
      ),
    );
    const run = await Workflow.start(await world.open([flow]), flow);
    await release(world.clock);
    expect(await world.result(run)).toEqual(Array.from({ length: 20 }, (_, n) => n));
    expect(seen).toEqual({ most: 3, calls: 20 });
  });

  test("after a failure no further item is begun; settling begins all", async () => {
    const world = setup();
    const began: number[] = [];
    const body = (onError: "fail" | "settle") =>
      Workflow.define({ name: "flow" }, (ctx) =>
        Step.map(
          ctx,
          "label",
          [0, 1, 2, 3],
          (ctx, n) => Step.run(ctx, "print", () => (began.push(n), n === 1 ? fatally("one") : n)),
          { limit: 1, ...(onError === "settle" ? { onError } : { onError }) } as { limit: number },
        ),
      );
    const failing = body("fail");
    expect((await thrown(runToEnd(world, await world.open([failing]), failing, undefined))).cause.message).toBe("one");
    expect(began.splice(0)).toEqual([0, 1]);
    const settling = body("settle");
    const settled = (await runToEnd(
      world,
      await world.open([settling]),
      settling,
      undefined,
    )) as unknown as PromiseSettledResult<number>[];
    expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "fulfilled"]);
    expect(began).toEqual([0, 1, 2, 3]);
  });

  test("a crash in the middle repeats no item that is recorded", async () => {
    const world = setup();
    const calls: number[] = [];
    const hang = Promise.withResolvers<number>();
    let bodies = 0;
    const flow = Workflow.define({ name: "flow" }, (ctx) => {
      bodies++;
      return Step.map(
        ctx,
        "label",
        [0, 1, 2, 3, 4],
        (ctx, n) => Step.run(ctx, "print", () => (calls.push(n), bodies === 1 && n === 3 ? hang.promise : n * 2)),
        { limit: 2 },
      );
    });
    const first = await world.open([flow]);
    const run = await Workflow.start(first, flow);
    await world.clock.advance(100);
    await world.crash(first);
    expect(await world.result(Run.of(await world.open([flow]), run.id, flow))).toEqual([0, 2, 4, 6, 8]);
    expect(calls).toEqual([0, 1, 2, 3, 4, 3]);
  });

  test("a limit that is no whole number from 1 is refused with the name", async () => {
    const world = setup();
    for (const limit of [0, -1, 1.5, Number.NaN]) {
      const flow = Workflow.define({ name: "flow" }, (ctx) => Step.map(ctx, "label", [1], () => 1, { limit }));
      const error = await thrown(runToEnd(world, await world.open([flow]), flow, undefined));
      expect(error.cause.code).toBe("invalid_option");
      expect(error.cause.message).toContain('Step.map "label"');
    }
  });
});

describe("Step.graph", () => {
  test("runs a task when those before it are done, and hands it their results", async () => {
    const world = setup();
    const order: string[] = [];
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.graph(ctx, "build", (task) => {
        const step = (key: string, value: string) => (ctx: Context.Context) => Step.run(ctx, "s", () => (order.push(key), value));
        const compile = task("compile", step("compile", "c"));
        const test = task("test", [compile], (ctx, code) => step("test", `${code}t`)(ctx));
        const pack = task("pack", [compile], (ctx, code) => step("pack", `${code}p`)(ctx));
        const ship = task("ship", [test, pack], (ctx, tested, packed) => step("ship", `${tested}+${packed}`)(ctx));
        return { ship, test };
      }),
    );
    const run = await Workflow.start(await world.open([flow]), flow);
    expect(await world.result(run)).toEqual({ ship: "ct+cp", test: "ct" });
    expect([order[0], order.at(-1)]).toEqual(["compile", "ship"]);
    expect(await story(run)).toContain("step build[ship]/s");
  });

  test("a failure cancels the rest, tasks behind it are not begun, and it is thrown once", async () => {
    const world = setup();
    const began: string[] = [];
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.graph(ctx, "build", (task) => {
        const bad = task("bad", (ctx) => Step.run(ctx, "s", () => fatally("broken")));
        task("beside", (ctx) => Step.sleep(ctx, "nap", "1d"));
        return { after: task("after", [bad], () => began.push("after")) };
      }),
    );
    const run = await Workflow.start(await world.open([flow]), flow);
    expect((await thrown(world.result(run, 1_000))).cause.message).toBe("broken");
    expect(began).toEqual([]);
  });

  test("has at most `limit` tasks under way", async () => {
    const world = setup();
    const { seen, work, release } = createHeld();
    const once = async (ctx: Context.Context) => Step.run(ctx, "s", () => work(1));
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.graph(
        ctx,
        "build",
        (task) => {
          for (const name of ["a", "b", "c", "d", "e"]) task(name, once);
          return {};
        },
        { limit: 2 },
      ),
    );
    const run = await Workflow.start(await world.open([flow]), flow);
    await release(world.clock);
    await world.result(run);
    expect(seen).toEqual({ most: 2, calls: 5 });
  });

  test("two tasks of one name and a task of another graph are refused with their names, before anything runs", async () => {
    const world = setup();
    let ran = 0;
    const run = (): number => ++ran;
    const bad: readonly (readonly [(task: Step.Draw) => Record<string, Step.Task>, RegExp])[] = [
      [(task) => ({ a: task("a", run), b: task("a", run) }), /two tasks named "a"/],
      [(task) => ({ a: task("a", [{ name: "elsewhere" }], run) }), /"a" that comes after a task which is not of this graph/],
      [(task) => ({ a: task("a", run), b: { name: "b" } }), /answers under "b"/],
      [(task) => ({ a: task("", run) }), /name of a task of Step.graph "build"/],
    ];
    for (const [drawing, message] of bad) {
      const flow = Workflow.define({ name: "flow" }, (ctx) => Step.graph(ctx, "build", drawing));
      const error = await thrown(runToEnd(world, await world.open([flow]), flow, undefined));
      expect(error.cause.code).toBe("invalid_option");
      expect(error.cause.message).toMatch(message);
    }
    expect(ran).toBe(0);
  });
});
