import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";

import { decode, encode } from "../../src/model/codec.ts";
import * as Fault from "../../src/model/fault.ts";
import { same } from "./same.ts";

/** Ms after which a value counts as one that hangs the process; what is quick on an idle machine is slow on a busy one. */
const stuck = 30_000;
setDefaultTimeout(120_000);

const options = { what: 'input of workflow "fulfil-order"', limit: 1e8 };
const timed = (work: () => unknown): number => {
  const start = performance.now();
  work();
  return performance.now() - start;
};
const nested = (depth: number, wrap: (inner: unknown) => unknown): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = wrap(value);
  return value;
};

describe("nothing pollutes a prototype", () => {
  const evil = ['{"polluted":1}', "null", "1", '"x"', "[1]", '{"toString":1}'];
  const keys = ["__proto__", "constructor", "prototype", "\\u005f_proto__", "__defineGetter__", "hasOwnProperty", "toString"];
  const bodies = [
    ...keys.flatMap((key) => evil.map((value) => `{"${key}":${value}}`)),
    '{"constructor":{"prototype":{"polluted":1}}}',
    '{"a":{"__proto__":{"polluted":1}}}',
    '[{"__proto__":{"polluted":1}}]',
    '{"__proto__":{"__proto__":{"polluted":1}}}',
    '{"a":1,"__proto__":{"polluted":1},"b":2}',
    '{"__proto__":[],"length":1}',
    '{"isAdmin":true,"__proto__":{"isAdmin":true}}',
    '{"constructor":{"name":"Error","prototype":{"polluted":1}}}',
  ];
  test.each(bodies.map((body) => [body]))("%s", (body) => {
    const value = JSON.parse(body) as unknown;
    for (const held of [value, { held: value, at: new Date(0) }, new Map([["held", value]])]) {
      const proto = body.includes("__proto__") || body.includes("_proto__");
      if (proto) expect(() => encode(held, options)).toThrow(expect.objectContaining({ code: "invalid_value" }));
      else expect(same(decode(encode(held, options)), held)).toBe(true);
    }
    for (const text of [body, `~[${body}]`, `~[["error",1],${body}]`, `~[["null","__proto__",1],${body}]`]) {
      try {
        decode(text);
      } catch (error) {
        expect(Fault.is(error, "invalid_value")).toBe(true);
      }
    }
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});

describe("depth", () => {
  const wraps: readonly [string, (inner: unknown) => unknown][] = [
    ["objects", (a) => ({ a })],
    ["arrays", (a) => [a]],
    ["Maps", (a) => new Map([["a", a]])],
    ["Sets", (a) => new Set([a])],
    ["Map keys", (a) => new Map([[a, 1]])],
    ["objects beside NaN", (a) => ({ a, n: NaN })],
  ];
  test.each(wraps)("a thousand levels of %s are kept, one more is refused", (_, wrap) => {
    expect(same(decode(encode(nested(1_000, wrap), options)), nested(1_000, wrap))).toBe(true);
    expect(() => encode(nested(1_001, wrap), options)).toThrow("nested more than 1000 levels deep");
  });
  test.each(wraps)("200,000 levels of %s are refused at once, with a short path", (_, wrap) => {
    const value = nested(200_000, wrap);
    const spent = timed(() => expect(() => encode(value, options)).toThrow(/nested more than 1000 levels.{0,200}$/));
    expect(spent).toBeLessThan(stuck);
  });
  test("a text of 200,000 levels is read or refused, never fatal", () => {
    for (const text of [
      "[".repeat(200_000) + "]".repeat(200_000),
      `~[${Array.from({ length: 200_000 }, (_, index) => `[${index + 1}]`).join(",")},1]`,
    ]) {
      try {
        decode(text);
      } catch (error) {
        expect(Fault.is(error, "invalid_value")).toBe(true);
      }
    }
  });
  test("is kept, refused or a RangeError when the stack is almost used up, never a crash", () => {
    const within = (left: number): unknown =>
      left > 0
        ? within(left - 1)
        : encode(
            nested(1_000, (a) => ({ a })),
            options,
          );
    for (const left of [2_000, 5_000, 10_000, 20_000, 40_000, 80_000]) {
      try {
        within(left);
      } catch (error) {
        expect(Fault.is(error, "invalid_value") || error instanceof RangeError).toBe(true);
      }
    }
  });
});

describe("size", () => {
  test("a million keys", () => {
    const keys = Object.fromEntries(Array.from({ length: 1e6 }, (_, index) => [`k${index}`, index]));
    expect(timed(() => expect(Object.keys(decode(encode(keys, options)) as object)).toHaveLength(1e6))).toBeLessThan(stuck);
  });
  test("a million plain elements, two hundred thousand rich ones", () => {
    const elements = Array.from({ length: 1e6 }, (_, index) => index);
    expect(timed(() => decode(encode(elements, options)))).toBeLessThan(stuck);
    expect(timed(() => decode(encode([NaN, ...elements.slice(0, 200_000)], options)))).toBeLessThan(stuck);
  });
  test("a hundred million holes cost nothing", () => {
    const before = process.memoryUsage.rss();
    const holes: unknown[] = [];
    holes.length = 1e8;
    const spent = timed(() => {
      const text = encode({ holes }, options);
      expect(text?.length).toBeLessThan(100);
      expect((decode(text) as { holes: unknown[] }).holes).toHaveLength(1e8);
      expect(decode("~[[-7,4294967295]]")).toHaveLength(4_294_967_295);
    });
    expect(spent).toBeLessThan(stuck);
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 2 ** 20);
  });
  test("shared parts stay shared: two to the hundredth power of laughs", () => {
    let laugh: unknown = ["ha"];
    for (let level = 0; level < 100; level += 1) laugh = [laugh, laugh];
    const text = encode(laugh, options);
    expect(text?.length).toBeLessThan(2_000);
    expect(same(decode(text), laugh)).toBe(true);
  });
  test("a big integer of 300,000 digits", () => {
    const big = 10n ** 300_000n;
    expect(timed(() => expect(decode(encode(big, options)) === big).toBe(true))).toBeLessThan(stuck);
  });
  test("texts made to slow regular expressions down", () => {
    const texts = ["a".repeat(1e6), "\\".repeat(1e6), '"'.repeat(1e6), "\ud800".repeat(1e6), "~".repeat(1e6), "-".repeat(1e6)];
    expect(
      timed(() => texts.map((text) => [encode(text, options), encode([text, NaN], options), encode({ [text]: 1 }, options)])),
    ).toBeLessThan(stuck);
  });
  test("a thousand views on a million bytes write what they show and never the buffer", () => {
    const buffer = new ArrayBuffer(1e6);
    const views = Array.from({ length: 1_000 }, (_, index) => new Uint8Array(buffer, index, 1));
    expect(encode(views, options)?.length).toBeLessThan(200_000);
  });
});

test("SQLite gives back every text as it was", () => {
  const database = new Database(":memory:", { strict: true });
  const keep = database.query<{ text: string | null }, [string | null]>("SELECT ?1 AS text");
  const values = [
    "a\0b",
    "\ud800",
    "x\udfff",
    "🙂",
    "e\u0301",
    "\u2028",
    "\ufffe",
    "",
    ["\0", NaN, "\ud800"],
    { "\ud800\0": -0 },
    undefined,
    new Map([["\udfff", "\0"]]),
  ];
  for (const value of values) expect(same(decode(keep.get(encode(value, options))?.text ?? null), value)).toBe(true);
  database.close();
});
