/** Options as users write them, settled once into complete plain values. */
import type { Retry } from "../model/backoff.ts";
import { milliseconds, type Duration } from "../model/duration.ts";
import * as Fault from "../model/fault.ts";
import { assertFunction, createCheck } from "../model/known.ts";
import { validate } from "../model/schema.ts";
import type { Untyped } from "./definition.ts";

export type RetryOptions = {
  /** How often the function is called at most, the first time included. */
  readonly attempts?: number | undefined;
  /** The wait after the first failure. */
  readonly delay?: Duration | undefined;
  /** By how much each wait is longer than the one before. */
  readonly factor?: number | undefined;
  /** The longest wait. */
  readonly ceiling?: Duration | undefined;
  /** `"full"` (default) waits a random part of it, so that many runs do not come back at once. */
  readonly jitter?: "full" | "none" | undefined;
  /** False for an error that no further attempt can mend. */
  readonly when?: ((error: unknown) => boolean) | undefined;
};

const checkRetry = createCheck<RetryOptions>("", {
  attempts: true,
  delay: true,
  factor: true,
  ceiling: true,
  jitter: true,
  when: true,
});

/** `what` is for the messages: `retry of step "charge"`. What is not given is that of `over`; the most particular word counts. Throws `invalid_option`. */
export const settleRetry = (given: RetryOptions | undefined, over: Retry, what: string): Retry => {
  if (given === undefined) return over;
  checkRetry(given, what);
  const { attempts = over.attempts, factor = over.factor, jitter = over.jitter } = given;
  if (!Number.isInteger(attempts) || attempts < 1) {
    throw Fault.make("invalid_option", `The attempts in the ${what} are ${attempts}; it takes a whole number from 1.`, {
      option: "attempts",
    });
  }
  if (!Number.isFinite(factor) || factor < 1) {
    throw Fault.make("invalid_option", `The factor in the ${what} is ${factor}; it takes a number from 1.`, { option: "factor" });
  }
  if (jitter !== "full" && jitter !== "none") {
    throw Fault.make("invalid_option", `The jitter in the ${what} is ${String(jitter)}; it takes "full" or "none".`, {
      option: "jitter",
    });
  }
  assertFunction(given.when, `when in the ${what}`);
  return { attempts, factor, jitter, ...waitsOf(given, over, what) };
};

/** A delay that is longer than a ceiling which was said elsewhere, or nowhere, raises it. */
const waitsOf = (given: RetryOptions, over: Retry, what: string): Pick<Retry, "delay" | "ceiling"> => {
  const delay = given.delay === undefined ? over.delay : milliseconds(given.delay, `delay in the ${what}`);
  if (given.ceiling === undefined)
    return { delay, ceiling: given.delay === undefined ? over.ceiling : Math.max(delay, over.ceiling) };
  const ceiling = milliseconds(given.ceiling, `ceiling in the ${what}`);
  if (given.delay !== undefined && delay > ceiling) {
    throw Fault.make(
      "invalid_option",
      `The delay in the ${what} is ${delay} ms, and its ceiling ${ceiling} ms is shorter. Raise the ceiling, or leave it out.`,
      { option: "ceiling" },
    );
  }
  return { delay, ceiling };
};

/** The input as the body will get it. A promise only when the schema is asynchronous. */
export const checkInput = (definition: Untyped, input: unknown): unknown =>
  definition.input
    ? validate(definition.input, input, { code: "invalid_input", what: `input of workflow "${definition.name}"` })
    : input;
