/**
 * Durations as people write them, settled to milliseconds at the edge.
 */
import * as Fault from "./fault.ts";
import { longest, measure } from "./span.ts";

export type { Duration } from "./span.ts";

/**
 * A duration in whole milliseconds, rounded up. `what` names the option for the message ("timeout of step \"charge\"").
 * Throws `invalid_option` for NaN, Infinity, a negative, more than a thousand years, and text that is no duration.
 */
export const milliseconds = (duration: unknown, what: string): number => {
  const length = measure(duration);
  if (length === undefined) throw notADuration(duration, what);
  return length;
};

/**
 * A moment in ms since 1970, from a Date (or another object with such a `valueOf`) or a number. `what` names the option for the message. Throws
 * `invalid_option` for an invalid Date, NaN, null and text.
 */
export const momentIn = (moment: unknown, what: string): number => {
  const at = numberIn(moment);
  if (Number.isSafeInteger(Math.trunc(at))) return at;
  throw Fault.make(
    "invalid_option",
    `The ${what} is ${isDate(moment) ? "Invalid Date" : shown(moment)}; it takes a Date or ms since 1970.`,
    { what },
  );
};

const numberIn = (moment: unknown): number => {
  if (typeof moment === "number") return moment;
  if (typeof moment !== "object" || moment === null) return NaN;
  try {
    return Number(moment);
  } catch {
    return NaN;
  }
};

const notADuration = (duration: unknown, what: string): Fault.Fault => {
  const given = shown(duration);
  return Fault.make(
    "invalid_option",
    `The ${what} is ${given}, which is no duration. Use milliseconds from 0 to ${longest}, or text with one unit (ms, s, m, h, d, w) such as "30s" or "1.5h".`,
    { what, given },
  );
};

const shown = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 100));
  if (typeof value === "number" || value === null || value === undefined) return String(value);
  return isDate(value) ? "a Date" : `a ${typeof value}`;
};

const isDate = (value: unknown): boolean => {
  try {
    return value instanceof Date;
  } catch {
    return false;
  }
};
