/** Whether two values are the same in every way that counts: -0, NaN, holes, key order, prototypes, cycles and what is shared. */
export const same = (left: unknown, right: unknown): boolean => compare(left, right, new Map(), new Map());

type Pairs = Map<object, object>;

const compare = (left: unknown, right: unknown, there: Pairs, back: Pairs): boolean => {
  if (typeof left !== "object" || left === null || typeof right !== "object" || right === null) return Object.is(left, right);
  if (there.has(left) || back.has(right)) return there.get(left) === right && back.get(right) === left;
  there.set(left, right);
  back.set(right, left);
  if (Object.getPrototypeOf(left) !== Object.getPrototypeOf(right)) return false;
  const parts = partsOf(left);
  const others = partsOf(right);
  return parts.length === others.length && parts.every((part, index) => compare(part, others[index], there, back));
};

/** Everything a value is made of, in order. */
const partsOf = (value: object): readonly unknown[] => {
  if (value instanceof Date) return [value.getTime()];
  if (value instanceof URL || value instanceof URLSearchParams) return [value.toString()];
  if (Object.prototype.toString.call(value).startsWith("[object Temporal.")) return [Bun.inspect(value), JSON.stringify(value)];
  if (value instanceof Map) return [...value].flat(1);
  if (value instanceof Set) return [...value];
  if (value instanceof ArrayBuffer) return [...new Uint8Array(value)];
  if (ArrayBuffer.isView(value)) return [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)];
  if (value instanceof Error) return [value.name, value.message, value.stack, value.cause, ...fields(value)];
  return Array.isArray(value) ? [value.length, ...fields(value)] : fields(value);
};

const fields = (value: object): readonly unknown[] =>
  Object.keys(value).flatMap((key) => [key, (value as Readonly<Record<string, unknown>>)[key]]);
