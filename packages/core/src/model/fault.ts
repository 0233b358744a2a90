/**
 * Fault: every error that Holdfast throws. One function makes it, and its code says which it is.
 */
import { readComeback, type Comeback } from "./comeback.ts";

/** What went wrong, as a word that programs may compare. */
export type Code =
  | "invalid_definition"
  | "invalid_input"
  | "invalid_output"
  | "invalid_value"
  | "value_too_large"
  | "invalid_option"
  | "run_not_found"
  | "run_conflict"
  | "run_exists"
  | "run_failed"
  | "run_cancelled"
  | "run_ended"
  | "signal_conflict"
  | "run_timeout"
  | "wrong_state"
  | "step_timeout"
  | "step_abandoned"
  | "history_mismatch"
  | "ambiguous_order"
  | "wrong_context"
  | "quarantined"
  | "lease_lost"
  | "heartbeat_failed"
  | "runtime_closed"
  | "cancelled"
  | "breaker_open"
  | "breaker_timeout"
  | "storage_full"
  | "storage_readonly"
  | "storage_failed"
  | "storage_replaced"
  | "storage_busy"
  | "storage_unsafe"
  | "schema_newer"
  | "schema_older"
  | "schema_differs"
  | "schema_in_use"
  | "schema_lossy"
  | "database_moved"
  | "database_incomplete"
  | "database_not_empty"
  | "move_refused"
  | "copy_mismatch"
  | "backup_exists"
  | "backup_damaged"
  | "async_transaction"
  | "foreign_database"
  | "transaction_ended"
  | "transaction_failed"
  | "fatal"
  | "retry_after"
  | "child_failed"
  | "result_timeout"
  | "not_durable";

/** An error of Holdfast: a plain `Error` named "Fault" with its code, and what it is about (ids, names, sizes) in `data`. */
export type Fault = Error & { readonly code: Code; readonly data: Readonly<Record<string, unknown>> };

export type Options = { readonly cause?: unknown };

/**
 * Makes a Fault. The message says what happened, to which thing, and what to do; `data` holds the same as values and
 * should hold only what can be kept (see `codec.ts`), since a Fault may be recorded and come back in a replay.
 */
export const make = (code: Code, message: string, data: Readonly<Record<string, unknown>> = {}, options: Options = {}): Fault => {
  const error = "cause" in options ? new Error(message, { cause: options.cause }) : new Error(message);
  Object.defineProperty(error, "name", { value: "Fault", configurable: true, writable: true });
  Error.captureStackTrace(error, make);
  return Object.defineProperties(error, {
    code: { value: code, enumerable: true },
    data: { value: data, enumerable: true },
  }) as Fault;
};

/** Whether a thrown thing is a Fault (of that code, when one is given). It goes by properties, so a replayed Fault is one too. */
export const is = (error: unknown, code?: Code): error is Fault => {
  if (typeof error !== "object" || error === null) return false;
  try {
    const { name, code: actual } = error as Partial<Fault>;
    return name === "Fault" && typeof actual === "string" && (code === undefined || actual === code);
  } catch {
    return false; // A proxy or a getter that throws: whatever it is, it is not ours.
  }
};

/** The error to throw when trying again is no use: the step or the run that throws it fails at once. Code `fatal`. */
export const fatal = (message: string, options: Options = {}): Fault => make("fatal", message, {}, options);

/**
 * The error to throw when the other side said when to come back: the next attempt waits that long, or until that moment, instead of the usual backoff. Code
 * `retry_after`, with `data.delay` in milliseconds or `data.at` in ms since 1970.
 *
 * It never throws. A time that cannot be read (NaN, other text) leaves the error a passing one: the usual backoff applies, and the message names the time.
 */
export const retryAfter = (when: Comeback, message?: string, options: Options = {}): Fault => {
  const read = readComeback(when);
  switch (read.kind) {
    case "delay":
      return make("retry_after", message ?? `Try again in ${read.delay} ms`, { delay: read.delay }, options);
    case "moment":
      return make("retry_after", message ?? `Try again at ${isoOf(read.at)}`, { at: read.at }, options);
    case "unsaid":
      return make("retry_after", message ?? "Try again", {}, options);
    case "unreadable":
      return make(
        "retry_after",
        `${message ?? "Try again"} (Fault.retryAfter was given ${read.given}: expected a duration, a Date or a Retry-After header, so the usual backoff applies)`,
        { given: read.given },
        options,
      );
  }
};

const isoOf = (at: number): string => new Date(at).toISOString();
