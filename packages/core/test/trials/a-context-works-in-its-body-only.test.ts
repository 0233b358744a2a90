// A context is of its body: in a step's function, a fallback, an undo, a transaction, a predicate, outside of the body or in another run it is refused at once.
import { describe, expect, test } from "bun:test";
import { Context, Run, Signal, Step, Workflow } from "../../src/index.ts";
import { listening, on, setup } from "../kit/world.ts";

const go = Signal.define("go");
const child = Workflow.define({ name: "child" }, () => 1);
let inner = 0;
const work = (): number => ++inner;

/** Every verb that takes a context and asks or draws something. */
const verbs: Readonly<Record<string, (ctx: Context.Context) => unknown>> = {
  "Step.run": (ctx) => Step.run(ctx, "inner", work),
  "Step.sleep": (ctx) => Step.sleep(ctx, "inner", 1),
  "Step.sleepUntil": (ctx) => Step.sleepUntil(ctx, "inner", 1),
  "Step.wait": (ctx) => Step.wait(ctx, go),
  "Step.call": (ctx) => Step.call(ctx, child),
  "Step.start": (ctx) => Step.start(ctx, child),
  "Step.all": (ctx) => Step.all(ctx, "inner", { a: (own) => Step.run(own, "a", work) }),
  "Step.map": (ctx) => Step.map(ctx, "inner", [1], (own) => Step.run(own, "a", work)),
  "Step.graph": (ctx) => Step.graph(ctx, "inner", (task) => ({ a: task("a", (own) => Step.run(own, "a", work)) })),
  "Step.transaction": (ctx) => Step.transaction(ctx, "inner", {} as never, work as never),
  "Context.now": (ctx) => Context.now(ctx),
  "Context.random": (ctx) => Context.random(ctx),
  "Context.uuid": (ctx) => Context.uuid(ctx),
  "Context.patched": (ctx) => Context.patched(ctx, "inner"),
  "Context.shield": (ctx) => Context.shield(ctx, (own) => Step.run(own, "a", work)),
  "Context.chain": (ctx) => Context.chain(ctx, 1, (chain) => chain.step("a", work)),
};
const once = { retry: { attempts: 1 } } as const;
const broken = (): Promise<never> => Promise.reject(new Error("broken"));

type Use = () => unknown;

/** Functions that are not the body; each uses the context of its run. */
const functions: Readonly<
  Record<string, { readonly says: string; readonly body: (ctx: Context.Context, use: Use) => Promise<unknown> }>
> = {
  "a step's function": {
    says: 'the function of step "outer"',
    body: (ctx, use) => Step.run(ctx, "outer", use, { retry: { attempts: 3 } }),
  },
  "an asynchronous one, later": {
    says: 'the function of step "outer"',
    body: (ctx, use) => Step.run(ctx, "outer", async () => (await Bun.sleep(1), use())),
  },
  "a fallback": {
    says: 'the fallback of step "outer"',
    body: (ctx, use) => Step.run(ctx, "outer", broken, { ...once, fallback: use }),
  },
  "an undo": {
    says: 'the undo of step "outer"',
    body: async (ctx, use) => {
      await Step.run(ctx, "outer", () => 1, { undo: use });
      throw new Error("no");
    },
  },
  "a transaction": {
    says: 'the function of step "outer"',
    body: (ctx, use) => Step.transaction(ctx, "outer", database as never, use as never, once),
  },
};
let database: unknown;

describe.each(Object.keys(verbs))("%s", (name) => {
  const verb = verbs[name] as (ctx: Context.Context) => unknown;

  test.each(Object.keys(functions))("in %s is refused, names run and step, and nothing is begun", async (place) => {
    const world = setup();
    database = world.db;
    inner = 0;
    const { says, body } = functions[place] as (typeof functions)[string];
    const errors: Error[] = [];
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      body(ctx, () => {
        try {
          return verb(ctx);
        } catch (error) {
          errors.push(error as Error);
          throw error;
        }
      }),
    );
    const runtime = await world.open([flow, child]);
    const run = await Workflow.start(runtime, flow, undefined, { id: "the-run" });
    for (let waited = 0; waited < 100 && (await Run.get(run)).status === "running"; waited++) {
      await Bun.sleep(1);
      await world.clock.settle();
    }
    expect((await Run.get(run)).status).toBe("failed");
    expect(errors.length).toBe(1); // It is not tried again: no attempt can mend it.
    expect(errors[0]).toMatchObject({ name: "Fault", code: "wrong_context" });
    expect(errors[0]?.message).toContain(says);
    expect(errors[0]?.message).toContain("the-run");
    expect(inner).toBe(0);
    expect((await Run.history(run)).filter(({ key }) => key?.includes("inner"))).toEqual([]);
  });

  test("outside of the body, after its run, in another run and with no context at all is refused", async () => {
    const world = setup();
    inner = 0;
    let kept: Context.Context | undefined;
    const keeps = Workflow.define({ name: "keeps" }, async (ctx) => {
      kept = ctx;
      await Step.wait(ctx, go);
    });
    const uses = Workflow.define({ name: "uses" }, async () => {
      await verb(kept as Context.Context);
    });
    const runtime = await world.open([keeps, uses, child]);
    const keeper = await Workflow.start(runtime, keeps, undefined, { id: "keeper" });
    await world.clock.settle();
    const refused = async (call: () => unknown): Promise<Error & { code?: string }> =>
      Promise.try(call).then(
        () => new Error("not refused"),
        (error: Error) => error,
      );
    expect(await refused(() => verb(kept as Context.Context))).toMatchObject({
      code: "wrong_context",
      message: expect.stringContaining("keeper") as string,
    });
    const user = await Workflow.start(runtime, uses, undefined, { id: "user" });
    const { failure } = await world.result(user).then(
      () => ({ failure: null }),
      () => Run.get(user),
    );
    expect(failure).toMatchObject({ code: "wrong_context", message: expect.stringMatching(/keeper.*user/s) as string });
    await Signal.send(keeper, go, undefined);
    await world.result(keeper);
    expect(await refused(() => verb(kept as Context.Context))).toMatchObject({ code: "wrong_context" });
    for (const nothing of [undefined, null, {}, runtime])
      expect(await refused(() => verb(nothing as never))).toMatchObject({ code: "wrong_context" });
    expect(inner).toBe(0);
  });
});

test("a predicate of a retry that uses the context is refused, and the step fails with its own error", async () => {
  const world = setup();
  const errors: unknown[] = [];
  const flow = Workflow.define({ name: "flow" }, (ctx) =>
    Step.run(ctx, "outer", broken, {
      retry: {
        when: () => {
          try {
            return Context.random(ctx) > 0;
          } catch (error) {
            errors.push(error);
            throw error;
          }
        },
      },
    }),
  );
  const runtime = await world.open([flow]);
  const run = await Workflow.start(runtime, flow);
  expect(await world.result(run).catch((error: Error) => error.message)).toContain("broken");
  expect(errors).toMatchObject([
    { code: "wrong_context", message: expect.stringContaining('the predicate of step "outer"') as string },
  ]);
});

test("what tells of the run works in a step's function: id, log, signal and publish", async () => {
  const world = setup();
  const { logger, lines } = listening("info");
  const flow = Workflow.define({ name: "flow" }, (ctx) =>
    Step.run(ctx, "outer", () => {
      Context.log(ctx).info("said");
      Context.publish(ctx, { at: "outer" });
      return [Context.id(ctx), Context.signal(ctx).aborted];
    }),
  );
  const runtime = await world.open([flow], { logger });
  const run = await Workflow.start(runtime, flow, undefined, { id: "run" });
  expect(await world.result<unknown>(run)).toEqual(["run", false]);
  expect(await Run.state(run)).toEqual({ at: "outer" });
  expect(lines.map(({ msg }) => msg)).toContain("said");
});

test(`helpers, callbacks and libraries of the body keep their body, on ${on}`, async () => {
  const world = setup();
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    const { promise, resolve } = Promise.withResolvers<number>();
    setTimeout(() => resolve(Step.run(ctx, "in a timer", () => 1)), 1);
    const mapped = await Promise.all([1, 2].map((n) => Step.run(ctx, "mapped", () => n)));
    const emitter = new EventTarget();
    const told = Promise.withResolvers<number>();
    emitter.addEventListener("tell", () => told.resolve(Step.run(ctx, "in a listener", () => 3)));
    emitter.dispatchEvent(new Event("tell"));
    return [mapped, await told.promise, await promise];
  });
  const runtime = await world.open([flow]);
  const run = await Workflow.start(runtime, flow);
  for (let waited = 0; waited < 50; waited++) {
    await Bun.sleep(1);
    await world.clock.settle();
  }
  expect(await world.result<unknown>(run)).toEqual([[1, 2], 3, 1]);
});
