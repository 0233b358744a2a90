/**
 * Plain: the values that JSON gives back exactly as they were. This is the fast half of the codec: it looks at each value once
 * and answers yes or no; why not, and what to do about it, is `keepable.ts`'s business.
 */

/** Arrays up to this length are searched for properties beside their elements; in longer ones that costs more than the rest. */
export const searchedLength = 100;

/** How deep a value may be nested. */
export const deepest = 1_000;

/** Whether the value is a string, a boolean, null, or a number that JSON keeps (not NaN, an infinity or -0). */
export const isLeaf = (value: unknown): value is string | boolean | number | null => {
  const type = typeof value;
  return type === "string" || type === "boolean" || value === null || (type === "number" && isExact(value as number));
};

/**
 * Whether JSON keeps the whole value: leaves in dense arrays and ordinary objects, nothing hidden, no `__proto__`, and no
 * object met twice (JSON would forget that the two are one). May throw what a getter or a proxy throws.
 */
export const isPlain = (value: unknown): boolean => isLeaf(value) || isPlainNode(value, { few: [], many: undefined }, 1);

const isExact = (value: number): boolean => value - value === 0 && (value !== 0 || 1 / value > 0);

const isPlainNode = (node: unknown, seen: Seen, depth: number): boolean => {
  if (typeof node !== "object" || node === null || depth > deepest || metBefore(seen, node)) return false;
  if (Array.isArray(node)) return isPlainArray(node, seen, depth);
  return Object.getPrototypeOf(node) === Object.prototype && isPlainObject(node as Record<string, unknown>, seen, depth);
};

const isPlainArray = (array: readonly unknown[], seen: Seen, depth: number): boolean => {
  const { length } = array;
  if (Object.getPrototypeOf(array) !== Array.prototype) return false;
  for (let index = 0; index < length; index += 1) {
    const element = array[index]; // A hole reads as undefined, which is no leaf.
    if (!isLeaf(element) && !isPlainNode(element, seen, depth + 1)) return false;
  }
  return length > searchedLength || Reflect.ownKeys(array).length === length + 1;
};

const isPlainObject = (object: Readonly<Record<string, unknown>>, seen: Seen, depth: number): boolean => {
  const keys = Object.keys(object);
  for (const key of keys) {
    if (key === "__proto__") return false;
    const field = object[key];
    if (!isLeaf(field) && !isPlainNode(field, seen, depth + 1)) return false;
  }
  return Reflect.ownKeys(object).length === keys.length;
};

/** The objects met so far. Most values have a few, and a short list beats a Set by far. */
type Seen = { readonly few: object[]; many: Set<object> | undefined };

const metBefore = (seen: Seen, node: object): boolean => {
  if (seen.many !== undefined) return seen.many.size === seen.many.add(node).size;
  if (seen.few.includes(node)) return true;
  seen.few.push(node);
  if (seen.few.length > 24) seen.many = new Set(seen.few);
  return false;
};
