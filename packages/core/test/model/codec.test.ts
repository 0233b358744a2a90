import { describe, expect, test } from "bun:test";

import { decode, encode, roundtrip } from "../../src/model/codec.ts";
import { same } from "./same.ts";

const options = { what: 'result of step "charge"', limit: 1_048_576 };
const again = (value: unknown): unknown => decode(encode(value, options));

const bare = (fields: object): object => Object.assign(Object.create(null) as object, fields);
const self: Record<string, unknown> = { name: "self" };
self["self"] = self;
const ring: unknown[] = [];
ring.push(ring, new Map<unknown, unknown>([[ring, ring]]), new Set([ring]));
const shared = { sku: "A-1" };
const holes: unknown[] = [];
holes[3] = "three";
const far: unknown[] = [];
far[99_999_999] = 1;

describe("a plain value is kept as JSON", () => {
  const cases: readonly [unknown, string][] = [
    [null, "null"],
    [true, "true"],
    [0, "0"],
    [-1.5, "-1.5"],
    [Number.MAX_VALUE, "1.7976931348623157e+308"],
    [Number.MIN_VALUE, "5e-324"],
    [2 ** 53 + 2, "9007199254740994"],
    ["", '""'],
    ["~text", '"~text"'],
    ["a\0b", '"a\\u0000b"'],
    ["\ud800", '"\\ud800"'],
    ["x\udc00y", '"x\\udc00y"'],
    ["\u2028\u2029\ufffe\ufeff🙂e\u0301", '"\u2028\u2029\ufffe\ufeff🙂e\u0301"'],
    [[], "[]"],
    [{}, "{}"],
    [{ "\ud800": 1, "\0": 2 }, '{"\\ud800":1,"\\u0000":2}'],
    [{ b: 1, a: [1, [2, null]] }, '{"b":1,"a":[1,[2,null]]}'],
    [
      { constructor: 1, prototype: 2, hasOwnProperty: 3, toString: 4, length: 5 },
      '{"constructor":1,"prototype":2,"hasOwnProperty":3,"toString":4,"length":5}',
    ],
    [{ toJSON: "no function" }, '{"toJSON":"no function"}'],
    [{ 2: "b", 1: "a" }, '{"1":"a","2":"b"}'],
  ];
  test.each(cases)("%j", (value, text) => {
    expect(encode(value, options)).toBe(text);
    expect(same(again(value), value)).toBe(true);
  });

  test("undefined is no text at all", () => {
    expect(encode(undefined, options)).toBeNull();
    expect(decode(null)).toBeUndefined();
  });

  test("a getter is kept as its value", () =>
    expect(
      again({
        get total() {
          return 5;
        },
      }),
    ).toEqual({ total: 5 }));
  test("a frozen value can be handed in", () => expect(again(Object.freeze({ a: Object.freeze([1]) }))).toEqual({ a: [1] }));
});

describe("a rich value is kept behind a tilde", () => {
  const cases: readonly [string, unknown][] = [
    ["NaN", NaN],
    ["Infinity", Infinity],
    ["-Infinity", -Infinity],
    ["-0", -0],
    ["-0 within", { a: [-0, 0] }],
    ["undefined in an object", { a: undefined, b: 1 }],
    ["undefined in an array", [undefined, null]],
    ["a big integer", 2n ** 200n],
    ["a negative big integer", -255n],
    ["no big integer", 0n],
    ["a Date", new Date("2026-02-29T12:00:00.123Z")],
    ["the first Date", new Date(-8.64e15)],
    ["the last Date", new Date(8.64e15)],
    ["an invalid Date", new Date(NaN)],
    [
      "a Map",
      new Map<unknown, unknown>([
        ["a", 1],
        [NaN, -0],
        [{ k: 1 }, [1]],
        [undefined, undefined],
      ]),
    ],
    ["a Set", new Set<unknown>(["a", NaN, 0, null, undefined, { a: 1 }])],
    ["an empty Map and Set", [new Map(), new Set()]],
    ["a URL", new URL("https://ada:secret@example.org:8443/a%20b?q=%F0%9F%99%82#x")],
    ["URLSearchParams", new URLSearchParams("a=1&a=2&b=%00")],
    ["an object without a prototype", bare({ a: 1, constructor: 2 })],
    ["holes", holes],
    ["one hole", [1, , 3]], // oxlint-disable-line no-sparse-arrays
    ["an array of a hundred million holes", far],
    ["a cycle", self],
    ["a ring through Map, Set and array", ring],
    ["the same object twice", [shared, shared, { shared }]],
    ["the same Date twice", ((date: Date) => [date, { date }])(new Date(0))],
    ["lone surrogates beside a Date", { "\ud800": "\udc00", at: new Date(0) }],
    ["NUL and line separators beside a Date", ["\0\u2028\u2029<", new Date(0)]],
    ["text that looks like our own", ["~", "bytes", ["bytes", "AAAA"], ["error", {}], ["bigint", "ff"], undefined]],
    [
      "bytes",
      [
        new Uint8Array([1, 2, 255]),
        new Float64Array([NaN, -0, 1e300]),
        new BigInt64Array([-1n]),
        new DataView(new ArrayBuffer(3)),
        new ArrayBuffer(5),
      ],
    ],
    ["no bytes", [new Uint8Array(), new ArrayBuffer(0)]],
    ["half floats", new Float16Array([0.5, -2])],
    ["a Buffer", Buffer.from("hello")],
    [
      "Temporal",
      [
        Temporal.Instant.from("2026-01-01T00:00:00.123456789Z"),
        Temporal.Duration.from("P1DT2H"),
        Temporal.PlainDate.from("2026-02-28"),
      ],
    ],
    ["a zoned time", Temporal.ZonedDateTime.from("2026-03-29T01:59:59+01:00[Europe/Berlin]")],
  ];
  test.each(cases)("%s", (_, value) => {
    const text = encode(value, options);
    expect(text).toStartWith("~");
    expect(text?.isWellFormed()).toBe(true);
    expect(text).not.toContain("\0");
    expect(same(decode(text), value)).toBe(true);
  });

  test("a view keeps the bytes it shows and nothing of what lies around it", () => {
    const secret = new TextEncoder().encode("secret visible secret");
    const view = secret.subarray(7, 14);
    const text = encode(view, options);
    expect(text).not.toContain(Buffer.from("secret").toString("base64").slice(0, 6));
    expect(new TextDecoder().decode(decode(text) as Uint8Array)).toBe("visible");
    expect((decode(text) as Uint8Array).buffer.byteLength).toBe(7);
    expect(encode(Buffer.from("small"), options)?.length).toBeLessThan(60); // and not the pool of 8 KiB
  });

  test("an Error anywhere in a value is kept with its cause, and once when it is there twice", () => {
    const error = new TypeError("no", { cause: new Error("below") });
    const { first, second } = again({ first: error, second: new Map([["e", error]]) }) as {
      first: TypeError;
      second: Map<string, Error>;
    };
    expect(first).toBeInstanceOf(TypeError);
    expect(first).toMatchObject({ message: "no", stack: error.stack });
    expect(first.cause).toMatchObject({ message: "below" });
    expect(second.get("e")).toBe(first);
  });
});

describe("the live run goes on with what a replay will see", () => {
  test("leaves are given back as they are", () => {
    for (const value of [null, 1, "a", true, undefined, NaN, -0, 5n])
      expect(Object.is(roundtrip(value, options).value, value)).toBe(true);
  });

  test("objects are copied, deeply", () => {
    const inner = { list: [1] };
    const plain = roundtrip({ inner }, options).value as { inner: { list: number[] } };
    inner.list.push(2);
    expect(plain).toEqual({ inner: { list: [1] } });
    const date = new Date(0);
    const copy = roundtrip({ date }, options).value as { date: Date };
    date.setTime(1);
    expect(copy.date.getTime()).toBe(0);
  });

  test("the text is the one that encode gives", () => {
    for (const value of [{ a: 1 }, { a: NaN }, undefined, "x"])
      expect(roundtrip(value, options).text).toBe(encode(value, options));
  });
});

describe("a value that is too large", () => {
  const sized = (value: unknown, limit: number): string | null => encode(value, { ...options, limit });

  test("is refused by the bytes of its text, with the place and both sizes", () => {
    expect(sized("x".repeat(98), 100)).toHaveLength(100);
    expect(() => sized("x".repeat(99), 100)).toThrow(
      expect.objectContaining({
        code: "value_too_large",
        data: { what: options.what, size: 101, limit: 100 },
        message: expect.stringContaining(options.what) as unknown,
      }),
    );
    expect(sized("é".repeat(49), 100)).toHaveLength(51);
    expect(() => sized("é".repeat(50), 100)).toThrow("takes 102 bytes");
    expect(() => sized("日".repeat(33), 100)).toThrow("takes 101 bytes");
    expect(() => sized({ at: new Date(0), x: "x".repeat(100) }, 100)).toThrow("takes 1");
    expect(() => sized(undefined, 0)).not.toThrow();
  });

  test("is refused fast", () => {
    const large = "x".repeat(16 * 1_048_576);
    const start = performance.now();
    expect(() => encode({ large }, options)).toThrow("and the limit is 1048576");
    expect(performance.now() - start).toBeLessThan(30_000);
  });
});
