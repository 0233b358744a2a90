import { describe, expect, test } from "bun:test";

import { assertName, assertRunId, childId, random, uuidFrom } from "../../src/model/ids.ts";

const fits = (check: () => void): boolean => {
  try {
    check();
    return true;
  } catch (error) {
    expect(error).toMatchObject({ name: "Fault", code: "invalid_option" });
    return false;
  }
};

const controls = [...Array(32).keys(), ...Array.from({ length: 33 }, (_, index) => 127 + index)].map((code) =>
  String.fromCharCode(code),
);

describe("the id of a run", () => {
  const taken = [
    "a",
    "order-1",
    "0",
    " ",
    "a ",
    " a",
    "A",
    "á",
    "a\u0301",
    "日本",
    "🙂",
    "../..",
    "..",
    "/",
    "a/b",
    "a\\b",
    "C:",
    "%00",
    "%2e%2e",
    "'; drop table runs; --",
    "<script>",
    "__proto__",
    "constructor",
    "null",
    "undefined",
    "NaN",
    "a\u2028b",
    "\ufffe",
    "\ufeff",
    "\u202e",
    "~",
    "order#2",
    "label[3]/print",
    "x".repeat(200),
    "é".repeat(100),
    "🙂".repeat(50),
    "日".repeat(66),
  ];
  test.each(taken.map((id) => [id]))("may be %p", (id) => expect(fits(() => assertRunId(id))).toBe(true));

  const refused: readonly unknown[] = [
    "",
    ...controls,
    ...controls.map((control) => `a${control}b`),
    "\ud800",
    "a\udc00",
    "\udc00\ud800",
    "x".repeat(201),
    "é".repeat(101),
    "🙂".repeat(51),
    "日".repeat(67),
    "x".repeat(1e6),
    undefined,
    null,
    1,
    1n,
    true,
    {},
    [],
    ["a"],
    Symbol("a"),
    () => "a",
    new String("a"),
    { toString: () => "a" },
  ];
  test("is refused when it is hostile", () => {
    const through = refused.filter((id) => fits(() => assertRunId(id as string)));
    expect(through).toEqual([]);
  });

  test("the message says what is allowed", () => {
    expect(() => assertRunId("a\nb")).toThrow(
      'A run cannot have the id "a\\nb": it has a control character. An id is 1 to 200 bytes',
    );
  });
});

describe("a name", () => {
  test.each([["charge"], ["x".repeat(200)], ["日".repeat(200)], ["label[3]/print"]])("may be %p", (name) =>
    expect(fits(() => assertName(name, "step"))).toBe(true),
  );
  test.each([[""], ["x".repeat(201)], ["a\0"], ["a\tb"], ["\ud800"], [7]])("may not be %p", (name) => {
    expect(() => assertName(name as string, "step")).toThrow("A step cannot have the name");
  });
});

describe("childId", () => {
  test("is the parent's id and the key while that fits", () => {
    expect(childId("order-1", "ship#2")).toBe("order-1/ship#2");
    expect(childId("p".repeat(100), "k".repeat(99))).toHaveLength(200);
  });

  test("is a start and a hash when it does not, the same for ever", () => {
    expect(childId("p".repeat(180), "k".repeat(20))).toBe(`${"p".repeat(173)}~/6zg0876hj2a8cg7qx6rn05cgo`);
  });

  test("always is an id that a run may have, and another one for another parent or key", () => {
    const pairs = ["p".repeat(200), "🙂".repeat(50), "é".repeat(100), `${"p".repeat(199)}q`, "日".repeat(66)].flatMap((parent) =>
      ["k", "k".repeat(200), "日".repeat(200), `${"k".repeat(199)}l`].map((key) => [parent, key] as const),
    );
    const ids = pairs.map(([parent, key]) => childId(parent, key));
    for (const id of ids) assertRunId(id);
    expect(new Set(ids).size).toBe(pairs.length);
  });

  test("a child of a child of a child keeps within the bounds", () => {
    let id = "root";
    for (let depth = 0; depth < 100; depth += 1) assertRunId((id = childId(id, `step-${depth}`)));
  });
});

describe("random", () => {
  test("gives the same numbers for the same seed, in every release", () => {
    const chance = random("run-1");
    expect([chance(), chance(), chance()]).toEqual([0.2639853598936446, 0.2309303840422694, 0.5587455534172168]);
    expect(uuidFrom(random("run-1"))).toBe("433b8fae-ace9-4480-ac91-c627eacf3aa3");
  });

  test("is spread evenly over [0, 1)", () => {
    const chance = random("spread");
    const draws = Array.from({ length: 20_000 }, chance);
    const tenths = Array.from({ length: 10 }, (_, tenth) => draws.filter((draw) => Math.floor(draw * 10) === tenth).length);
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...draws)).toBeLessThan(1);
    expect(Math.min(...tenths)).toBeGreaterThan(1_800);
    expect(Math.max(...tenths)).toBeLessThan(2_200);
  });

  test("seeds that differ by little give numbers that differ", () => {
    expect(new Set(Array.from({ length: 1_000 }, (_, index) => random(`run-${index}`)())).size).toBe(1_000);
  });

  test("a uuid has the shape of version 4", () => {
    const chance = random("uuid");
    const uuids = Array.from({ length: 500 }, () => uuidFrom(chance));
    for (const uuid of uuids) expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Set(uuids).size).toBe(500);
  });
});
