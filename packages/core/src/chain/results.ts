/**
 * The results that callbacks are handed. What one callback does to them no other sees, or a live run could do what a replay cannot:
 * plain values are frozen and shared, all others (Dates, Maps, bytes, Errors) are copied at each reading.
 */
import { roundtrip } from "../model/codec.ts";
import { isPlain } from "../model/plain.ts";
import type { Results } from "./plan.ts";

/** The results and one more. */
export const withResult = (results: Results, name: string, value: unknown): Results =>
  Object.freeze(
    Object.defineProperties({}, { ...Object.getOwnPropertyDescriptors(results), [name]: property(value) }),
  ) as Results;

const property = (value: unknown): PropertyDescriptor =>
  isPlain(value) ? { enumerable: true, value: frozen(value) } : { enumerable: true, get: () => copy(value) };

/** Freezes a plain value, and leaves any other as it is. */
export const settled = (value: unknown): unknown => (isPlain(value) ? frozen(value) : value);

const frozen = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) frozen(part);
  return Object.freeze(value);
};

const copy = (value: unknown): unknown => roundtrip(value, { what: "result of a chain", limit: Infinity }).value;
