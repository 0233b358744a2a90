/** What an unexpected value is, in words, for the errors of verbs that were handed one. */
import { read } from "./guarded.ts";

/** For example `undefined (a circular import?)`, `a promise (await it first)`, `an array`, `a value of type string`. Never throws. */
export const describe = (value: unknown): string => {
  if (value === undefined) return "undefined (a circular import?)";
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
