/** What an unexpected value is, in words, for the errors of verbs that were handed one. */
import * as Fault from "./fault.ts";
import { read } from "./guarded.ts";
import { isSchema } from "./schema.ts";

/** For example `undefined (do modules import each other in a circle?)`, `a promise (await it first)`, `an array`, `a value of type string`. Never throws. */
export const describe = (value: unknown): string => {
  if (value === undefined) return "undefined (do modules import each other in a circle?)";
  if (value === null) return "null";
  if (typeof value !== "object") return typeof value === "function" ? "a function" : `a value of type ${typeof value}`;
  if (typeof read(value, "then") === "function") return "a promise (await it first)";
  if (read(value, "execution") !== undefined && read(value, "scope") !== undefined) return "the context of a body";
  return isArray(value) ? "an array" : "another object";
};

const isArray = (value: object): boolean => {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
};

/** Throws `invalid_option` for what is not a signal. */
export const assertSignal = (signal: unknown): void => {
  const { name, schema } = (signal ?? {}) as { readonly name?: unknown; readonly schema?: unknown };
  if (typeof name === "string" && (schema === undefined || isSchema(schema))) return;
  throw Fault.make("invalid_option", `Expected a signal, got ${describe(signal)}. Pass the value returned by Signal.define.`);
};
