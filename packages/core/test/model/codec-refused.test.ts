import { describe, expect, test } from "bun:test";

import { decode, encode } from "../../src/model/codec.ts";
import * as types from "./classes.ts";

const options = { what: 'result of step "charge"', limit: 1e9 };
const refusal = (value: unknown): { readonly path: string; readonly is: string; readonly what: string } => {
  try {
    encode(value, options);
  } catch (error) {
    expect(error).toMatchObject({ name: "Fault", code: "invalid_value", data: { what: options.what } });
    expect((error as Error).message).toContain(options.what);
    return (error as { data: { path: string; is: string; what: string } }).data;
  }
  throw new Error("was kept");
};

const throwing = (trap: keyof ProxyHandler<object>, target: object = {}): object =>
  new Proxy(target, {
    [trap]: () => {
      throw new Error("touched");
    },
  });
const revoked = (() => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
})();
const detached = new Uint8Array(8);
structuredClone(detached.buffer, { transfer: [detached.buffer] });

describe("what cannot be kept is refused where it is, with what it is", () => {
  const cases: readonly [string, unknown, string, string][] = [
    ["a function", () => 1, "", "a function"],
    ["a function within", { lines: [{}, {}, {}, { price: () => 1 }] }, ".lines[3].price", "a function"],
    ["a class", { Class: types.Money }, ".Class", "a function"],
    ["a symbol", [Symbol("a")], "[0]", "a symbol"],
    ["a symbol as a key", { a: { [Symbol("k")]: 1 } }, ".a", "symbols as keys"],
    ["a hidden property", Object.defineProperty({}, "hidden", { value: 1 }), "", "not enumerable"],
    ["an instance", { total: new types.Money(5) }, ".total", "an instance of Money"],
    ["a nameless instance", { x: Object.create({}) as object }, ".x", "an instance of Object"],
    ["a subclass of Map", new types.Index(), "", "an instance of Index"],
    ["a subclass of Array", [types.List.of(1)], "[0]", "an instance of List"],
    ["a subclass of Uint8Array", new types.Blocks(4), "", "an instance of Blocks"],
    ["a regular expression", { pattern: /a/g }, ".pattern", "an instance of RegExp"],
    ["a Promise", { later: Promise.resolve(1) }, ".later", "a Promise"],
    ["a WeakMap", [new WeakMap()], "[0]", "an instance of WeakMap"],
    ["a boxed number", [Object(1)], "[0]", "an instance of Number"],
    ["a Response", { response: new Response("x") }, ".response", "an instance of Response"],
    ["toJSON", { toJSON: () => 1 }, ".toJSON", "a function"],
    ["an instance with toJSON", new types.Money(5), "", "an instance of Money"],
    ["an array with properties", Object.assign([1], { extra: 1 }), "", "an array with properties beside its elements"],
    ["a match", /a/.exec("a"), "", "an array with properties"],
    ["a sparse array with properties", Object.assign(Array(5), { extra: 1 }), "", "an array with properties"],
    ["a Map with properties", Object.assign(new Map(), { extra: 1 }), "", "properties added to it"],
    ["a Date with properties", Object.assign(new Date(), { zone: "UTC" }), "", "properties added to it"],
    ["a function as the value of a Map", new Map([["price", () => 1]]), ".price", "a function"],
    ["a function under an odd key of a Map", new Map([[null, () => 1]]), " (a value of the Map) ", "a function"],
    [
      "a function in a Set in a Map",
      { m: new Map([[{}, new Set([() => 1])]]) },
      ".m (a value of the Map)  (an element of the Set) ",
      "a function",
    ],
    ["shared memory", new Uint8Array(new SharedArrayBuffer(4)), "", "an instance of Uint8Array"],
    ["memory that can grow", new ArrayBuffer(4, { maxByteLength: 8 }), "", "an instance of ArrayBuffer"],
    ["memory that is gone", detached, "", "an instance of Uint8Array"],
    ["a key that is no word", { "a b": { "0x": Symbol("a") } }, '["a b"]["0x"]', "a symbol"],
    [
      "a getter that throws",
      {
        a: {
          get b(): number {
            throw new Error("touched");
          },
        },
      },
      ".a.b",
      "unreadable: touched",
    ],
    ["a proxy whose keys throw", { p: throwing("ownKeys") }, ".p", "unreadable: touched"],
    ["a proxy whose prototype throws", { p: throwing("getPrototypeOf") }, ".p", "unreadable: touched"],
    ["a proxy whose fields throw", [throwing("get", { a: 1 })], "[0].a", "unreadable: touched"],
    ["a proxy whose elements throw", [throwing("has", [1]), throwing("get", [1])], "[1]", "unreadable: touched"],
    ["a proxy that is revoked", { revoked }, ".revoked", "unreadable"],
    ["a fake Date", [Object.create(Date.prototype)], "", "nothing that can be written"],
    ["a fake Map", [Object.create(Map.prototype)], "[0]", "unreadable"],
    ["a fake typed array", [Object.create(Uint8Array.prototype)], "[0]", "an instance of Uint8Array"],
    [
      "a bare object with __proto__",
      Object.defineProperty(Object.create(null) as object, "__proto__", { value: 1, enumerable: true }),
      "",
      "__proto__",
    ],
  ];
  test.each(cases)("%s", (_, value, path, is) => {
    const found = refusal(value);
    expect(found.path).toBe(path);
    expect(found.is).toContain(is);
  });

  test("even beside something rich, or when it is met twice", () => {
    const shared = { call: () => 1 };
    expect(refusal({ at: new Date(), shared: [shared, shared] }).path).toBe(".shared[0].call");
  });

  test("a long path is shown by its ends", () => {
    let value: unknown = Symbol("deep");
    for (let depth = 0; depth < 500; depth += 1) value = { [`level${depth}`]: value };
    expect(refusal(value).path).toBe(".level499.level498.level497.level496.level495.level494 … .level3.level2.level1.level0");
    expect(refusal({ ["k".repeat(1e6)]: Symbol("x") }).path.length).toBeLessThan(100);
  });
});

describe("a text that encode did not make", () => {
  const texts: readonly string[] = [
    "",
    " ",
    "~",
    "~[",
    "nul",
    "{",
    '{"a":}',
    "undefined",
    "NaN",
    "[1,]",
    "'a'",
    '"\ud800',
    "~[]",
    "~{}",
    "~1",
    "~null",
    "~[[1]]",
    '~[["RegExp","(a+)+$"]]',
    '~[["RegExp",1],"a"]',
    '~[["Object",1],5]',
    '~[["BigInt","9"]]',
    '~[["ArrayBuffer","AAAA"]]',
    '~[["Uint8Array",1],["ArrayBuffer","AAAA"]]',
    '~[["Int8Array",1],1e9]',
    '~[["DataView",1],["ArrayBuffer",""]]',
    '~[["Function",1],"alert(1)"]',
    '~[["constructor",1],"x"]',
    '~[["__proto__",1],"x"]',
    '~[["toString"]]',
    '~[{"__proto__":1},{"polluted":2},true]',
    '~[["null","__proto__",1],5]',
    '~[["bytes",1],["Uint8Array",2],5]',
    '~[["bytes",1],[2,3],"Uint8Array",5]',
    '~[["bytes",1],[2,3],"Function","AAAA"]',
    '~[["bytes",1],[2,3],"constructor","AAAA"]',
    '~[["bytes",1],[2,3],"Float64Array","AAAA"]',
    '~[["bytes",1],[2,3],"Uint8Array","§"]',
    '~[["bigint",1],"zz"]',
    '~[["bigint",1],""]',
    '~[["bigint",1],5]',
    '~[["bigint",0]]',
    '~[["error",0]]',
    '~[["Date"],1',
    '~[["URL","no url"]]',
    '~[["Temporal.Nothing","x"]]',
    '~[["Temporal.Instant","x"]]',
    "~[[-7,-1]]",
    "~[[-7,1e99]]",
    "~[[-7,5,9,1],1]",
    '~[["Map",1]',
    "~".repeat(5),
  ];
  test.each(texts.map((text) => [text]))("%p is refused", (text) => {
    expect(() => decode(text)).toThrow(expect.objectContaining({ name: "Fault", code: "invalid_value" }));
  });
});
