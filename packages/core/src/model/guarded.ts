/**
 * Guarded looks at things that nobody vouches for: a getter may throw, a proxy may throw at everything. Nothing here does.
 */
import { isPlain } from "./plain.ts";

/** Whether the thing is an Error, of this realm or another, a DOMException too. Never throws. */
export const isError = (thing: unknown): thing is Error => {
  try {
    return Error.isError(thing) || thing instanceof Error;
  } catch {
    return false;
  }
};

/** A property, or `otherwise` when reading it throws. */
export const read = (thing: unknown, key: PropertyKey, otherwise?: unknown): unknown => {
  try {
    return (thing as Readonly<Record<PropertyKey, unknown>>)[key];
  } catch {
    return otherwise;
  }
};

/** The thing in words: text as it is, plain values as JSON, of all else what kind of thing it is. */
export const asText = (value: unknown): string => {
  try {
    if (typeof value === "string") return value;
    if (typeof value !== "object" || value === null) return String(value);
    return isPlain(value) ? JSON.stringify(value) : Object.prototype.toString.call(value);
  } catch {
    return "(unreadable)";
  }
};
