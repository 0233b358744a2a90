/**
 * Bytes: typed arrays, DataView, ArrayBuffer and Buffer as a pair of class name and base64. A view is kept as the bytes it
 * shows, in a buffer of its own: never the rest of the buffer behind it, which for a Buffer is a pool with other people's data.
 */

/** The class that the bytes are of, and the bytes. */
export type Bytes = readonly [kind: string, base64: string];

type View = ArrayBuffer | ArrayBufferView;

const kinds: ReadonlyMap<object, string> = new Map<object, string>(
  [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float16Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
    DataView,
    ArrayBuffer,
    Buffer,
  ].map((type) => [type.prototype, type.name]),
);

/** The class of a thing made of bytes, `undefined` for all else, for resizable and shared buffers and for classes that extend them. */
export const byteKind = (thing: object): string | undefined => {
  const kind = kinds.get(Object.getPrototypeOf(thing) as object);
  return kind !== undefined && isFixed(thing) ? kind : undefined;
};

const isFixed = (thing: object): boolean => {
  const buffer = ArrayBuffer.isView(thing) ? thing.buffer : thing;
  return buffer instanceof ArrayBuffer && !buffer.resizable && !buffer.detached;
};

/** The bytes as text, or `undefined` for what is not bytes. */
export const writeBytes = (thing: unknown): Bytes | undefined => {
  if (typeof thing !== "object" || thing === null) return undefined;
  const kind = byteKind(thing);
  return kind === undefined ? undefined : [kind, bufferOf(thing as View).toString("base64")];
};

const bufferOf = (view: View): Buffer =>
  ArrayBuffer.isView(view) ? Buffer.from(view.buffer, view.byteOffset, view.byteLength) : Buffer.from(view);

/** Makes the thing that was written, in memory of its own. Throws for what `writeBytes` cannot have written. */
export const readBytes = (written: unknown): View => {
  if (!Array.isArray(written) || typeof written[0] !== "string" || typeof written[1] !== "string")
    throw new TypeError("Not bytes");
  const make = Object.hasOwn(makers, written[0]) ? makers[written[0]] : undefined;
  if (make === undefined) throw new TypeError("Unknown kind of bytes");
  return make(Uint8Array.fromBase64(written[1]).buffer);
};

const makers: Readonly<Record<string, (buffer: ArrayBuffer) => View>> = {
  Int8Array: (buffer) => new Int8Array(buffer),
  Uint8Array: (buffer) => new Uint8Array(buffer),
  Uint8ClampedArray: (buffer) => new Uint8ClampedArray(buffer),
  Int16Array: (buffer) => new Int16Array(buffer),
  Uint16Array: (buffer) => new Uint16Array(buffer),
  Int32Array: (buffer) => new Int32Array(buffer),
  Uint32Array: (buffer) => new Uint32Array(buffer),
  Float16Array: (buffer) => new Float16Array(buffer),
  Float32Array: (buffer) => new Float32Array(buffer),
  Float64Array: (buffer) => new Float64Array(buffer),
  BigInt64Array: (buffer) => new BigInt64Array(buffer),
  BigUint64Array: (buffer) => new BigUint64Array(buffer),
  DataView: (buffer) => new DataView(buffer),
  ArrayBuffer: (buffer) => buffer,
  Buffer: (buffer) => Buffer.from(buffer),
};
