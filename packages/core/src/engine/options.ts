/** Options as users write them, settled once into complete plain values. */
import type { Retry } from "../model/backoff.ts";
import { milliseconds, type Duration } from "../model/duration.ts";
import * as Fault from "../model/fault.ts";
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

export const settleRetry = (given: RetryOptions | undefined, over: Retry, what: string): Retry => {
  if (given === undefined) return over;
  const { attempts = over.attempts, factor = over.factor, jitter = over.jitter } = given;
  if (!Number.isInteger(attempts) || attempts < 1) {
    throw Fault.make("invalid_option", `The attempts in the ${what} are ${attempts}; it takes a whole number from 1.`, {
      option: "attempts",
    });
  }
  if (!Number.isFinite(factor) || factor < 1) {
    throw Fault.make("invalid_option", `The factor in the ${what} is ${factor}; it takes a number from 1.`, { option: "factor" });
  }
  return {
    attempts,
    factor,
    jitter,
    delay: given.delay === undefined ? over.delay : milliseconds(given.delay, `delay in the ${what}`),
    ceiling: given.ceiling === undefined ? over.ceiling : milliseconds(given.ceiling, `ceiling in the ${what}`),
  };
};

/** The input as the body will get it. A promise only when the schema is asynchronous. */
export const checkInput = (definition: Untyped, input: unknown): unknown =>
  definition.input
    ? validate(definition.input, input, { code: "invalid_input", what: `input of workflow "${definition.name}"` })
    : input;
