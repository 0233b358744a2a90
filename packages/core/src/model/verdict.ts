/** What follows when an attempt of a step has failed. */
import { delayBefore, type Retry } from "./backoff.ts";
import * as Fault from "./fault.ts";

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
  "wrong_context",
]);

/** `attempt` is the one that failed, from 1; `chance` is in [0, 1). `when` is the user's word on whether the error may pass. */
export const afterFailure = (
  error: unknown,
  attempt: number,
  retry: Retry,
  options: { readonly when: ((error: unknown) => boolean) | undefined; readonly chance: number },
): Verdict => {
  if (attempt >= retry.attempts) return { kind: "over" };
  if (Fault.is(error) && hopeless.has(error.code)) return { kind: "over" };
  if (Fault.is(error, "retry_after")) return { kind: "again", delay: Number(error.data["delay"] ?? 0) };
  if (options.when && !options.when(error)) return { kind: "over" };
  return { kind: "again", delay: delayBefore(retry, attempt, options.chance) };
};
