// Run.retry tries again every failed step that the end of the run may have come from, in whatever shape the body failed.
import { describe, expect, test } from "bun:test";
import { type Context, Fault, Run, Signal, Step, Workflow } from "../../src/index.ts";
import { listening, setup } from "../kit/world.ts";
import { story, thrown } from "../face/scene.ts";

const once = { retry: { attempts: 1 } } as const;

/** Steps that fail until the test mends them, and what of them was called. */
const outside = () => {
  const calls: string[] = [];
  const mend = { works: false };
  const good = (ctx: Context.Context, name: string) => Step.run(ctx, name, () => (calls.push(name), name));
  const bad = (ctx: Context.Context, name: string, message = `${name} is down`) =>
    Step.run(ctx, name, () => (calls.push(name), mend.works ? name : Promise.reject(new Error(message))), once);
  return { calls, mend, good, bad };
};

type Scene = ReturnType<typeof outside>;

class OrderFailed extends Error {
  override readonly name = "OrderFailed";
  readonly reason: unknown;
  constructor(reason: unknown) {
    super("the order failed");
    this.reason = reason;
  }
}

const shapes: Readonly<Record<string, (ctx: Context.Context, scene: Scene) => Promise<unknown>>> = {
  "the step's own error": (ctx, { bad }) => bad(ctx, "a"),
  "another error, text only": (ctx, { bad }) =>
    bad(ctx, "a").catch((error: Error) => Promise.reject(new Error(`order failed: ${error.message}`))),
  "another error that says nothing of it": (ctx, { bad }) => bad(ctx, "a").catch(() => Promise.reject(new Error("sorry"))),
  "an error with a chain of causes": (ctx, { bad }) =>
    bad(ctx, "a").catch((error: unknown) => {
      throw new Error("outer", { cause: new Error("middle", { cause: error }) });
    }),
  "Fault.fatal around it": (ctx, { bad }) =>
    bad(ctx, "a").catch((error: Error) => {
      throw Fault.fatal(`the order failed: ${error.message}`);
    }),
  "a class of errors that holds the original in a field": (ctx, { bad }) =>
    bad(ctx, "a").catch((error: unknown) => Promise.reject(new OrderFailed(error))),
  "after a settling": async (ctx, { good, bad }) => {
    const answers = await Promise.allSettled([good(ctx, "g"), bad(ctx, "a"), bad(ctx, "b")]);
    if (answers.some(({ status }) => status === "rejected")) throw new Error("some failed");
    return "all";
  },
  "after a settling, with the last of the reasons": async (ctx, { bad }) => {
    const answers = await Promise.allSettled([bad(ctx, "a"), bad(ctx, "b")]);
    for (const answer of answers.toReversed()) if (answer.status === "rejected") throw answer.reason;
  },
  "an AggregateError of the reasons": async (ctx, { bad }) => {
    const answers = await Promise.allSettled([bad(ctx, "a"), bad(ctx, "b")]);
    const errors = answers.flatMap((answer) => (answer.status === "rejected" ? [answer.reason as unknown] : []));
    if (errors.length > 0) throw new AggregateError(errors, "some failed");
  },
  "Promise.all": (ctx, { bad }) => Promise.all([bad(ctx, "a"), bad(ctx, "b")]),
  "Promise.any": (ctx, { bad }) => Promise.any([bad(ctx, "a"), bad(ctx, "b")]),
  "errors collected in a loop": async (ctx, { bad }) => {
    const errors: unknown[] = [];
    for (const name of ["a", "b"]) await bad(ctx, name).catch((error: unknown) => errors.push(error));
    if (errors.length > 0) throw new Error(`${errors.length} failed`);
  },
  "Step.map that settles": async (ctx, { good, bad }) => {
    const answers = await Step.map(ctx, "m", ["g", "a", "g", "b"], (own, name) => (name === "g" ? good : bad)(own, name), {
      onError: "settle",
      limit: 1,
    });
    if (answers.some(({ status }) => status === "rejected")) throw new Error("some failed");
  },
  "Step.all that settles": async (ctx, { good, bad }) => {
    const answers = await Step.all(
      ctx,
      "m",
      { one: (own) => bad(own, "a"), two: async (own) => [await good(own, "g"), await bad(own, "b")] },
      { onError: "settle", limit: 1 },
    );
    if (Object.values(answers).some(({ status }) => status === "rejected")) throw new Error("some failed");
  },
  "Step.graph": (ctx, { bad }) =>
    Step.graph(ctx, "m", (task) => ({ a: task("one", (own) => bad(own, "a")), b: task("two", (own) => bad(own, "b")) })),
  "equal messages of two steps": async (ctx, { bad }) => {
    const answers = await Promise.allSettled([bad(ctx, "a", "down"), bad(ctx, "b", "down")]);
    for (const answer of answers) if (answer.status === "rejected") throw answer.reason;
  },
  "a step whose fallback failed": (ctx, { calls, mend }) =>
    Step.run(ctx, "a", () => (calls.push("a"), mend.works ? "a" : Promise.reject(new Error("no"))), {
      ...once,
      fallback: () => Promise.reject(new Error("neither")),
    }),
  "a clean-up that works, then text only": (ctx, { good, bad }) =>
    bad(ctx, "a").catch(async (error: Error) => {
      await good(ctx, "clean");
      throw new Error(`order failed: ${error.message}`);
    }),
  "a pause, then text only": (ctx, { bad }) =>
    bad(ctx, "a").catch(async () => {
      await Step.sleep(ctx, "pause", "1s");
      throw new Error("sorry");
    }),
};

describe("a run that failed by", () => {
  test.each(Object.entries(shapes))("%s: what failed is tried again, what is done is not", async (_, shape) => {
    const world = setup();
    const scene = outside();
    const flow = Workflow.define({ name: "flow" }, (ctx) => shape(ctx, scene));
    const run = await Workflow.start(await world.open([flow]), flow);
    await thrown(world.result(run));
    const failed = new Set((await story(run)).flatMap((line) => (line.startsWith("step-failed ") ? [line.slice(12)] : [])));
    for (const works of [false, true]) {
      scene.mend.works = works;
      scene.calls.length = 0;
      await Run.retry(run);
      await world.result(run).catch((error: unknown) => expect(works ? error : undefined).toBeUndefined());
      const names = new Set([...failed].map((key) => key.replace(/^.*\//, "")));
      expect(scene.calls.filter((name) => name !== "clean").toSorted()).toEqual([...names].toSorted());
    }
    expect((await Run.get(run)).status).toBe("completed");
  });

  test("an error in a chain: the failed step is tried again", async () => {
    const world = setup();
    const { calls, mend, good } = outside();
    const flow = Workflow.chain({ name: "flow" })
      .step("first", () => void calls.push("first"))
      .step("a", () => (calls.push("a"), mend.works ? "a" : Promise.reject(new Error("down"))), once)
      .output(({ a }) => a);
    expect(good).toBeDefined();
    const run = await Workflow.start(await world.open([flow]), flow);
    await thrown(world.result(run));
    mend.works = true;
    await Run.retry(run);
    expect(await world.result(run)).toBe("a");
    expect(calls).toEqual(["first", "a", "a"]);
  });

  test("a failed child: the child is tried again, and nothing that it did is done again", async () => {
    const world = setup();
    const { calls, mend, good, bad } = outside();
    const grandchild = Workflow.define({ name: "grandchild" }, async (ctx) => [await good(ctx, "g"), await bad(ctx, "a")]);
    const child = Workflow.define({ name: "child" }, (ctx) => Step.call(ctx, grandchild, undefined));
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.call(ctx, child, undefined).catch((error: Error) => Promise.reject(new Error(`no child: ${error.name}`))),
    );
    const run = await Workflow.start(await world.open([flow, child, grandchild]), flow);
    await thrown(world.result(run));
    mend.works = true;
    await Run.retry(run);
    expect(await world.result(run)).toEqual(["g", "a"]);
    expect(calls).toEqual(["g", "a", "a"]);
  });
});

describe("a body that went on from a failure", () => {
  test("and did something instead keeps both when it fails at another step", async () => {
    const world = setup();
    const { calls, mend, good, bad } = outside();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const first = await bad(ctx, "a").catch(() => good(ctx, "b"));
      await bad(ctx, "c").catch(() => Promise.reject(new Error("no c")));
      return first;
    });
    const run = await Workflow.start(await world.open([flow]), flow);
    await thrown(world.result(run));
    mend.works = true;
    await Run.retry(run);
    expect(await world.result(run)).toBe("b");
    expect(calls).toEqual(["a", "b", "c", "c"]);
  });

  test("and ended by an error of its own runs its end again, and the log says that no step was tried", async () => {
    const world = setup();
    const { calls, mend, good, bad } = outside();
    const { logger, lines } = listening();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      await bad(ctx, "card").catch(() => good(ctx, "invoice"));
      if (calls.length > 0) throw Fault.fatal("nobody approved");
    });
    const run = await Workflow.start(await world.open([flow], { logger }), flow);
    await thrown(world.result(run));
    mend.works = true;
    await Run.retry(run);
    await thrown(world.result(run));
    expect(calls).toEqual(["card", "invoice"]);
    expect(lines.filter(({ msg }) => String(msg).includes("no failed step of it is tried again"))).toMatchObject([
      { run: run.id, steps: ["card"] },
    ]);
  });

  test("with an equal message: only the step that was not dealt with is tried again", async () => {
    const world = setup();
    const { calls, mend, good, bad } = outside();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      await bad(ctx, "a", "down").catch(() => good(ctx, "b"));
      await bad(ctx, "c", "down");
    });
    const run = await Workflow.start(await world.open([flow]), flow);
    await thrown(world.result(run));
    mend.works = true;
    await Run.retry(run);
    await world.result(run);
    expect(calls).toEqual(["a", "b", "c", "c"]);
  });
});

describe("branches beside a failed one", () => {
  const many = (scene: Scene, limit: number) =>
    Workflow.define({ name: "many" }, async (ctx) => {
      const answers = await Step.map(
        ctx,
        "order",
        [0, 1, 2, 3, 4, 5, 6, 7],
        async (own, n) => {
          await scene.good(own, `load ${n}`);
          await Step.sleep(own, "rest", "1s");
          return n % 3 === 1 ? scene.bad(own, `send ${n}`) : scene.good(own, `send ${n}`);
        },
        { onError: "settle", limit },
      );
      const failed = answers.filter(({ status }) => status === "rejected").length;
      if (failed > 0) throw new Error(`${failed} orders were not sent`);
      return scene.good(ctx, "report");
    });

  test.each([1, 2, 8])(
    "with %d at a time: each failed one is tried again, none that is done, also after crashes",
    async (limit) => {
      const world = setup();
      const scene = outside();
      const flow = many(scene, limit);
      let runtime = await world.open([flow]);
      const run = await Workflow.start(runtime, flow);
      await thrown(world.result(run));
      for (const works of [false, true]) {
        scene.calls.length = 0;
        scene.mend.works = works;
        await Run.retry(Run.of(runtime, run.id));
        await world.clock.settle();
        await world.crash(runtime);
        runtime = await world.open([flow]);
        await world.result(Run.of(runtime, run.id)).catch(() => {});
        expect(scene.calls).toEqual(["send 1", "send 4", "send 7", ...(works ? ["report"] : [])]);
      }
      const view = await Run.get(Run.of(runtime, run.id));
      expect(view).toMatchObject({ status: "completed", output: "report", progress: { done: 25 } });
      const keys = (await Run.history(Run.of(runtime, run.id))).flatMap(({ kind, key }) => (kind === "step" ? [key] : []));
      expect(keys).toHaveLength(new Set(keys).size);
    },
  );

  test("keep the messages that they took", async () => {
    const world = setup();
    const word = Signal.define<string>("word");
    const { calls, mend, good, bad } = outside();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const branch = async (own: Context.Context, n: number): Promise<unknown> =>
        n === 0 ? bad(own, "a") : [await Step.wait(own, word), await good(own, "b")];
      const answers = await Step.map(ctx, "m", [0, 1], branch, { onError: "settle", limit: 1 });
      return answers.map((answer) => {
        if (answer.status === "rejected") throw answer.reason;
        return answer.value;
      });
    });
    const run = await Workflow.start(await world.open([flow]), flow);
    await Signal.send(run, word, "hi");
    await thrown(world.result(run));
    mend.works = true;
    await Run.retry(run);
    expect(await world.result(run)).toEqual(["a", ["hi", "b"]]);
    expect(calls).toEqual(["a", "b", "a"]);
  });
});
