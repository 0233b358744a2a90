// Values: what the body gets live is what it gets on replay, and what cannot be kept is refused where it is handed over.
import { describe, expect, test } from "bun:test";
import { Context, Run, Signal, Step, Workflow } from "../../src/index.ts";
import { same } from "../model/same.ts";
import { runToEnd, setup } from "../kit/world.ts";
import { thrown } from "./scene.ts";

const any = Signal.define("any");

const cycle = (): unknown => {
  const a: Record<string, unknown> = { name: "a" };
  a["self"] = a;
  a["list"] = [a, { a }];
  return a;
};

const failure = () =>
  Object.assign(new RangeError("outer", { cause: new TypeError("inner", { cause: { deep: [1n] } }) }), {
    code: "E_X",
    sku: 7,
    when: new Date(3),
  });

const kept: readonly (readonly [string, () => unknown])[] = [
  ["undefined", () => undefined],
  ["null", () => null],
  ["NaN, infinities and -0", () => [Number.NaN, Infinity, -Infinity, -0, 0]],
  ["-0 alone", () => -0],
  ["a Date, also an invalid one", () => [new Date(1), new Date(Number.NaN)]],
  [
    "a Map and a Set",
    () =>
      new Map<unknown, unknown>([
        ["k", new Set([1, "2", undefined])],
        [{ key: "object" }, new Map()],
      ]),
  ],
  ["BigInts", () => [0n, -(2n ** 200n)]],
  [
    "typed arrays and buffers",
    () => [
      new Uint8Array([1, 2, 255]),
      new Float64Array([0.1, -0]),
      new BigInt64Array([-1n]),
      new DataView(new ArrayBuffer(3)),
      new ArrayBuffer(2),
      Buffer.from("hi"),
    ],
  ],
  ["a URL", () => [new URL("https://x.example/?a=1#b"), new URLSearchParams("a=1&a=2")]],
  ["an Error with cause, code and fields of its own", failure],
  ["a cycle and what is shared", cycle],
  ["undefined fields and holes", () => ({ a: undefined, b: Object.assign(Array.from<number>({ length: 0 }), { 2: 3 }) })],
  [
    "NUL, lone surrogates and odd keys",
    () => ({ "a\u0000b": "\ud800 \u0000 \udfff", "\ud83d": "\u2028", "": 1, constructor: 2, toString: 3 }),
  ],
  ["900 levels", () => Array.from({ length: 900 }).reduce<unknown>((inner) => [inner], 1)],
  ["text that looks like ours", () => ["~", "~[]", '{"a":1}', "__proto__"]],
];

describe("what can be kept is the same everywhere: input, step, signal, state and output, live and on replay", () => {
  test.each(kept)("%s", async (_, make) => {
    const world = setup();
    const seen: unknown[][] = [];
    const flow = Workflow.define({ name: "flow" }, async (ctx, input: unknown) => {
      const step = await Step.run(ctx, "step", make);
      const signal = await Step.wait(ctx, any);
      Context.publish(ctx, step);
      seen.push([input, step, signal]);
      await Step.sleep(ctx, "nap", "1h");
      return step;
    });
    const first = await world.open([flow]);
    const run = await Workflow.start(first, flow, make());
    await Signal.send(run, any, make());
    await world.clock.advance(1_000);
    await world.crash(first);
    const second = Run.of(await world.open([flow]), run.id, flow);
    const output = await world.result(second);
    expect(seen.length).toBe(2);
    const wanted = seen[0]?.[1];
    for (const value of [
      ...seen.flat(),
      output,
      await Run.state(second),
      (await Run.get(second)).output,
      (await Run.get(second)).input,
    ]) {
      const isError = value instanceof Error;
      expect(isError ? [value.name, value.message, Object.entries(value), String(value.cause)] : same(value, make())).toEqual(
        isError ? ["RangeError", "outer", Object.entries({ code: "E_X", sku: 7, when: new Date(3) }), "TypeError: inner"] : true,
      );
    }
    expect(same(seen[1]?.[1], wanted)).toBe(true);
  });

  test("the body gets a copy: what the step still does to its own does not show", async () => {
    const world = setup();
    const mine = { list: [1] };
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const got = await Step.run(ctx, "a", () => mine);
      mine.list.push(2);
      return got;
    });
    expect(await runToEnd(world, await world.open([flow]), flow, undefined)).toEqual({ list: [1] });
  });
});

class Money {
  readonly amount = 1;
}

const deep = (levels: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = { inner: value };
  return value;
};

const refused: readonly (readonly [string, () => unknown, RegExp])[] = [
  ["a function", () => ({ on: [{ click: () => 1 }] }), /\.on\[0\]\.click is a function/],
  ["a symbol", () => ({ s: Symbol("x") }), /\.s is a symbol/],
  ["an instance of a class", () => ({ price: new Money() }), /\.price is an instance of Money/],
  ["a Promise", () => ({ later: Promise.resolve(1) }), /\.later is a Promise/],
  ["a WeakMap", () => new WeakMap(), /instance of WeakMap/],
  ["a RegExp", () => [/x/], /\[0\] is an instance of RegExp/],
  [
    "a key named __proto__",
    () => JSON.parse('{"a":{"__proto__":{"admin":true}}}') as unknown,
    /\.a is an object with a key named "__proto__"/,
  ],
  ["200,000 levels", () => deep(200_000), /nested more than 1000 levels deep/],
  [
    "a getter that throws",
    () =>
      Object.defineProperty({}, "x", {
        enumerable: true,
        get: () => {
          throw new Error("boo");
        },
      }),
    /unreadable: boo/,
  ],
];

describe("what cannot be kept is refused with its path", () => {
  test.each(refused)("%s, as the result of a step: the step's name is told, and nothing is retried", async (_, make, path) => {
    const world = setup();
    let calls = 0;
    const flow = Workflow.define({ name: "flow" }, (ctx) => Step.run(ctx, "charge", () => (calls++, make())));
    const error = (await thrown(runToEnd(world, await world.open([flow]), flow, undefined))).cause;
    expect(error.code).toBe("invalid_value");
    expect(error.message).toMatch(path);
    expect(error.message).toContain('result of step "charge"');
    expect(calls).toBe(1);
  });

  test.each(refused)("%s, as an input, a signal, a state and an output", async (_, make, path) => {
    const world = setup();
    const caught: (Error & { code?: string })[] = [];
    const flow = Workflow.define({ name: "flow" }, async (ctx, _input: unknown) => {
      try {
        Context.publish(ctx, make());
      } catch (error) {
        caught.push(error as Error);
      }
      await Step.wait(ctx, any);
      return make();
    });
    const runtime = await world.open([flow]);
    caught.push(await thrown(Workflow.start(runtime, flow, make())));
    const run = await Workflow.start(runtime, flow, 1);
    await world.clock.settle();
    caught.push(await thrown(Signal.send(run, any, make())));
    await Signal.send(run, any, 1);
    caught.push((await thrown(world.result(run))).cause);
    expect(caught.length).toBe(4);
    expect(caught.map(({ code }) => code)).toEqual(caught.map(() => "invalid_value"));
    for (const error of caught) expect(error.message).toMatch(path);
    expect((await Run.list(runtime)).runs.length).toBe(1);
  });
});

type Caught = { readonly code: string; readonly message: string; readonly data: unknown };

describe("the limit", () => {
  test("holds in bytes for a result, an input, a signal, a state, an output and a child's input; each says what and how large", async () => {
    const world = setup();
    const large = "é".repeat(600);
    const caught: Caught[] = [];
    const flow = Workflow.define({ name: "flow" }, async (ctx, _input: unknown) => {
      await Step.run(ctx, "charge", () => large).catch((error: unknown) => caught.push(error as Caught));
      await Step.call(ctx, flow, large).catch((error: unknown) => caught.push(error as Caught));
      try {
        Context.publish(ctx, large);
      } catch (error) {
        caught.push(error as Caught);
      }
      await Step.wait(ctx, any);
      return large;
    });
    const runtime = await world.open([flow], { payload: 1_000 });
    caught.push(await thrown(Workflow.start(runtime, flow, large)));
    const run = await Workflow.start(runtime, flow, "é".repeat(499));
    caught.push(await thrown(Signal.send(run, any, large)));
    await Signal.send(run, any, 1);
    caught.push((await thrown(world.result(run))).cause);
    expect(caught.length).toBe(6);
    for (const { code, data, message } of caught) {
      expect(code).toBe("value_too_large");
      expect(data).toMatchObject({ size: 1_202, limit: 1_000 });
      expect(message).toContain("1202 bytes");
    }
    expect(caught.map(({ message }) => /The (\w+)/.exec(message)?.[1]).toSorted((a = "", b = "") => a.localeCompare(b))).toEqual([
      "input",
      "input",
      "output",
      "result",
      "signal",
      "state",
    ]);
    expect(caught.find(({ message }) => message.includes("result of"))?.message).toContain('step "charge"');
  });

  test("a value of just the limit is kept", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, (ctx) => Step.run(ctx, "a", () => "x".repeat(998)));
    expect(await runToEnd(world, await world.open([flow], { payload: 1_000 }), flow, undefined)).toHaveLength(998);
  });

  test("an error of any size and shape is kept, cut where it must be", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(
        ctx,
        "a",
        () => {
          throw Object.assign(new Error("x".repeat(5_000_000), { cause: cycle() }), {
            big: "y".repeat(2_000_000),
            call: () => 1,
            deep: deep(200_000),
          });
        },
        { retry: { attempts: 1 } },
      ),
    );
    const run = await Workflow.start(await world.open([flow], { payload: 1_000 }), flow);
    const error = await thrown(world.result(run));
    expect(error.cause.message.length).toBeLessThan(10_000);
    const failed = (await Run.history(run)).find(({ kind }) => kind === "step-failed")?.value as Run.Failure;
    expect(failed.dropped?.map((line) => line.slice(0, 4))).toEqual(["big:", "call", "deep"]);
  });
});
