/**
 * Schemas: checking a value with any library that speaks Standard Schema (zod, valibot, arktype and others).
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";

import * as Fault from "./fault.ts";
import { read as look } from "./guarded.ts";
import { isPlain } from "./plain.ts";

/** Any Standard Schema: what it accepts and what it makes of that. */
export type Schema<Input = unknown, Output = Input> = StandardSchemaV1<Input, Output>;

/** Whether the thing is a schema that speaks Standard Schema. Never throws. */
export const isSchema = (thing: unknown): thing is Schema => {
  if ((typeof thing !== "object" && typeof thing !== "function") || thing === null) return false;
  return typeof look(look(thing, "~standard"), "validate") === "function";
};

/** Where the value stands, for the error: its code, and words such as `input of workflow "fulfil-order"`. */
export type Place = { readonly code: "invalid_input" | "invalid_output"; readonly what: string };

/**
 * What the schema makes of the value: at once when the schema is synchronous, else as a promise. Throws (or rejects with) the
 * place's code, one line for each issue: the field, what is wrong with it, and the value there, shortened.
 */
export const validate = (schema: Schema, value: unknown, place: Place): unknown => {
  const result = checked(schema, value, place);
  return result instanceof Promise
    ? result.then(
        (late) => verdict(late, value, place),
        (cause: unknown) => {
          throw broken(place, cause);
        },
      )
    : verdict(result, value, place);
};

type Result = StandardSchemaV1.Result<unknown>;

const checked = (schema: Schema, value: unknown, place: Place): Result | Promise<Result> => {
  try {
    const result: unknown = schema["~standard"].validate(value);
    const isLater = typeof (result as Partial<PromiseLike<unknown>> | null | undefined)?.then === "function";
    return isLater ? Promise.resolve(result as PromiseLike<Result>) : (result as Result);
  } catch (cause) {
    throw broken(place, cause);
  }
};

const verdict = (result: Result, value: unknown, place: Place): unknown => {
  const told = read(result, value, place);
  if ("output" in told) return told.output;
  const { issues, count } = told;
  const lines = issues.map(({ path, message, given }) => `  ${path === "" ? "the value" : path}: ${message} (given: ${given})`);
  const more = count > issues.length ? [`  and ${count - issues.length} more`] : [];
  throw Fault.make(place.code, [`The ${place.what} does not fit its schema:`, ...lines, ...more].join("\n"), {
    what: place.what,
    issues,
  });
};

type Told = { readonly output: unknown } | { readonly issues: readonly Described[]; readonly count: number };

/** What the schema said. A result that cannot be read is a fault of the schema. */
const read = (result: Result, value: unknown, place: Place): Told => {
  try {
    const { issues } = result;
    if (issues === undefined) return { output: result.value };
    return { issues: issues.slice(0, 20).map((issue) => described(issue, value)), count: issues.length };
  } catch (cause) {
    throw broken(place, cause);
  }
};

const broken = (place: Place, cause: unknown): Fault.Fault =>
  Fault.make(
    place.code,
    `The schema for the ${place.what} threw while it checked the value, or its result cannot be read. Correct the schema; the cause has the error.`,
    { what: place.what },
    { cause },
  );

type Described = { readonly path: string; readonly message: string; readonly given: string };

const described = (issue: StandardSchemaV1.Issue, value: unknown): Described => {
  const keys = (issue.path ?? []).map((part) => (typeof part === "object" ? part.key : part));
  return { path: keys.map(segment).join(""), message: issue.message, given: shown(at(value, keys)) };
};

const segment = (key: PropertyKey): string => {
  if (typeof key === "number") return `[${key}]`;
  return typeof key === "string" && /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(String(key))}]`;
};

/** The part of the value that an issue is about; a path that leads nowhere gives undefined. */
const at = (value: unknown, keys: readonly PropertyKey[]): unknown => {
  try {
    return keys.reduce<unknown>((part, key) => (part as Readonly<Record<PropertyKey, unknown>> | undefined)?.[key], value);
  } catch {
    return undefined;
  }
};

const shown = (value: unknown): string => {
  try {
    const text = isPlain(value) ? JSON.stringify(value) : Bun.inspect(value, { depth: 2 });
    return text.length > 200 ? `${text.slice(0, 200)}…` : text;
  } catch {
    return "(unreadable)";
  }
};
