/**
 * When another side wants to be asked again, as `Fault.retryAfter` is told: a duration, a moment, or the text of a Retry-After header. It never throws:
 * an unreadable time must not replace the error that it belongs to.
 */
import { longest, measure, type Duration } from "./span.ts";

/**
 * A duration (milliseconds or `"30s"`), a moment as a Date or a `Temporal.Instant`, or the value of a Retry-After header: digits alone are **seconds** there (`"120"`), an HTTP date
 * is a moment. A moment that has passed and a negative number mean: at once. `null` and `undefined`, such as a header that is not there: the usual backoff.
 */
export type Comeback = Duration | Date | Temporal.Instant | (string & {}) | null | undefined;

export type Read =
  | { readonly kind: "delay"; readonly delay: number }
  | { readonly kind: "moment"; readonly at: number }
  | { readonly kind: "unsaid" }
  | { readonly kind: "unreadable"; readonly given: string };

export const readComeback = (when: unknown): Read => {
  if (when === undefined || when === null) return { kind: "unsaid" };
  if (typeof when === "number") return ofNumber(when);
  if (typeof when === "string") return ofText(when.trim());
  return ofMoment(when) ?? { kind: "unreadable", given: `a value of type ${typeof when}` };
};

/** From here on a number counts ms since 1970 (since September 2001): as a duration it would be 31 years. */
const moments = 1_000_000_000_000;

const ofNumber = (ms: number): Read => {
  if (ms >= moments && ms <= longest)
    return { kind: "unreadable", given: `${ms}, which looks like a moment (use new Date(${ms}))` };
  const delay = ms < 0 && ms !== -Infinity ? 0 : measure(ms);
  return delay === undefined ? { kind: "unreadable", given: String(ms) } : { kind: "delay", delay };
};

const ofText = (text: string): Read => {
  if (/^-\d/.test(text)) return { kind: "delay", delay: 0 };
  const delay = measure(/^\d{1,12}$/.test(text) ? `${text}s` : text);
  if (delay !== undefined) return { kind: "delay", delay };
  const at = dates.test(text) ? Date.parse(text) : asctime.test(text) ? Date.parse(`${text} GMT`) : NaN;
  return Number.isFinite(at) ? { kind: "moment", at } : { kind: "unreadable", given: JSON.stringify(text.slice(0, 100)) };
};

/** The two kinds of HTTP date with a time zone, and ISO 8601 with one. `Date.parse` alone takes much else for a date. */
const dates =
  /^([A-Z][a-z]{2,8}, \d{2}[ -][A-Z][a-z]{2}[ -]\d{2,4} \d{2}:\d{2}:\d{2} GMT|\d{4}-\d{2}-\d{2}T[\d:.]+(Z|[+-]\d{2}:?\d{2}))$/;

/** The third kind, which is in GMT without saying so: `Sun Nov  6 08:49:37 1994`. */
const asctime = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

const ofMoment = (when: unknown): Read | undefined => {
  try {
    const at = when instanceof Date ? when.getTime() : when instanceof Temporal.Instant ? when.epochMilliseconds : undefined;
    if (at === undefined) return undefined;
    return Number.isFinite(at) ? { kind: "moment", at } : { kind: "unreadable", given: "an invalid Date" };
  } catch {
    return undefined;
  }
};
