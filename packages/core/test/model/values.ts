/** Values to be kept, made at random. */
import * as fc from "fast-check";
import { Money } from "./classes.ts";

/** Texts, the odd ones among them. */
export const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.constantFrom("__proto__", "constructor", "\ud800", "\0", "~", "toJSON", "then", "length"),
);
/** Values of all kinds that the codec may meet. */
export const rich = fc.anything({
  key: text,
  maxDepth: 4,
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withSparseArray: true,
  withNullPrototype: true,
});

/** Objects, arrays, Maps and Sets that point at each other at random: shared parts and cycles of every kind. */
export const graph = fc
  .record({
    kinds: fc.array(fc.constantFrom("object", "array", "map", "set", "bare"), { minLength: 1, maxLength: 8 }),
    links: fc.array(
      fc.tuple(
        fc.nat(7),
        fc.nat(7),
        text.filter((key) => key !== "__proto__"),
      ),
      { maxLength: 20 },
    ),
    leaf: rich,
  })
  .map(({ kinds, links, leaf }) => {
    const nodes = kinds.map(empty);
    for (const [from, to, key] of links)
      link(nodes[from % nodes.length]!, key, (from + to) % 5 === 0 ? leaf : nodes[to % nodes.length]!);
    return nodes[0]!;
  });

type Kind = "object" | "array" | "map" | "set" | "bare";

const empty = (kind: Kind): object => {
  switch (kind) {
    case "object":
      return {};
    case "array":
      return [];
    case "map":
      return new Map();
    case "set":
      return new Set();
    case "bare":
      return Object.create(null) as object;
  }
};

const link = (from: object, key: string, to: unknown): void => {
  if (Array.isArray(from)) from.push(to);
  else if (from instanceof Map) from.set(key, to);
  else if (from instanceof Set) from.add(to);
  else Object.defineProperty(from, key, { value: to, enumerable: true, configurable: true, writable: true });
};

/** Objects of the platform and Errors, with values in them. */
export const made: fc.Arbitrary<unknown> = fc.oneof(
  fc.webUrl({ withQueryParameters: true, withFragments: true }).map((url) => new URL(url)),
  fc.array(fc.tuple(fc.string(), fc.string())).map((pairs) => new URLSearchParams(pairs)),
  fc
    .record({
      message: text,
      code: fc.oneof(fc.string(), fc.integer()),
      cause: rich,
      field: rich,
      kind: fc.constantFrom(Error, TypeError, RangeError),
    })
    .map(({ message, code, cause, field, kind: Kind }) => Object.assign(new Kind(message, { cause }), { code, field })),
  fc.array(rich, { maxLength: 3 }).map((values) => new AggregateError(values, "several")),
  fc.record({ at: fc.date(), n: fc.bigInt(), bytes: fc.uint8Array(), inner: rich }),
  fc
    .constantFrom<unknown>(() => 1, Symbol("s"), /x/, Promise.resolve(1), new WeakMap(), new Money(1))
    .chain((odd) => fc.constantFrom<unknown>([odd], { deep: [{ odd }] }, new Map([["odd", odd]]))),
);
