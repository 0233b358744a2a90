import { describe, expect, test } from "bun:test";
import { CircuitBreaker, Fault } from "../../src/index.ts";

const refused = (make: () => unknown): string => {
  try {
    make();
  } catch (error) {
    if (Fault.is(error, "invalid_option")) return error.message;
  }
  return "taken";
};

describe("a breaker with an option that makes no sense is refused where it is defined", () => {
  test.each([
    ["errorThresholdPercentage", { errorThresholdPercentage: -1 }],
    ["errorThresholdPercentage", { errorThresholdPercentage: 101 }],
    ["errorThresholdPercentage", { errorThresholdPercentage: Number.NaN }],
    ["errorThresholdPercentage", { errorThresholdPercentage: "50" as never }],
    ["volumeThreshold", { volumeThreshold: 0 }],
    ["volumeThreshold", { volumeThreshold: 2.5 }],
    ["rollingCountTimeout", { rollingCountTimeout: 0 }],
    ["rollingCountTimeout", { rollingCountTimeout: "soon" as never }],
    ["resetTimeout", { resetTimeout: -1 }],
    ["resetTimeout", { resetTimeout: "0s" }],
    ["timeout", { timeout: 0 }],
    ["timeout", { timeout: Number.POSITIVE_INFINITY }],
    ["isFailure", { isFailure: true as never }],
  ] as const)("%s %p", (option, options) => {
    const message = refused(() => CircuitBreaker.define("gateway", options));
    expect(message).toContain(option);
    expect(message).toContain('"gateway"');
  });

  test.each(["", "a\nb", "x".repeat(201)])("the name %p", (name) => {
    expect(refused(() => CircuitBreaker.define(name))).toContain("name");
  });
});

test("without options a breaker has the defaults, and it shows its name and nothing else", () => {
  expect(JSON.stringify(CircuitBreaker.define("gateway"))).toBe('{"name":"gateway"}');
});
