/**
 * Keepable: the slow half of the codec. It walks a value that is not plain and finds the first place that cannot be kept,
 * with the path to it and what it is, or nothing when devalue can keep it all.
 */
import { adviceFor } from "./advice.ts";
import { byteKind } from "./bytes.ts";
import { asText, isError, read } from "./guarded.ts";
import { deepest, isLeaf, searchedLength } from "./plain.ts";

/** The first place of a value that cannot be kept: `.lines[3].price` is `a function`, and what to do instead. */
export type Refusal = { readonly path: string; readonly is: string; readonly advice: string };

/** What a walk may meet: `size` is spent as it goes (about a unit for each character and eight for each object). */
export type Bounds = { readonly errors: "kept" | "refused"; size: number };

/** The first reason against keeping the value, or `undefined`. Never throws, whatever getters and proxies do. */
export const refusalOf = (value: unknown, bounds: Bounds = { errors: "kept", size: Infinity }): Refusal | undefined => {
  const walk: Walk = { bounds, seen: new Set(), path: [] };
  try {
    return visit(walk, value);
  } catch (thrown) {
    return refuse(walk, `unreadable: ${said(thrown)}`, "Hand over a copy that can be read");
  }
};

type Walk = { readonly bounds: Bounds; readonly seen: Set<object>; readonly path: (string | number)[] };

const visit = (walk: Walk, value: unknown): Refusal | undefined => {
  const refusal = spend(walk, sizeOf(value));
  if (refusal !== undefined) return refusal;
  if (typeof value === "bigint") return spend(walk, Math.ceil(value.toString(16).length / 2));
  if (typeof value === "object" && value !== null && !walk.seen.has(value)) return visitObject(walk, value);
  if (typeof value === "function") return refuse(walk, "a function", "Leave it out, or keep the name of what to call");
  return typeof value === "symbol" ? refuse(walk, "a symbol", "Use a string") : undefined;
};

const sizeOf = (value: unknown): number => (typeof value === "string" ? value.length : 8);

const visitObject = (walk: Walk, value: object): Refusal | undefined => {
  walk.seen.add(value);
  if (walk.path.length >= deepest)
    return refuse(walk, `nested more than ${deepest} levels deep`, "Flatten it, or keep a list with references");
  if (isError(value)) return walk.bounds.errors === "kept" ? undefined : refuse(walk, "an Error", "Keep its message");
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return visitFields(walk, value as Record<string, unknown>);
  if (prototype === Array.prototype && Array.isArray(value)) return visitElements(walk, value);
  if (prototype === Map.prototype) return visitMap(walk, value as Map<unknown, unknown>);
  if (prototype === Set.prototype) return visitSet(walk, value as Set<unknown>);
  if (byteKind(value) !== undefined) return spend(walk, (value as ArrayBuffer).byteLength);
  return leaves.has(prototype as object) ? visitLeaf(walk, value) : refuseInstance(walk, value, prototype as object);
};

const spend = (walk: Walk, bytes: number): Refusal | undefined => {
  walk.bounds.size -= bytes;
  return walk.bounds.size < 0 ? refuse(walk, "too large here", "Keep less of it") : undefined;
};

/** Classes of the platform whose objects are a text of their own; devalue writes and reads them. */
const leaves: ReadonlySet<object> = new Set([
  Date.prototype,
  URL.prototype,
  URLSearchParams.prototype,
  Temporal.Duration.prototype,
  Temporal.Instant.prototype,
  Temporal.PlainDate.prototype,
  Temporal.PlainTime.prototype,
  Temporal.PlainDateTime.prototype,
  Temporal.PlainMonthDay.prototype,
  Temporal.PlainYearMonth.prototype,
  Temporal.ZonedDateTime.prototype,
]);

const visitLeaf = (walk: Walk, value: object): Refusal | undefined =>
  Reflect.ownKeys(value).length === 0
    ? spend(walk, 32)
    : refuse(walk, "an object of the platform with properties added to it", "Keep the properties beside it");

const visitFields = (walk: Walk, object: Readonly<Record<string, unknown>>): Refusal | undefined => {
  const keys = Object.keys(object);
  for (const key of keys) {
    if (key === "__proto__")
      return refuse(walk, 'an object with a key named "__proto__"', "Such keys are an attack or an accident: remove it");
    const refusal = spend(walk, key.length) ?? inside(walk, key, object);
    if (refusal !== undefined) return refusal;
  }
  return Reflect.ownKeys(object).length === keys.length
    ? undefined
    : refuse(
        walk,
        "an object with symbols as keys or with properties that are not enumerable",
        "Copy what matters into an ordinary object",
      );
};

const visitElements = (walk: Walk, array: readonly unknown[]): Refusal | undefined => {
  for (let index = 0; index < array.length; index += 1) {
    const element = array[index];
    if (element === undefined && !Object.hasOwn(array, index)) return visitSparse(walk, array);
    const refusal = isLeaf(element) ? spend(walk, sizeOf(element)) : inside(walk, index, array);
    if (refusal !== undefined) return refusal;
  }
  return array.length > searchedLength || Reflect.ownKeys(array).length === array.length + 1 ? undefined : refuseExtra(walk);
};

/** Only what is there is looked at: `[,]` of length a hundred million costs nothing. */
const visitSparse = (walk: Walk, array: readonly unknown[]): Refusal | undefined => {
  const keys = Object.keys(array);
  for (const key of keys) {
    const index = Number(key);
    if (String(index >>> 0) !== key || index >= array.length) return refuseExtra(walk);
    const refusal = inside(walk, index, array);
    if (refusal !== undefined) return refusal;
  }
  return Reflect.ownKeys(array).length === keys.length + 1 ? undefined : refuseExtra(walk);
};

const refuseExtra = (walk: Walk): Refusal =>
  refuse(
    walk,
    "an array with properties beside its elements",
    "Keep them in an object around the array, or copy the array with [...array]",
  );

const visitMap = (walk: Walk, map: ReadonlyMap<unknown, unknown>): Refusal | undefined => {
  for (const [key, value] of Map.prototype.entries.call(map)) {
    const place = typeof key === "string" || typeof key === "number" ? key : "(a value of the Map)";
    const refusal = within(walk, "(a key of the Map)", key) ?? within(walk, place, value);
    if (refusal !== undefined) return refusal;
  }
  return visitLeaf(walk, map);
};

const visitSet = (walk: Walk, set: ReadonlySet<unknown>): Refusal | undefined => {
  for (const value of Set.prototype.values.call(set)) {
    const refusal = within(walk, "(an element of the Set)", value);
    if (refusal !== undefined) return refusal;
  }
  return visitLeaf(walk, set);
};

/** The field is read when the path already says which it is, since reading may throw. */
const inside = (walk: Walk, key: string | number, holder: object): Refusal | undefined => {
  walk.path.push(key);
  const refusal = visit(walk, (holder as Readonly<Record<PropertyKey, unknown>>)[key]);
  walk.path.pop();
  return refusal;
};

const within = (walk: Walk, place: string | number, value: unknown): Refusal | undefined => {
  walk.path.push(place);
  const refusal = visit(walk, value);
  walk.path.pop();
  return refusal;
};

const refuseInstance = (walk: Walk, value: object, prototype: object): Refusal => {
  const { is, advice } = adviceFor(value, prototype);
  return refuse(walk, is, advice);
};

const refuse = (walk: Walk, is: string, advice: string): Refusal => ({ path: shownPath(walk.path), is, advice });

/** The path as one would write it in code, its middle left out when it is long. */
const shownPath = (path: readonly (string | number)[]): string => {
  const shown = path.length <= 12 ? path.map(segment) : [...path.slice(0, 6).map(segment), " … ", ...path.slice(-4).map(segment)];
  return shown.join("");
};

const segment = (key: string | number): string => {
  if (typeof key === "number") return `[${key}]`;
  if (key.startsWith("(")) return ` ${key.slice(0, 60)} `;
  return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) && key.length <= 60 ? `.${key}` : `[${JSON.stringify(key.slice(0, 60))}]`;
};

const said = (thrown: unknown): string => asText(isError(thrown) ? read(thrown, "message") : thrown).slice(0, 200);
