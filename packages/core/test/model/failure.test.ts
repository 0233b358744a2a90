import { describe, expect, test } from "bun:test";

import { decode, encode } from "../../src/model/codec.ts";
import { fromError, toError, type Failure } from "../../src/model/failure.ts";
import * as Fault from "../../src/model/fault.ts";
import { CardDeclined, Money, Named } from "./classes.ts";
import { same } from "./same.ts";

const options = { what: "error", limit: 1_048_576 };
const again = (thrown: unknown): Error => toError(fromError(thrown));

const trap = (): never => {
  throw new Error("touched");
};
const chain = (length: number): Error => {
  let error = new Error("bottom");
  for (let level = 1; level < length; level += 1) error = new Error(`level ${level}`, { cause: error });
  return error;
};
const tree = (depth: number): Error =>
  depth === 0 ? new Error("leaf") : new AggregateError([tree(depth - 1), tree(depth - 1), tree(depth - 1)], `depth ${depth}`);
const revoked = (target: object): object => {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
};
const circular = Object.assign(new Error("circular"), { self: {} });
circular.cause = circular;
circular.self = circular;
const couple = new Error("first", { cause: new Error("second") });
(couple.cause as Error).cause = couple;
const endless = (): Error => Object.defineProperty(new Error("endless"), "cause", { get: endless });
const getters = Object.defineProperties(
  new Error("x"),
  Object.fromEntries(
    ["name", "message", "stack", "cause", "code", "errors", "detail"].map((key) => [key, { get: trap, enumerable: true }]),
  ),
);
const traps = Object.fromEntries(Object.getOwnPropertyNames(Reflect).map((name) => [name, trap]));
const nested = (depth: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
};

describe("whatever is thrown becomes a record that can be kept and read", () => {
  const throwables: readonly [string, unknown, string][] = [
    ["undefined", undefined, "undefined"],
    ["null", null, "null"],
    ["a string", "boom", "boom"],
    ["an empty string", "", ""],
    ["a number", 42, "42"],
    ["NaN", NaN, "NaN"],
    ["false", false, "false"],
    ["a big integer", 5n, "5"],
    ["a symbol", Symbol("s"), "Symbol(s)"],
    ["a function", () => 1, "=>"],
    ["a class", Money, "class Money"],
    ["a plain object", { status: 500 }, '{"status":500}'],
    ["an object with a message", { message: "almost an error", code: 7 }, "almost an error"],
    ["an object without a prototype", Object.create(null), "[object Object]"],
    ["an array", [1, 2], "[1,2]"],
    ["an instance", new Money(5), "[object Object]"],
    ["a Date", new Date(0), "[object Date]"],
    ["a Promise", Promise.resolve(), "[object Promise]"],
    ["a Response", new Response("x", { status: 500 }), "[object Response]"],
    ["an object whose toString throws", { toString: trap, toJSON: trap }, "[object Object]"],
    ["a proxy that throws", new Proxy({}, traps), "(unreadable)"],
    ["a proxied Error that throws", new Proxy(new Error("x"), traps), ""],
    ["a revoked proxy", revoked({}), "(unreadable)"],
    ["a revoked function", revoked(() => 1), ""],
    ["an Error", new Error("plain"), "plain"],
    ["a frozen Error", Object.freeze(new Error("frozen")), "frozen"],
    ["an Error without anything", Object.setPrototypeOf(new Error("bare"), null), "bare"],
    ["an Error with getters that throw", getters, "(unreadable)"],
    ["an Error with odd parts", Object.assign(new Error("x"), { name: 5, message: { a: 1 }, stack: [], code: {} }), '{"a":1}'],
    ["an Error that is its own cause", circular, "circular"],
    ["Errors that are each other's cause", couple, "first"],
    ["a cause that always has another", endless(), "endless"],
    ["a chain of ten thousand", chain(10_000), "level 9999"],
    ["a tree of three to the eighth", tree(8), "depth 8"],
    ["an AggregateError of itself", ((a: AggregateError) => (a.errors.push(a), a))(new AggregateError([], "self")), "self"],
    [
      "an AggregateError of a hundred thousand",
      new AggregateError(
        Array.from({ length: 100_000 }, () => new Error("x")),
        "many",
      ),
      "many",
    ],
    ["a message of ten million characters", new Error("m".repeat(1e7)), "mmm"],
    ["a stack of ten million characters", Object.assign(new Error("s"), { stack: "s".repeat(1e7) }), "s"],
    ["a name of ten million characters", Object.assign(new Error("n"), { name: "n".repeat(1e7) }), "n"],
    [
      "ten thousand fields",
      Object.assign(
        new Error("fields"),
        Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`f${index}`, "v".repeat(100)])),
      ),
      "fields",
    ],
    ["a field of a million elements", Object.assign(new Error("large"), { body: Array(1e6).fill("x") }), "large"],
    ["a field of 200,000 levels", Object.assign(new Error("deep"), { body: nested(200_000) }), "deep"],
    ["a field with a function", Object.assign(new Error("fn"), { retry: () => 1 }), "fn"],
    ["a field with a class instance", Object.assign(new Error("req"), { request: new Request("http://x.test") }), "req"],
    [
      "fields that are revoked proxies",
      Object.assign(new Error("proxies"), { a: revoked([]), b: revoked({}), errors: revoked([]), cause: revoked({}) }),
      "proxies",
    ],
    ["a list that throws", Object.assign(new Error("list"), { errors: new Proxy([new Error("x")], { get: trap }) }), "list"],
    ["a field with the Error in it", ((e: Error) => Object.assign(e, { context: { e } }))(new Error("ring")), "ring"],
    [
      "a field named __proto__",
      Object.defineProperty(new Error("p"), "__proto__", { value: { polluted: 1 }, enumerable: true }),
      "p",
    ],
    ["NUL and lone surrogates", new Error("a\0b\ud800"), "a\0b\ud800"],
    ["a DOMException", new DOMException("stopped", "AbortError"), "stopped"],
    ["the reason of an abort", AbortSignal.abort().reason, "abort"],
    [
      "a syntax error of JSON",
      ((): unknown => {
        try {
          return JSON.parse("{");
        } catch (error) {
          return error;
        }
      })(),
      "JSON",
    ],
    [
      "a full stack",
      ((): unknown => {
        const f = (): number => f() + 1;
        try {
          return f();
        } catch (error) {
          return error;
        }
      })(),
      "call stack",
    ],
  ];
  test.each(throwables)("%s", (_, thrown, message) => {
    const start = performance.now();
    const failure = fromError(thrown);
    const text = encode(failure, options);
    expect(performance.now() - start).toBeLessThan(30_000);
    expect(failure.message).toContain(message);
    expect(text?.isWellFormed()).toBe(true);
    const live = toError(failure);
    const replayed = toError(decode(text) as Failure);
    expect(live).toBeInstanceOf(Error);
    expect(same(replayed, live)).toBe(true);
    expect(fromError(live).message).toBe(failure.message);
    expect(encode({ thrown: live, at: new Date(0) }, options)).toStartWith("~");
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

describe("an Error comes back as it was", () => {
  test.each([TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError, Error])("%p keeps its class", (Type) => {
    const error = new Type("no", { cause: "why" });
    const back = again(error);
    expect(back).toBeInstanceOf(Type);
    expect(back.name).toBe(Type.name);
    expect(same(back, error)).toBe(true);
    expect(Object.keys(back)).toEqual([]);
  });

  test("an AggregateError keeps its errors, and what is none among them", () => {
    const back = again(new AggregateError([new TypeError("one"), "two", () => 3], "all")) as AggregateError;
    expect(back).toBeInstanceOf(AggregateError);
    expect(back.errors[0]).toBeInstanceOf(TypeError);
    expect(back.errors).toEqual([expect.objectContaining({ message: "one" }), "two"]);
    expect(Object.keys(back)).toEqual([]);
  });

  test("a Fault stays a Fault", () => {
    const back = again(Fault.make("retry_after", "later", { delay: 5 }, { cause: new Error("below") }));
    expect(Fault.is(back, "retry_after")).toBe(true);
    expect(back).toMatchObject({ data: { delay: 5 }, cause: { message: "below" } });
    expect(again(Fault.make("fatal", "no", { call: () => 1 }))).toMatchObject({ code: "fatal", data: {} });
  });

  test("a class of a user comes back as an Error with its name and fields", () => {
    expect(again(new CardDeclined("no"))).toMatchObject({ name: "CardDeclined", message: "no" });
    expect(again(new Named("no"))).toMatchObject({ name: "NamedError", retryable: false });
    expect(Object.getPrototypeOf(again(new CardDeclined("no")))).toBe(Error.prototype);
  });

  test("own fields and the code are kept, rich ones too, as copies", () => {
    const detail = { at: new Date(0), seen: new Map([["a", 1n]]) };
    const back = again(
      Object.assign(new Error("x"), { code: "ECONNRESET", errno: -104, detail, at: new Date(5) }),
    ) as unknown as Record<string, unknown>;
    expect(back).toMatchObject({ code: "ECONNRESET", errno: -104, at: new Date(5) });
    expect(same(back["detail"], detail)).toBe(true);
    expect(back["detail"]).not.toBe(detail);
  });

  test("errors in fields are kept as errors", () => {
    const back = again(
      Object.assign(new Error("x"), { original: new TypeError("below"), attempts: [new Error("one"), new Error("two")] }),
    );
    expect(back).toMatchObject({ original: { message: "below" }, attempts: [{ message: "one" }, { message: "two" }] });
    expect((back as unknown as { original: Error }).original).toBeInstanceOf(TypeError);
  });

  test("a line and a column of a user's own are fields", () => {
    class ParseError extends Error {
      readonly line = 3;
      readonly column = 7;
    }
    expect(again(new ParseError("x"))).toMatchObject({ name: "ParseError", line: 3, column: 7 });
  });

  test("what is no Error is the cause of one", () => {
    expect(again("boom")).toMatchObject({ name: "NonError", message: "Thrown, and no Error: boom", cause: "boom" });
    expect(again({ status: 500 })).toMatchObject({ cause: { status: 500 } });
    expect("cause" in again(undefined)).toBe(false);
  });
});

describe("a record is bounded", () => {
  test("long messages and stacks are cut, and say so", () => {
    const failure = fromError(Object.assign(new Error("m".repeat(10_000)), { stack: "s".repeat(20_000) }));
    expect(failure.message).toBe(`${"m".repeat(8_152)} … (1848 more characters)`);
    expect(failure.stack).toBe(`${"s".repeat(16_344)} … (3656 more characters)`);
    expect(fromError(toError(failure))).toEqual(failure);
    expect(fromError(new Error(`${"m".repeat(8_151)}🙂${"m".repeat(100)}`)).message).toStartWith(`${"m".repeat(8_151)} …`);
  });

  test("a chain of causes ends after sixteen, and says so", () => {
    let failure: Failure | undefined = fromError(chain(100));
    let length = 0;
    let last: Failure | undefined;
    for (; failure !== undefined; length += 1) {
      last = failure;
      failure = failure.cause !== undefined && "failure" in failure.cause ? failure.cause.failure : undefined;
    }
    expect(length).toBe(16);
    expect(last?.dropped).toEqual(["cause: deeper than 16 errors"]);
  });

  test("a long list of errors is cut, and says so", () => {
    const failure = fromError(
      new AggregateError(
        Array.from({ length: 100 }, (_, index) => new Error(`e${index}`)),
        "many",
      ),
    );
    expect(failure.errors?.["errors"]).toHaveLength(31);
    expect(failure.dropped).toEqual(["errors: what follows the first 32", "errors[31]: more than 32 errors"]);
  });

  test("is made even when the stack has no room left", () => {
    const seen: Failure[] = [];
    const fall = (): void => {
      try {
        fall();
      } finally {
        if (seen.length < 50) seen.push(fromError(new Error("deep", { cause: new Error("below") })));
      }
    };
    expect(fall).toThrow();
    expect(seen).toHaveLength(50);
  });

  test("what is left out is named, with the reason", () => {
    const request = Object.assign(new Error("x"), {
      request: new Money(1),
      options: { agent: () => 1 },
      cause: { retry: () => 1 },
    });
    expect(fromError(request).dropped).toEqual([
      "cause.retry: a function",
      "request: an instance of Money",
      "options.agent: a function",
    ]);
    expect(fromError(circular).dropped).toEqual(["cause: circular", "self: circular"]);
  });

  test("a large field that is left out takes nothing from the others", () => {
    const body = Object.assign(new Error("one"), { body: Array(1e5).fill("x"), status: 500, text: "x".repeat(16_000) });
    const failure = fromError(new AggregateError([body, body, new Error("last")], "all"));
    const [first, , last] = (toError(failure) as AggregateError).errors as Error[];
    expect(first).toMatchObject({ message: "one", status: 500, text: "x".repeat(16_000) });
    expect(last?.message).toBe("last");
  });

  test("the worst there is still fits into the limit of a value", () => {
    const long = "\ud800".repeat(16_000);
    const parts = {
      stack: long + long,
      long,
      bytes: new Uint8Array(16_000),
      keys: Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`${index}${"\ud800".repeat(1_000)}`, Math.PI])),
      numbers: Array(1_500).fill(-Math.PI * 1e-300),
      pairs: Array.from({ length: 500 }, () => new Map([[undefined, -0]])),
      [long.slice(0, 190)]: () => 1,
    };
    const worst = (depth: number): Error =>
      Object.assign(new AggregateError(depth === 0 ? [] : Array.from({ length: 40 }, () => worst(depth - 1)), long), parts);
    const size = Buffer.byteLength(encode(fromError(worst(2)), options) ?? "");
    expect(size).toBeGreaterThan(300_000);
    expect(size).toBeLessThan(1_048_576);
  });
});

describe("a damaged record gives an Error all the same", () => {
  const damaged: readonly unknown[] = [
    {},
    { name: "Fault" },
    { name: 5, message: [] },
    { name: "__proto__", message: "x" },
    { name: "constructor", message: "x" },
    { message: "x", fields: { message: 1, stack: 2, ["__proto__"]: { polluted: 1 } } },
  ];
  test.each(damaged.map((record) => [record]))("%j", (record) => {
    const error = toError(record as Failure);
    expect(error).toBeInstanceOf(Error);
    expect(typeof error.name).toBe("string");
    expect(typeof error.message).toBe("string");
    expect((error as unknown as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});
