/**
 * Reading what was thrown: an Error, a string, undefined, a proxy that throws when it is touched. Every look is guarded and
 * every size is bounded, since a run must be able to fail whatever its code throws.
 */
import { asText, isError, read } from "./guarded.ts";
import { refusalOf } from "./keepable.ts";
import type { Bounds, Refusal } from "./keepable.ts";
import { isLeaf, isPlain } from "./plain.ts";
import { readRich, writeRich } from "./rich.ts";
import type { Cause, Failure } from "./failure.ts";

/** In characters where it is text; an Error inside another may say a quarter. All fields together may take `fieldText`. */
const most = {
  message: 8_192,
  stack: 16_384,
  text: 98_304,
  field: 16_384,
  fieldText: 49_152,
  depth: 16,
  failures: 32,
  fields: 64,
  elements: 32,
};

/** What one record may still spend, over all its causes, and the Errors it is inside of. */
type Budget = { failures: number; text: number; fieldText: number; readonly inside: unknown[] };

/** The record of anything thrown. Never throws; even if each character takes six bytes it is less than a mebibyte. */
export const readFailure = (thrown: unknown): Failure => {
  const budget: Budget = { failures: most.failures, text: most.text, fieldText: most.fieldText, inside: [] };
  try {
    return isError(thrown) ? ofError(budget, thrown) : ofOther(budget, thrown);
  } catch {
    return { name: "NonError", message: "What was thrown could not be read" }; // Hardly ever: the stack has no room left.
  }
};

const ofError = (budget: Budget, error: Error): Failure => {
  budget.failures -= 1;
  budget.inside.push(error);
  const dropped: string[] = [];
  const failure = {
    ...head(budget, error),
    ...ofCause(budget, error, dropped),
    ...ofFields(budget, error, dropped),
    ...(dropped.length > 0 ? { dropped } : {}),
  };
  budget.inside.pop();
  return failure;
};

const head = (budget: Budget, error: Error): Failure => {
  const code = read(error, "code");
  const stack = read(error, "stack");
  const share = budget.inside.length > 1 ? 4 : 1;
  return {
    name: cut(budget, nameOf(error), 200),
    message: cut(budget, asText(read(error, "message", "(unreadable)")), most.message / share),
    ...(typeof stack === "string" ? { stack: cut(budget, stack, most.stack / share) } : {}),
    ...(typeof code === "string" || Number.isFinite(code)
      ? { code: typeof code === "string" ? cut(budget, code, 200) : (code as number) }
      : {}),
  };
};

/** Most classes of errors never set a name; their own is better than "Error". */
const nameOf = (error: Error): string => {
  const name = read(error, "name");
  if (typeof name === "string" && name !== "" && name !== "Error") return name;
  const type = read(error, "constructor");
  const typeName = typeof type === "function" ? read(type, "name") : undefined;
  return typeof typeName === "string" && typeName !== "" ? typeName : "Error";
};

const ofCause = (budget: Budget, error: Error, dropped: string[]): { readonly cause?: Cause } => {
  const cause = read(error, "cause");
  if (cause === undefined) return {};
  const kept = keep(budget, "cause", cause, dropped);
  return kept === undefined ? {} : { cause: kept };
};

const ofFields = (budget: Budget, error: Error, dropped: string[]): Pick<Failure, "errors" | "fields"> => {
  const errors: Record<string, Cause | readonly Cause[]> = {};
  const fields: Record<string, unknown> = {};
  for (const key of fieldsOf(error, dropped)) {
    const value = read(error, key);
    const among = listWithErrors(value);
    const kept = among === undefined ? keep(budget, key, value, dropped) : keepAll(budget, key, among, dropped);
    if (kept === undefined) continue;
    if ("value" in kept) fields[key] = kept.value;
    else errors[key] = kept;
  }
  return { ...(isEmpty(errors) ? {} : { errors }), ...(isEmpty(fields) ? {} : { fields }) };
};

const isEmpty = (record: object): boolean => Object.keys(record).length === 0;

/** These have a place of their own in the record. */
const placed: ReadonlySet<string> = new Set(["name", "message", "stack", "cause", "code", "__proto__"]);

/** Where an Error was made, as JavaScriptCore hides it on each: the stack says it too. */
const positions: ReadonlySet<string> = new Set(["line", "column", "originalLine", "originalColumn", "sourceURL"]);

/** Hidden fields before those that show: `errors` of an AggregateError is one, `issues` of a ZodError another. Getters of a class are not its own fields. */
const fieldsOf = (error: Error, dropped: string[]): readonly string[] => {
  try {
    const shown = Object.keys(error);
    const isShown = new Set(shown);
    const hidden = Object.getOwnPropertyNames(error).filter((key) => !isShown.has(key) && !positions.has(key));
    const keys = [...hidden, ...shown].filter((key) => !placed.has(key));
    nameUnkept(error, keys, dropped);
    return keys.filter((key) => key.length <= longestKey).slice(0, most.fields);
  } catch {
    return [];
  }
};

const longestKey = 200;

const nameUnkept = (error: Error, keys: readonly string[], dropped: string[]): void => {
  const long = keys.filter((key) => key.length > longestKey).length;
  if (long > 0) dropped.push(`${long} fields with names of more than ${longestKey} characters`);
  if (keys.length - long > most.fields) dropped.push(`${keys.length - long - most.fields} more fields`);
  const symbols = Object.getOwnPropertySymbols(error);
  for (const symbol of symbols.slice(0, 8)) dropped.push(`${String(symbol).slice(0, 100)}: a symbol as its key`);
};

/** The first elements of an array with Errors in it, `undefined` for all else. */
const listWithErrors = (value: unknown): readonly unknown[] | undefined => {
  try {
    const first: readonly unknown[] | undefined = Array.isArray(value) ? value.slice(0, most.elements + 1) : undefined;
    return first?.some(isError) ? first : undefined;
  } catch {
    return undefined;
  }
};

const keepAll = (budget: Budget, key: string, values: readonly unknown[], dropped: string[]): readonly Cause[] => {
  if (values.length > most.elements) dropped.push(`${key}: what follows the first ${most.elements}`);
  return values.slice(0, most.elements).flatMap((value, index) => keep(budget, `${key}[${index}]`, value, dropped) ?? []);
};

/** A value beside the Error: a record if it is an Error too, a copy if it can be kept, else a note why it is not there. */
const keep = (budget: Budget, key: string, value: unknown, dropped: string[]): Cause | undefined => {
  const against = isError(value) ? againstError(budget, value) : againstValue(budget, key, value);
  if (against === undefined) return isError(value) ? { failure: ofError(budget, value) } : copied(key, value, dropped);
  if (dropped.length < most.elements)
    dropped.push(cut(budget, typeof against === "string" ? `${key}: ${against}` : `${key}${against.path}: ${against.is}`, 300));
  return undefined;
};

/** Each field has a bound of its own, so that a large one that is left out takes nothing from the others. */
const againstValue = (budget: Budget, key: string, value: unknown): Refusal | undefined => {
  const room = Math.min(most.field, budget.fieldText) - key.length;
  const bounds: Bounds = { errors: "refused", size: room };
  const refusal = refusalOf(value, bounds);
  if (refusal === undefined) budget.fieldText -= key.length + room - bounds.size;
  return refusal;
};

const againstError = (budget: Budget, error: Error): string | undefined => {
  if (budget.inside.includes(error)) return "circular";
  if (budget.inside.length >= most.depth) return `deeper than ${most.depth} errors`;
  return budget.failures <= 0 ? `more than ${most.failures} errors` : undefined;
};

/** A copy, so that the Error of the live run shares nothing with the thrown one, just as in a replay. */
const copied = (key: string, value: unknown, dropped: string[]): Cause | undefined => {
  try {
    if (isLeaf(value)) return { value };
    return { value: isPlain(value) ? (JSON.parse(JSON.stringify(value)) as unknown) : readRich(writeRich(value)) };
  } catch {
    dropped.push(`${key}: unreadable`);
    return undefined;
  }
};

const ofOther = (budget: Budget, thrown: unknown): Failure => {
  const dropped: string[] = [];
  const message = read(thrown, "message");
  const cause = thrown === undefined ? undefined : keep(budget, "cause", thrown, dropped);
  return {
    name: "NonError",
    message: cut(budget, typeof message === "string" ? message : `Thrown, and no Error: ${asText(thrown)}`, most.message),
    ...(cause === undefined ? {} : { cause }),
    ...(dropped.length > 0 ? { dropped } : {}),
  };
};

/**
 * The text, or its start and a word on how much is missing, together no longer than allowed, so that a cut text is not cut
 * again. Never cuts a character in two.
 */
const cut = (budget: Budget, text: string, longest: number): string => {
  const room = Math.max(0, Math.min(longest, budget.text));
  budget.text -= Math.min(text.length, room);
  if (text.length <= room) return text;
  const start = text.slice(0, Math.max(0, room - 40)).replace(/[\ud800-\udbff]$/, "");
  return `${start} … (${text.length - start.length} more characters)`;
};
