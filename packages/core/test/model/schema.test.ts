import { describe, expect, test } from "bun:test";
import { z } from "zod";

import { validate, type Place, type Schema } from "../../src/model/schema.ts";

const place: Place = { code: "invalid_input", what: 'input of workflow "fulfil-order"' };
const order = z.object({ id: z.string(), lines: z.array(z.object({ price: z.coerce.number() })) });
const standard = (check: (value: unknown) => unknown): Schema =>
  ({ "~standard": { version: 1, vendor: "test", validate: check } }) as Schema;

const rejection = async (promise: unknown): Promise<unknown> => (promise as Promise<unknown>).catch((error: unknown) => error);

describe("validate", () => {
  test("gives what the schema makes of the value, at once when the schema is synchronous", () => {
    expect(validate(order, { id: "a", lines: [{ price: "5" }], more: 1 }, place)).toEqual({ id: "a", lines: [{ price: 5 }] });
  });

  test("gives a promise when the schema is asynchronous", async () => {
    const later = z.string().refine(async (text) => text !== "no");
    expect(validate(later, "yes", place)).toBeInstanceOf(Promise);
    expect(await validate(later, "yes", place)).toBe("yes");
    expect(await rejection(validate(later, "no", place))).toMatchObject({ code: "invalid_input" });
  });

  test("names the workflow, the field and the value of each issue", () => {
    const check = (): unknown => validate(order, { id: 7, lines: [{ price: 1 }, { price: "x" }] }, place);
    expect(check).toThrow(
      expect.objectContaining({
        name: "Fault",
        code: "invalid_input",
        data: expect.objectContaining({ what: place.what }) as unknown,
      }),
    );
    expect(check).toThrow('The input of workflow "fulfil-order" does not fit its schema:\n  .id: ');
    expect(check).toThrow("(given: 7)");
    expect(check).toThrow(".lines[1].price: ");
    expect(check).toThrow('(given: "x")');
  });

  test("says the value itself when the issue has no path, shortened", () => {
    expect(() => validate(z.number(), "x".repeat(1_000), { ...place, code: "invalid_output" })).toThrow(
      expect.objectContaining({
        code: "invalid_output",
        message: expect.stringMatching(/the value: .*\(given: "x{199}…\)$/) as unknown,
      }),
    );
  });

  test("lists at most twenty issues", () => {
    expect(() => validate(z.array(z.string()), Array(100).fill(1), place)).toThrow("and 80 more");
  });

  const hostile = new Proxy(
    {},
    {
      get: () => {
        throw new Error("touched");
      },
    },
  );
  const issues = (path: readonly unknown[]) => standard(() => ({ issues: [{ message: "bad", path }] }));
  const cases: readonly [string, Schema, unknown, string][] = [
    ["a path through nothing", issues(["a", "b"]), undefined, ".a.b: bad (given: undefined)"],
    ["keys in objects", issues([{ key: "a" }, { key: 0 }]), { a: [5] }, ".a[0]: bad (given: 5)"],
    ["a key that is no word", issues(["a b"]), { "a b": 5 }, '["a b"]: bad (given: 5)'],
    ["a symbol", issues([Symbol("s")]), {}, '["Symbol(s)"]: bad (given: undefined)'],
    ["a value that throws", issues(["x"]), hostile, ".x: bad (given: undefined)"],
    ["a function", issues([]), () => 1, "the value: bad (given: "],
    ["a big integer", issues([]), 5n, "the value: bad (given: 5n)"],
  ];
  test.each(cases)("describes %s", (_, schema, value, expected) =>
    expect(() => validate(schema, value, place)).toThrow(expected),
  );

  test("a schema that throws is the cause of the fault, now or later", async () => {
    const bug = new TypeError("bug");
    const now = standard(() => {
      throw bug;
    });
    expect(() => validate(now, 1, place)).toThrow(expect.objectContaining({ code: "invalid_input", cause: bug }));
    const late = standard(async () => {
      throw bug;
    });
    expect(await rejection(validate(late, 1, place))).toMatchObject({ code: "invalid_input", cause: bug });
  });
});
