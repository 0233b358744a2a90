/**
 * Failure: an error as a record that can be kept. Whatever is thrown becomes one, and a Failure becomes an Error again,
 * the same in the run that saw it happen and in every replay.
 */
import { readFailure } from "./thrown.ts";

/**
 * What is kept of an error. Always small enough to be recorded: messages and stacks are cut, deep chains end, and
 * fields that cannot be kept are left out and named in `dropped`.
 */
export type Failure = {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string | number;
  readonly cause?: Cause;
  /** Own fields that hold Errors, as `errors` of an AggregateError does. */
  readonly errors?: Readonly<Record<string, Cause | readonly Cause[]>>;
  /** All other own fields that can be kept. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** What could not be kept, and why: "request: an instance of ClientRequest". */
  readonly dropped?: readonly string[];
};

/** An Error, or any other value that stood in its place. */
export type Cause = { readonly failure: Failure } | { readonly value: unknown };

/**
 * The record of anything that can be thrown; it never throws itself. What is no Error gets the name "NonError", a message
 * that says what it was, and the value as its cause. An Error class without a name of its own is known by its class's name.
 */
export const fromError = (thrown: unknown): Failure => readFailure(thrown);

/**
 * The Error that a record stands for: name, message, stack, code, cause and fields. A TypeError is a TypeError again, a Fault a
 * Fault; an error of a class of yours comes back as an Error with its name, so compare names or codes, not classes.
 */
export const toError = (failure: Failure): Error => {
  const error = new Error(text(failure.message));
  const prototype = Object.hasOwn(builtIn, failure.name) ? builtIn[failure.name] : undefined;
  if (prototype !== undefined) Object.setPrototypeOf(error, prototype);
  else hide(error, "name", text(failure.name));
  hide(error, "stack", text(failure.stack ?? `${failure.name}: ${failure.message}`));
  if (failure.code !== undefined) show(error, "code", failure.code);
  if (failure.cause !== undefined) hide(error, "cause", fromCause(failure.cause));
  addErrors(error, failure.errors ?? {});
  addFields(error, failure.fields ?? {});
  if (failure.name === "Fault" && !Object.hasOwn(error, "data")) show(error, "data", {});
  return error;
};

const builtIn: Readonly<Record<string, object>> = {
  Error: Error.prototype,
  AggregateError: AggregateError.prototype,
  EvalError: EvalError.prototype,
  RangeError: RangeError.prototype,
  ReferenceError: ReferenceError.prototype,
  SyntaxError: SyntaxError.prototype,
  TypeError: TypeError.prototype,
  URIError: URIError.prototype,
};

/** A record may come from a damaged row, so nothing in it is trusted to be a string. */
const text = (value: unknown): string => (typeof value === "string" ? value : "");

const fromCause = (cause: Cause): unknown => ("failure" in cause ? toError(cause.failure) : cause.value);

/** Fields that the language itself puts on Errors do not show when an Error is printed or spread; ours neither. */
const hidden: ReadonlySet<string> = new Set(["errors", "error", "suppressed"]);

const addErrors = (error: Error, errors: NonNullable<Failure["errors"]>): void => {
  for (const [key, held] of Object.entries(errors)) {
    const value = Array.isArray(held) ? (held as readonly Cause[]).map(fromCause) : fromCause(held as Cause);
    if (!own.has(key)) (hidden.has(key) ? hide : show)(error, key, value);
  }
};

/** Fields that no record may set, since they have a place of their own or would change the Error's class. */
const own: ReadonlySet<string> = new Set(["name", "message", "stack", "cause", "code", "__proto__"]);

const addFields = (error: Error, fields: Readonly<Record<string, unknown>>): void => {
  for (const [key, value] of Object.entries(fields)) if (!own.has(key)) show(error, key, value);
};

const hide = (error: Error, key: string, value: unknown): void => {
  Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: false });
};

const show = (error: Error, key: string, value: unknown): void => {
  Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: true });
};
