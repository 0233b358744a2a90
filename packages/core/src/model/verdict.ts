/** What follows when an attempt of a step has failed. */
import { delayBefore, type Retry } from "./backoff.ts";
import * as Fault from "./fault.ts";
import { read } from "./guarded.ts";
import { longest } from "./span.ts";

export type Verdict = { readonly kind: "again"; readonly delay: number } | { readonly kind: "over" };

/** Faults that no further attempt can mend. */
const hopeless: ReadonlySet<Fault.Code> = new Set<Fault.Code>([
  "fatal",
  "invalid_value",
  "value_too_large",
  "invalid_option",
  "invalid_input",
  "async_transaction",
  "foreign_database",
  "transaction_ended",
  "wrong_context",
]);

/** When a `retry_after` wants to come back, in ms from now; undefined when it does not say. */
const comebackOf = (error: Fault.Fault, now: number): number | undefined => {
  const data = read(error, "data");
  const at = read(data, "at");
  const wait = typeof at === "number" ? at - now : read(data, "delay");
  if (typeof wait !== "number" || Number.isNaN(wait)) return undefined;
  return Math.min(Math.max(0, Math.ceil(wait)), longest);
};

/** `attempt` is the one that failed, from 1; `chance` is in [0, 1). `when` is the user's word on whether the error may pass. `now` is in ms since 1970. */
export const afterFailure = (
  error: unknown,
  attempt: number,
  retry: Retry,
  options: { readonly when: ((error: unknown) => boolean) | undefined; readonly chance: number; readonly now: number },
): Verdict => {
  if (attempt >= retry.attempts) return { kind: "over" };
  if (Fault.is(error) && hopeless.has(error.code)) return { kind: "over" };
  const usual = (): Verdict => ({ kind: "again", delay: delayBefore(retry, attempt, options.chance) });
  if (Fault.is(error, "retry_after")) {
    const delay = comebackOf(error, options.now);
    return delay === undefined ? usual() : { kind: "again", delay };
  }
  return options.when && !options.when(error) ? { kind: "over" } : usual();
};
