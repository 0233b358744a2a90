/**
 * Codec: values as text for the database, and back. What JSON keeps exactly is JSON; Dates, Maps, Sets, big integers, bytes,
 * Errors, NaN, cycles and the like are devalue's text behind a "~"; all else is refused where it is handed over.
 *
 * A value is kept exactly or not at all, with these words on what "exactly" is: a typed array keeps the bytes it shows and not the
 * buffer behind it, an Error what `failure.ts` keeps, a getter its value, and an array of more than a hundred elements is not
 * searched for properties beside them.
 */
import { fromError, toError } from "./failure.ts";
import type { Failure } from "./failure.ts";
import * as Fault from "./fault.ts";
import { isError } from "./guarded.ts";
import { refusalOf } from "./keepable.ts";
import type { Refusal } from "./keepable.ts";
import { isLeaf, isPlain } from "./plain.ts";
import { readRich, writeRich } from "./rich.ts";
import type { ErrorCodec } from "./rich.ts";

/** `what` names the place for messages (`result of step "charge"`); `limit` is the most bytes of UTF-8 that the text may have. */
export type Options = { readonly what: string; readonly limit: number };

/**
 * The text to keep for a value, `null` for `undefined`. Throws `invalid_value` with the path when a part of it cannot be
 * kept, and `value_too_large`.
 */
export const encode = (value: unknown, options: Options): string | null => {
  if (value === undefined) return null;
  return withinLimit(isLeaf(value) ? JSON.stringify(value) : textOf(value, options), options);
};

/** The value of a text that `encode` made. Throws `invalid_value` when the text is damaged; it never builds what is not on the list. */
export const decode = (text: string | null): unknown => {
  if (text === null) return undefined;
  try {
    return text.startsWith(rich) ? readRich(text.slice(1), errors) : (JSON.parse(text) as unknown);
  } catch (cause) {
    throw Fault.make(
      "invalid_value",
      `A stored value of ${text.length} characters cannot be read. It is damaged, or a newer release wrote it: restore it from a backup, or upgrade.`,
      { length: text.length },
      { cause },
    );
  }
};

/** True when two texts say the same value: the order of an object's fields does not count. */
export const isSame = (one: string | null, other: string | null): boolean =>
  one === other || (one !== null && other !== null && Bun.deepEquals(decode(one), decode(other), true));

/**
 * The text and the value as a replay will see it: a copy that shares nothing with the value handed in. The live run
 * goes on with that copy, so that it can do nothing a replay could not. Throws as `encode` does.
 */
export const roundtrip = (value: unknown, options: Options): { readonly text: string | null; readonly value: unknown } => {
  const text = encode(value, options);
  return { text, value: typeof value === "object" && value !== null ? decode(text) : value };
};

const rich = "~";

const errors: ErrorCodec = {
  write: (thing) => (isError(thing) ? fromError(thing) : undefined),
  read: (written) => toError(written as Failure),
};

const textOf = (value: unknown, options: Options): string => {
  try {
    if (isPlain(value)) return JSON.stringify(value);
  } catch {
    // A getter or a proxy threw, or the stack ran out; the walk below finds the place.
  }
  const refusal = refusalOf(value);
  if (refusal !== undefined) throw refused(options.what, refusal);
  try {
    return rich + writeRich(value, errors);
  } catch (cause) {
    throw refused(options.what, { path: "", is: "nothing that can be written", advice: "Keep plain data instead" }, cause);
  }
};

const refused = (what: string, refusal: Refusal, cause?: unknown): Fault.Fault =>
  Fault.make(
    "invalid_value",
    `The ${what} cannot be kept: ${refusal.path === "" ? "it" : refusal.path} is ${refusal.is}. ${refusal.advice}.`,
    { what, ...refusal },
    cause === undefined ? {} : { cause },
  );

/** A character takes one to three bytes, so most texts need no counting. */
const withinLimit = (text: string, { what, limit }: Options): string => {
  if (text.length * 3 <= limit) return text;
  const size = Buffer.byteLength(text);
  if (size <= limit) return text;
  throw Fault.make(
    "value_too_large",
    `The ${what} takes ${size} bytes, and the limit is ${limit}. Keep it elsewhere (a file, object storage, a table of yours) and hand over a reference, or raise payload of Runtime.open.`,
    { what, size, limit },
  );
};
