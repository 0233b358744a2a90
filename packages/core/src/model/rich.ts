/**
 * Rich: the text of values that JSON would change, written and read by devalue with our own words for big integers, bytes
 * and Errors. Only what is on the list is ever built: no class, no function, no regular expression, whatever the text says.
 */
import { parse, stringify } from "devalue";

import { readBytes, writeBytes } from "./bytes.ts";

/** How Errors are written and read; `failure.ts` knows. Without it a value may hold none. */
export type ErrorCodec = { readonly write: (thing: unknown) => unknown; readonly read: (written: unknown) => Error };

/**
 * The text of a value that `refusalOf` has nothing against: ASCII where a database would not keep the character. Identity and
 * cycles are kept. Throws what a getter or a proxy throws.
 */
export const writeRich = (value: unknown, errors?: ErrorCodec): string =>
  stringify(value, errors === undefined ? reducers : { ...reducers, error: errors.write });

/** The value of a text that `writeRich` made. Throws for any other text. */
export const readRich = (text: string, errors?: ErrorCodec): unknown =>
  parse(text, errors === undefined ? revivers : { ...revivers, error: errors.read });

/** Hexadecimal, since reading decimal digits takes quadratic time. */
const writeBigInt = (thing: unknown): string | undefined => (typeof thing === "bigint" ? thing.toString(16) : undefined);

const readBigInt = (hex: unknown): bigint => {
  if (typeof hex !== "string" || !/^-?[0-9a-f]+$/.test(hex)) throw new TypeError("Not a big integer");
  return hex.startsWith("-") ? -BigInt(`0x${hex.slice(1)}`) : BigInt(`0x${hex}`);
};

const reducers = { bigint: writeBigInt, bytes: writeBytes };

const refuse = (): never => {
  throw new TypeError("A type that is never written");
};

/** What devalue would build on its own but we never write. */
const never = [
  "RegExp",
  "Object",
  "BigInt",
  "ArrayBuffer",
  "DataView",
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float16Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
];

const revivers: Readonly<Record<string, (written: unknown) => unknown>> = {
  ...Object.fromEntries(never.map((name) => [name, refuse])),
  bigint: readBigInt,
  bytes: readBytes,
};
