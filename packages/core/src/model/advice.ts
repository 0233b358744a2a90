/**
 * Advice for objects of classes that cannot be kept: what the object is, and code that makes a value of it which can be. `it` stands for the object. Getters
 * and methods of the object are not called.
 */
import { read } from "./guarded.ts";

export type Advice = { readonly is: string; readonly advice: string };

/** May throw what a proxy throws. */
export const adviceFor = (value: object, prototype: object): Advice => {
  const name = className(prototype);
  const is = `an instance of ${name}`;
  const advice = ofPlatform(value, name) ?? (name === "Object" ? deepCopy : (ofJson(value) ?? ofFields(value, prototype)));
  return value instanceof Promise
    ? { is: "a Promise", advice: "Await it first" }
    : { is: `${is}${name === "Array" || name === "Object" ? " of another realm" : ""}`, advice };
};

const className = (prototype: object): string => {
  const named = read(read(prototype, "constructor"), "name");
  return typeof named === "string" && named !== "" ? named.slice(0, 100) : "a class";
};

const ofPlatform = (value: object, name: string): string | undefined => {
  if (Array.isArray(value)) return "Copy it into an ordinary array: [...it]";
  if (typeof read(value, "then") === "function") return "Await it first";
  if (has(mapSize, value)) return "Copy it into an ordinary Map: new Map(it)";
  if (has(setSize, value)) return "Copy it into an ordinary Set: new Set(it)";
  if (has(timeOf, value)) return "Copy it into an ordinary Date: new Date(it)";
  return ofBytes(value) ?? ofOthers(value, name);
};

type Look = (value: object) => unknown;

/** These read what only an object of the kind has, of whatever realm and class it is; on any other they throw. */
const getterOf = (prototype: object, key: PropertyKey): Look => {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, key);
  const get = descriptor && (Reflect.get(descriptor, "get") as () => unknown);
  return (value) => get && Reflect.apply(get, value, []);
};
const mapSize = getterOf(Map.prototype, "size");
const setSize = getterOf(Set.prototype, "size");
const timeOf: Look = (value) => Date.prototype.getTime.call(value);
const lengthOfBuffer = getterOf(ArrayBuffer.prototype, "byteLength");
const lengthOfShared = getterOf(SharedArrayBuffer.prototype, "byteLength");
const primitives: readonly Look[] = [String, Number, Boolean, BigInt, Symbol].map(({ prototype }): Look => {
  const valueOf: unknown = Reflect.get(prototype, "valueOf");
  return (value) => Reflect.apply(valueOf as () => unknown, value, []);
});

const has = (look: Look, value: object): boolean => {
  try {
    look(value);
    return true;
  } catch {
    return false;
  }
};

const ofBytes = (value: object): string | undefined => {
  if (ArrayBuffer.isView(value)) {
    const kind = kindOfView(value);
    if (kind === undefined) return "Copy its bytes: new Uint8Array(it.buffer, it.byteOffset, it.byteLength).slice()";
    return `Copy it into an ordinary ${kind}: new ${kind}(it)`;
  }
  if (!has(lengthOfBuffer, value) && !has(lengthOfShared, value)) return undefined;
  return read(value, "detached") === true
    ? "Its buffer was handed to somebody else: keep a copy that was made before, with it.slice()"
    : "Copy its bytes: new Uint8Array(it).slice()";
};

const typedArray: object = Object.getPrototypeOf(Uint8Array.prototype) as object;
const kindOf = getterOf(typedArray, Symbol.toStringTag);

/** `Float64Array` also for a class that extends it; undefined for a DataView. */
const kindOfView = (view: object): string | undefined => kindOf(view) as string | undefined;

const ofOthers = (value: object, name: string): string | undefined => {
  if (primitives.some((look) => has(look, value))) return "Keep the value in it: it.valueOf()";
  if (value instanceof RegExp) return "Keep its source and its flags: { source: it.source, flags: it.flags }";
  if (value instanceof Response || value instanceof Request)
    return "Read its body first: await it.text(), await it.json() or await it.bytes()";
  if (value instanceof Blob) return "Read it first: await it.bytes(), or await it.text()";
  if (value instanceof ReadableStream) return "Read it first: await new Response(it).bytes()";
  if (value instanceof Headers || value instanceof FormData) return "Keep its entries: [...it]";
  if (typeof read(value, Symbol.asyncIterator) === "function") return "Keep what it yields: await Array.fromAsync(it)";
  return typeof read(value, Symbol.iterator) === "function" && name === "a class" ? "Keep what it yields: [...it]" : undefined;
};

/** An object of the class Object whose prototype is not ours is one of another realm. */
const deepCopy = "It is of another realm. Copy it into this one: structuredClone(it)";

const ofJson = (value: object): string | undefined =>
  typeof read(value, "toJSON") === "function" ? "Call its toJSON() and keep what that returns: it.toJSON()" : undefined;

const mostNamed = 8;

/** Own fields can be spread; getters of the class are named, for a spread leaves them out. */
const ofFields = (value: object, prototype: object): string => {
  const own = Object.entries(Object.getOwnPropertyDescriptors(value)).filter(([, { enumerable }]) => enumerable);
  const kept = own.filter(([, field]) => typeof field.value !== "function").map(([key]) => key);
  const getters = gettersOf(prototype).filter((key) => !Object.hasOwn(value, key));
  if (kept.length === 0 && getters.length === 0)
    return "It has no fields that can be copied: keep what you need of it as an ordinary object, for example { id: it.id() }";
  const spread = kept.length === own.length && kept.length > 0;
  const named = (spread ? getters : [...kept, ...getters]).filter((key) => identifier.test(key)).slice(0, mostNamed);
  const parts = [...(spread ? ["...it"] : []), ...named.map((key) => `${key}: it.${key}`)];
  return `Keep its fields as an ordinary object, for example { ${parts.join(", ")} }`;
};

const identifier = /^[\p{L}_$][\p{L}\p{N}_$]{0,60}$/u;

const gettersOf = (prototype: object): readonly string[] => {
  const getters: string[] = [];
  for (let at: object | null = prototype; at !== null && !isRoot(at); at = Object.getPrototypeOf(at) as object | null)
    for (const [key, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(at)))
      if (Reflect.get(descriptor, "get") !== undefined && !getters.includes(key)) getters.push(key);
  return getters;
};

/** The prototype of plain objects, of whatever realm, has no prototype. */
const isRoot = (prototype: object): boolean => Object.getPrototypeOf(prototype) === null;
