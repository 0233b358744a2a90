// A misspelt option is an option that is not there: it is refused where it is handed over, with the names that the verb takes.
import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { CircuitBreaker, type Context, Database, Fault, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { setup } from "../kit/world.ts";
import { thrown, thrownBy } from "../face/scene.ts";

const signal = Signal.define("signal");
const gate = CircuitBreaker.define("gate");
const small = Workflow.define({ name: "small" }, () => 1);
const chain = Workflow.chain({ name: "chain" });
const steps = chain.step("a", () => 1);

/** What a test hands over is wrong by type, and that is the point. */
const wrong = (given: unknown): never => given as never;

type Wrong = readonly [what: string, call: () => unknown, option: string, meant: string | undefined, code?: Fault.Code];

const definitions: readonly Wrong[] = [
  [
    "Workflow.define",
    () => Workflow.define(wrong({ name: "a", timeuot: "5m" }), () => 1),
    "timeuot",
    "timeout",
    "invalid_definition",
  ],
  ["Workflow.define", () => Workflow.define(wrong({ name: "a", retries: 5 }), () => 1), "retries", "retry", "invalid_definition"],
  [
    "Workflow.define",
    () => Workflow.define(wrong({ name: "a", schema: z.any() }), () => 1),
    "schema",
    undefined,
    "invalid_definition",
  ],
  ["the retry of workflow", () => Workflow.define({ name: "a", retry: wrong({ attempt: 1 }) }, () => 1), "attempt", "attempts"],
  ["Workflow.chain", () => Workflow.chain(wrong({ name: "a", output: z.any() })), "output", undefined, "invalid_definition"],
  ["CircuitBreaker.define", () => CircuitBreaker.define("b", wrong({ threshold: 5 })), "threshold", undefined],
  ["CircuitBreaker.define", () => CircuitBreaker.define("b", wrong({ resetTimeOut: 5 })), "resetTimeOut", "resetTimeout"],
  ["Chain step", () => chain.step("a", () => 1, wrong({ retries: 1 })), "retries", "retry"],
  ["the retry of step", () => chain.step("a", () => 1, { retry: wrong({ maxAttempts: 1 }) }), "maxAttempts", "attempts"],
  ["the undoRetry of step", () => chain.step("a", () => 1, { undoRetry: wrong({ cieling: 1 }) }), "cieling", "ceiling"],
  ["Chain transaction", () => chain.transaction("a", wrong({}), () => 1, wrong({ timeout: "5s" })), "timeout", undefined],
  [
    "Chain map",
    () =>
      chain.map(
        "a",
        () => [1],
        (n) => n,
        wrong({ concurrency: 2 }),
      ),
    "concurrency",
    undefined,
  ],
  ["Chain call", () => chain.call("a", small, () => undefined, wrong({ orphans: "keep" })), "orphans", "orphan"],
  ["Chain start", () => chain.start("a", small, () => undefined, wrong({ tag: ["x"] })), "tag", "tags"],
  ["Chain wait", () => chain.wait("a", signal, wrong({ timeOut: "1s" })), "timeOut", "timeout"],
  ["Chain parallel", () => chain.parallel({ a: () => 1 }, wrong({ limits: 1 })), "limits", "limit"],
  ["Chain step", () => chain.parallel({ a: wrong({ run: () => 1, retyr: {} }) }), "retyr", "retry"],
];

const outside: readonly Wrong[] = [
  ["Runtime.open", () => Runtime.open(wrong({ database: "sqlite::memory:", concurency: 4 })), "concurency", "concurrency"],
  ["Runtime.open", () => Runtime.open(wrong({ databse: "sqlite:orders.db" })), "databse", "database"],
  [
    "the option pool of Runtime.open",
    () => Runtime.open({ database: "postgres://x@127.0.0.1:1/x", pool: wrong({ max: 4 }) }),
    "max",
    undefined,
  ],
  [
    "the option tls of Runtime.open",
    () => Runtime.open({ database: "postgres://x@127.0.0.1:1/x", tls: wrong({ sslmode: "require" }) }),
    "sslmode",
    "mode",
  ],
  [
    "the retry of Runtime.open",
    () => Runtime.open({ database: "sqlite::memory:", retry: wrong({ delays: 1 }) }),
    "delays",
    "delay",
  ],
  ["Database.migrate", () => Database.migrate("sqlite::memory:", wrong({ dryRun: true })), "dryRun", "dry"],
  ["Database.plan", () => Database.plan("sqlite", wrong({ until: 3 })), "until", undefined],
  ["Database.copy", () => Database.copy("sqlite::memory:", "sqlite::memory:", wrong({ batches: 5 })), "batches", "batch"],
  ["Database.restore", () => Database.restore("nowhere", "sqlite::memory:", wrong({ originl: "x" })), "originl", "original"],
];

const withRuntime: readonly (readonly [
  string,
  (runtime: Runtime.Runtime, run: Run.Handle) => unknown,
  string,
  string | undefined,
])[] = [
  ["Workflow.start", (runtime) => Workflow.start(runtime, small, undefined, wrong({ idd: "x" })), "idd", "id"],
  ["Workflow.start", (runtime) => Workflow.start(runtime, small, undefined, wrong({ tx: {}, dely: "5s" })), "dely", "delay"],
  ["Run.list", (runtime) => Run.list(runtime, wrong({ state: "failed" })), "state", "status"],
  ["Run.list", (runtime) => Run.list(runtime, wrong({ stats: "failed" })), "stats", "status"],
  ["Run.result", (_, run) => Run.result(run, wrong({ timeot: 5 })), "timeot", "timeout"],
  ["Run.watch", (_, run) => Run.watch(run, wrong({ since: 5 })).next(), "since", undefined],
  ["Run.fork", (_, run) => Run.fork(run, wrong({ form: "a" })), "form", "from"],
  ["Signal.send", (_, run) => Signal.send(run, signal, 1, wrong({ keys: "a" })), "keys", "key"],
  [
    "CircuitBreaker.run",
    (runtime) => CircuitBreaker.run(runtime, gate, () => 1, wrong({ fallbak: () => 2 })),
    "fallbak",
    "fallback",
  ],
  ["Database.backup", (runtime) => Database.backup(runtime, "x.backup", wrong({ signals: 1 })), "signals", "signal"],
];

const inBodies: readonly (readonly [string, (ctx: Context.Context) => Promise<unknown>, string, string | undefined])[] = [
  ["Step.run", (ctx) => Step.run(ctx, "a", () => 1, wrong({ retries: 3 })), "retries", "retry"],
  ["the retry of step", (ctx) => Step.run(ctx, "a", () => 1, { retry: wrong({ attempt: 3 }) }), "attempt", "attempts"],
  ["the undoRetry of step", (ctx) => Step.run(ctx, "a", () => 1, { undoRetry: wrong({ factr: 3 }) }), "factr", "factor"],
  [
    "Step.transaction",
    (ctx) => Step.transaction(ctx, "a", wrong({}), () => 1, wrong({ fallback: () => 2 })),
    "fallback",
    undefined,
  ],
  ["Step.wait", (ctx) => Step.wait(ctx, signal, wrong({ timeut: 3 })), "timeut", "timeout"],
  ["Step.call", (ctx) => Step.call(ctx, small, undefined, wrong({ ids: "x" })), "ids", "id"],
  ["Step.start", (ctx) => Step.start(ctx, small, undefined, wrong({ orfan: "keep" })), "orfan", "orphan"],
  ["Step.all", (ctx) => Step.all(ctx, "all", { a: () => 1 }, wrong({ onerror: "settle" })), "onerror", "onError"],
  ["Step.map", (ctx) => Step.map(ctx, "map", [1], (_, n) => n, wrong({ limt: 2 })), "limt", "limit"],
  [
    "Step.graph",
    (ctx) => Step.graph(ctx, "graph", (task) => ({ a: task("a", () => 1) }), wrong({ limit: 2, onError: "settle" })),
    "onError",
    undefined,
  ],
];

const saying = (verb: string, option: string, meant: string | undefined) => (error: Error & { readonly data: unknown }) => {
  expect(error.message.toLowerCase()).toContain(verb.toLowerCase());
  expect(error.message).toContain(`does not take the option "${option}".`);
  expect(/Did you mean "(\w+)"/.exec(error.message)?.[1]).toBe(meant);
  expect(error.message).toMatch(/It takes \w+/);
  expect(error.data).toMatchObject({ option });
};

describe("an unknown option is refused", () => {
  test.each(definitions)("%s: %#", async (verb, call, option, meant, code = "invalid_option") => {
    const error = await thrownBy(call);
    expect(error.code).toBe(code);
    saying(verb, option, meant)(error);
  });

  test.each(outside)("%s: %#", async (verb, call, option, meant) => {
    const error = await thrownBy(call);
    expect(error.code).toBe("invalid_option");
    saying(verb, option, meant)(error);
  });

  test.each(withRuntime)("%s: %#", async (verb, call, option, meant) => {
    const world = setup();
    const runtime = await world.open([small]);
    const run = await Workflow.start(runtime, small);
    const error = await thrownBy(() => call(runtime, run));
    expect(error.code).toBe("invalid_option");
    saying(verb, option, meant)(error);
  });

  test.each(inBodies)("%s: %#", async (verb, body, option, meant) => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, body);
    const run = await Workflow.start(await world.open([flow, small]), flow);
    const { cause } = await thrown(world.result(run));
    expect(cause.code).toBe("invalid_option");
    saying(verb, option, meant)(cause);
    expect((await Run.history(run)).map(({ kind }) => kind)).toEqual(["started", "failed"]);
  });
});

describe("options of the wrong type are refused by name", () => {
  const typed: readonly (readonly [string, () => unknown, string])[] = [
    ["attempts as text", () => chain.step("a", () => 1, { retry: { attempts: wrong("5") } }), "attempts"],
    ["factor as text", () => chain.step("a", () => 1, { retry: { factor: wrong("2") } }), "factor"],
    ["another jitter", () => chain.step("a", () => 1, { retry: { jitter: wrong("equal") } }), "jitter"],
    ["when as a value", () => chain.step("a", () => 1, { retry: { when: wrong(true) } }), "when"],
    ["retry as a number", () => chain.step("a", () => 1, { retry: wrong(5) }), "retry of step"],
    ["retry as null", () => chain.step("a", () => 1, { retry: wrong(null) }), "retry of step"],
    ["undo as a number", () => chain.step("a", () => 1, { undo: wrong(5) }), "undo"],
    ["fallback as a value", () => chain.step("a", () => 1, { fallback: wrong("x") }), "fallback"],
    ["timeout as null", () => chain.step("a", () => 1, { timeout: wrong(null) }), "timeout"],
    ["breaker as null", () => chain.step("a", () => 1, { breaker: wrong(null) }), "circuit breaker"],
    ["options as null", () => chain.step("a", () => 1, wrong(null)), "null"],
    ["options as a text", () => chain.step("a", () => 1, wrong("5s")), "of type string"],
    ["options as an array", () => chain.step("a", () => 1, wrong(["5s"])), "an array"],
    ["an id of a child as text", () => chain.call("a", small, () => undefined, { id: wrong("x") }), "id of"],
    ["another orphan", () => chain.call("a", small, () => undefined, { orphan: wrong("kill") }), "orphan"],
    ["tags as a text", () => chain.call("a", small, () => undefined, { tags: wrong("urgent") }), "tags"],
    ["a schema that is none", () => Workflow.define({ name: "a", input: wrong({ n: "number" }) }, () => 1), "not a schema"],
    ["a schema of a signal that is none", () => Signal.define("a", wrong({ n: "number" })), "signal"],
    ["execute as text", () => Runtime.open({ database: "sqlite::memory:", execute: wrong("false") }), "execute"],
    ["strict as a number", () => Runtime.open({ database: "sqlite::memory:", strict: wrong(1) }), "strict"],
    ["workflows as an object", () => Runtime.open({ database: "sqlite::memory:", workflows: wrong({ small }) }), "workflows"],
    ["options of an open as text", () => Runtime.open(wrong("sqlite::memory:")), "of type string"],
    ["acceptDataLoss as text", () => Database.migrate("sqlite::memory:", { acceptDataLoss: wrong("false") }), "acceptDataLoss"],
  ];
  test.each(typed)("%s", async (_, call, named) => {
    const error = await thrownBy(call);
    expect(["invalid_option", "invalid_definition"]).toContain(error.code);
    expect(error.message).toContain(named);
  });

  const inBody: readonly (readonly [string, (ctx: Context.Context) => Promise<unknown>, string])[] = [
    ["undo as a number", (ctx) => Step.run(ctx, "a", () => 1, { undo: wrong(5) }), 'undo of step "a"'],
    ["fallback as null", (ctx) => Step.run(ctx, "a", () => 1, { fallback: wrong(null) }), 'fallback of step "a"'],
    ["timeout as null", (ctx) => Step.run(ctx, "a", () => 1, { timeout: wrong(null) }), 'timeout of step "a"'],
    ["breaker as null", (ctx) => Step.run(ctx, "a", () => 1, { breaker: wrong(null) }), "circuit breaker"],
    ["options as null", (ctx) => Step.run(ctx, "a", () => 1, wrong(null)), "null"],
    [
      "a promise in place of the function",
      (ctx) => Step.run(ctx, "a", wrong(Promise.resolve(1))),
      "a promise: it has begun already",
    ],
    ["no function", (ctx) => Step.run(ctx, "a", wrong(undefined)), 'function of step "a"'],
    ["no function of a transaction", (ctx) => Step.transaction(ctx, "a", wrong({}), wrong(7)), 'function of step "a"'],
    ["no signal", (ctx) => Step.wait(ctx, wrong(undefined)), "Expected a signal, got undefined"],
    ["another onError", (ctx) => Step.all(ctx, "a", {}, { onError: wrong("ignore") }), "onError"],
    ["another orphan", (ctx) => Step.start(ctx, small, undefined, { orphan: wrong("kill") }), "orphan"],
    ["tags as a text", (ctx) => Step.start(ctx, small, undefined, { tags: wrong("urgent") }), "tags"],
  ];
  test.each(inBody)("%s, at the first call", async (_, body, named) => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, body);
    const { cause } = await thrown(world.result(await Workflow.start(await world.open([flow, small]), flow)));
    expect(cause.code).toBe("invalid_option");
    expect(cause.message).toContain(named);
  });

  test("a list's moments, a result's signal, a start's tags", async () => {
    const runtime = await setup().open([small]);
    const run = await Workflow.start(runtime, small);
    const calls = [
      () => Run.list(runtime, { from: wrong(null) }),
      () => Run.list(runtime, { until: wrong("2026-01-01") }),
      () => Run.list(runtime, { from: new Date(NaN) }),
      () => Run.list(runtime, wrong(null)),
      () => Run.result(run, { signal: wrong({ aborted: false }) }),
      () => Workflow.start(runtime, small, undefined, { tags: wrong("urgent") }),
      () => Workflow.start(runtime, small, undefined, { correlation: wrong(7) }),
      () => Workflow.start(runtime, small, undefined, wrong(null)),
    ];
    for (const call of calls) expect((await thrownBy(call)).code).toBe("invalid_option");
  });
});

describe("what is right stays right", () => {
  test("options that are undefined, and names that say nothing, are taken", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow", version: undefined, timeout: undefined, retry: undefined }, async (ctx) => [
      await Step.run(ctx, "a", () => 1, {
        retry: undefined,
        timeout: undefined,
        breaker: undefined,
        undo: undefined,
        ...({ other: undefined } as object),
      }),
      await Step.run(ctx, "b", () => 2, undefined),
      await Step.call(ctx, small, undefined, { name: undefined, id: undefined, orphan: undefined, tags: undefined }),
      await Step.all(ctx, "all", { a: () => 3 }, { limit: undefined, onError: undefined } as never),
    ]);
    const runtime = await world.open([flow, small]);
    const run = await Workflow.start(runtime, flow, undefined, {
      id: undefined,
      tags: undefined,
      delay: undefined,
      correlation: undefined,
      tenant: undefined,
    });
    expect(await world.result(run)).toEqual([1, 2, 1, { a: 3 }] as never);
    expect(
      (await Run.list(runtime, { workflow: undefined, status: undefined, from: undefined, limit: undefined })).runs.length,
    ).toBe(2);
  });

  test("every option of a chain is taken, and reaches its step", async () => {
    const world = setup();
    const undone: string[] = [];
    const options = { retry: { attempts: 1 }, timeout: "5s", breaker: gate, undoRetry: { attempts: 1 } } as const;
    const flow = steps
      .step("b", () => Promise.reject(new Error("no")), {
        ...options,
        fallback: () => "instead",
        undo: () => void undone.push("b"),
      })
      .map(
        "c",
        () => [1, 2],
        (n) => n,
        { ...options, limit: 1, fallback: () => 0, undo: (n) => void undone.push(`c${n}`) },
      )
      .parallel(
        { d: () => 1, e: { run: () => 2, ...options, undo: () => void undone.push("e") } },
        { limit: 1, undo: { d: () => void undone.push("d") } },
      )
      .call("f", small, () => undefined, { id: () => "f-1", orphan: "keep", tags: ["x"] })
      .start("g", small, () => undefined, { id: () => "g-1", orphan: "cancel", tags: ["x"] })
      .wait("h", signal, { timeout: 10 })
      .step("i", () => Promise.reject(Fault.fatal("end")))
      .output();
    const runtime = await world.open([flow, small]);
    await thrown(world.result(await Workflow.start(runtime, flow, undefined)));
    expect(undone.toSorted()).toEqual(["b", "c1", "c2", "d", "e"]);
  });
});
