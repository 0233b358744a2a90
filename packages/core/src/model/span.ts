/**
 * Reading a duration: how long is it, in milliseconds? Pure arithmetic, it throws nothing; `duration.ts` has the error.
 */

/** A length of time: milliseconds as a number, or text with one unit: `"250ms"`, `"30s"`, `"5m"`, `"1.5h"`, `"3d"`, `"2w"`. */
export type Duration = number | `${number}${Unit}`;

/** ms, seconds, minutes, hours, days of 24 hours, weeks of 7 days. */
export type Unit = "ms" | "s" | "m" | "h" | "d" | "w";

const milliseconds: Readonly<Record<Unit, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** The longest duration that is taken: a thousand years of 365 days. */
export const longest = 1_000 * 365 * milliseconds.d;

const pattern = /^(\d{1,15}(?:\.\d{1,15})?)(ms|s|m|h|d|w)$/;

/** The duration in whole milliseconds (rounded up, so never early), or `undefined` when it is none, negative or too long. */
export const measure = (duration: unknown): number | undefined => {
  const exact = typeof duration === "string" ? fromText(duration) : duration;
  if (typeof exact !== "number" || !(exact >= 0) || exact > longest) return undefined;
  return Math.ceil(exact) + 0;
};

const fromText = (text: string): number | undefined => {
  const found = pattern.exec(text);
  if (found === null) return undefined;
  // Ten digits are far finer than a millisecond and hide the binary rounding of "0.3s", which must not become 301 ms.
  return Number((Number(found[1]) * milliseconds[found[2] as Unit]).toPrecision(15));
};
