import { describe, expect, test } from "bun:test";

import * as Codec from "../../src/model/codec.ts";
import * as Fault from "../../src/model/fault.ts";

describe("Fault.make", () => {
  test("gives a plain Error with a name, a code, data and its cause", () => {
    const cause = new Error("below");
    const fault = Fault.make("run_not_found", "There is no run a-1", { run: "a-1" }, { cause });
    expect(Object.getPrototypeOf(fault)).toBe(Error.prototype);
    expect(fault).toMatchObject({ name: "Fault", code: "run_not_found", message: "There is no run a-1", data: { run: "a-1" } });
    expect(fault.cause).toBe(cause);
    expect(Object.keys(fault)).toEqual(["code", "data"]);
  });

  test("starts its stack with its name where it was thrown, not inside itself", () => {
    const lines = Fault.make("fatal", "no").stack?.split("\n") ?? [];
    expect(lines[0]).toBe("Fault: no");
    expect(lines[1]).toContain("fault.test.ts");
  });

  test("has no cause unless one is given", () => {
    expect("cause" in Fault.make("fatal", "no")).toBe(false);
    expect("cause" in Fault.make("fatal", "no", {}, { cause: undefined })).toBe(true);
  });
});

describe("Fault.is", () => {
  const hostile = new Proxy(new Error("x"), {
    get: () => {
      throw new Error("touched");
    },
  });
  const cases: readonly [string, unknown, Fault.Code | undefined, boolean][] = [
    ["a Fault", Fault.fatal("x"), undefined, true],
    ["a Fault of the code", Fault.fatal("x"), "fatal", true],
    ["a Fault of another code", Fault.fatal("x"), "cancelled", false],
    ["a replayed Fault", Codec.roundtrip(Fault.fatal("x"), { what: "error", limit: 9_999 }).value, "fatal", true],
    ["an Error", new Error("x"), undefined, false],
    ["an Error with a code", Object.assign(new Error("x"), { code: "fatal" }), "fatal", false],
    ["undefined", undefined, undefined, false],
    ["null", null, undefined, false],
    ["a string", "Fault", undefined, false],
    ["a proxy that throws", hostile, undefined, false],
  ];
  test.each(cases)("%s", (_, thing, code, expected) => expect(Fault.is(thing, code)).toBe(expected));
});

describe("Fault.retryAfter", () => {
  test("carries the delay in milliseconds", () => {
    expect(Fault.retryAfter("30s")).toMatchObject({ code: "retry_after", data: { delay: 30_000 } });
    expect(Fault.retryAfter(12, "slow down", { cause: 1 })).toMatchObject({
      message: "slow down",
      data: { delay: 12 },
      cause: 1,
    });
  });

  test("a moment is carried as ms since 1970, and a rest that has passed as no delay", () => {
    expect(Fault.retryAfter(new Date(5))).toMatchObject({ data: { at: 5 }, message: "Try again at 1970-01-01T00:00:00.005Z" });
    expect(Fault.retryAfter(-1)).toMatchObject({ data: { delay: 0 } });
  });

  test("never throws: what it cannot read is named in the message", () => {
    const error = Fault.retryAfter("soon", "slow down");
    expect(error).toMatchObject({ code: "retry_after", data: { given: '"soon"' } });
    expect(error.message).toMatch(/^slow down \(.*"soon".*usual backoff/);
  });
});
