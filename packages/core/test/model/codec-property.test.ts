import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";

import { decode, encode, roundtrip } from "../../src/model/codec.ts";
import * as Fault from "../../src/model/fault.ts";
import { same } from "./same.ts";
import { graph, rich, text } from "./values.ts";

const options = { what: "value", limit: 1e8 };

/** Kept exactly, in text that every database keeps, or refused. */
const keptOrRefused = (value: unknown): "kept" | "refused" => {
  let written: string | null;
  try {
    written = encode(value, options);
  } catch (error) {
    expect(Fault.is(error, "invalid_value")).toBe(true);
    return "refused";
  }
  expect(written?.isWellFormed() ?? true).toBe(true);
  expect(written?.includes("\0") ?? false).toBe(false);
  const back = decode(written);
  if (!same(back, value)) throw new Error(`changed: ${written}`);
  if (!same(roundtrip(value, options).value, back)) throw new Error(`the live run sees something else than ${written}`);
  return "kept";
};

const counted = <T>(values: fc.Arbitrary<T>, numRuns: number): number => {
  let kept = 0;
  fc.assert(
    fc.property(values, (value) => void (kept += keptOrRefused(value) === "kept" ? 1 : 0)),
    { numRuns },
  );
  return kept;
};

describe("every generated value is kept exactly or refused", () => {
  test("5,000 values of all kinds", () => expect(counted(rich, 5_000)).toBeGreaterThan(4_000));
  test("3,000 graphs with cycles and shared parts", () => expect(counted(graph, 3_000)).toBeGreaterThan(2_500));
  test("2,000 values that JSON knows", () =>
    expect(counted(fc.jsonValue({ stringUnit: "binary" }), 2_000)).toBeGreaterThan(1_900));
  test("1,000 texts with any characters", () => expect(counted(text, 1_000)).toBe(1_000));
  test("2,000 numbers", () => expect(counted(fc.double(), 2_000)).toBe(2_000));

  test("what JSON changes never is written as JSON", () => {
    fc.assert(
      fc.property(rich, (value) => {
        const json: unknown = JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? null : part));
        const exact = typeof json === "string" && same(JSON.parse(json), value);
        try {
          expect(encode(value, options)?.startsWith("~") ?? false).toBe(!exact && value !== undefined);
        } catch (error) {
          expect(Fault.is(error, "invalid_value")).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("10,000 damaged texts are read or refused, and build nothing that is not on the list", () => {
    const pieces = fc.constantFrom(
      "[",
      "]",
      "{",
      "}",
      ",",
      ":",
      '"',
      "0",
      "1",
      "2",
      "-1",
      "-7",
      "9e9",
      '"Map"',
      '"error"',
      '"bytes"',
      '"bigint"',
      '"RegExp"',
      '"__proto__"',
      '"Date"',
      '"null"',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), fc.boolean(), (parts, tilde) => {
        const damaged = tilde ? `~[[${parts.join("")}],["Map",0],{"a":1}]` : parts.join("");
        try {
          const value = decode(damaged);
          expect(typeof value === "function" || value instanceof RegExp).toBe(false);
        } catch (error) {
          expect(Fault.is(error, "invalid_value")).toBe(true);
        }
      }),
      { numRuns: 10_000 },
    );
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});
