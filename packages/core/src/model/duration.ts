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

const notADuration = (duration: unknown, what: string): Fault.Fault => {
  const given = typeof duration === "string" ? JSON.stringify(duration.slice(0, 100)) : shown(duration);
  return Fault.make(
    "invalid_option",
    `The ${what} is ${given}, which is no duration. Use milliseconds from 0 to ${longest}, or text with one unit (ms, s, m, h, d, w) such as "30s" or "1.5h".`,
    { what, given },
  );
};

const shown = (value: unknown): string =>
  typeof value === "number" || value === null || value === undefined ? String(value) : `a ${typeof value}`;
