/** Forty things that code may throw, each made anew. */

const fails = (): never => {
  throw new Error("touched");
};

const everyTrap: ProxyHandler<Error> = {
  get: fails,
  has: fails,
  ownKeys: fails,
  getPrototypeOf: fails,
  getOwnPropertyDescriptor: fails,
};

const revoked = (): unknown => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

/** An Error with an accessor that throws. */
const guarded = (field: string): Error => Object.defineProperty(new Error("guarded"), field, { get: fails, enumerable: true });

const chain = (length: number): Error => {
  let error = new Error("the first cause");
  for (let at = 0; at < length; at++) error = new Error(`because ${at}`, { cause: error });
  return error;
};

const circular = (): Error => {
  const one = new Error("one");
  const other = new Error("other", { cause: one });
  one.cause = other;
  return Object.assign(one, { self: one, list: [one, other] });
};

const deep = (levels: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = { value };
  return value;
};

class Nameless extends Error {}
class Silent extends Error {
  override get message(): string {
    return fails();
  }
}

export const oddities: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  zero: () => -0,
  NaN: () => Number.NaN,
  "a big integer": () => 2n ** 100n,
  true: () => true,
  "an empty text": () => "",
  "a text": () => "a word",
  "half a surrogate pair": () => "\ud800",
  "5 MB of text": () => "x".repeat(5_000_000),
  "a symbol": () => Symbol("thrown"),
  "a function": () => () => 1,
  "an object": () => ({ message: "like an error", code: 7 }),
  "an object without a prototype": () => Object.create(null) as unknown,
  "a frozen object": () => Object.freeze({ a: 1 }),
  "an array": () => [new Error("within"), 1],
  "a promise": () => Promise.resolve(1),
  // oxlint-disable-next-line unicorn/no-thenable -- that is what is thrown
  "a thenable": () => ({ then: (resolve: (value: number) => void) => resolve(1) }),
  "a Response": () => new Response("no", { status: 500 }),
  "a Map that holds itself": () => {
    const map = new Map<string, unknown>();
    return map.set("self", map);
  },
  "a revoked proxy": revoked,
  "a proxy that throws": () => new Proxy(new Error("within"), everyTrap),
  "a class": () => Nameless,
  "an Error": () => new Error("ordinary"),
  "an Error without a message": () => new Error(""),
  "an Error of a class without a name": () => new Nameless("nameless"),
  "a frozen Error": () => Object.freeze(new Error("frozen")),
  "an Error that holds itself": circular,
  "a cause that is the Error itself": () => {
    const error = new Error("its own");
    error.cause = error;
    return error;
  },
  "10,000 causes": () => chain(10_000),
  "a message that throws": () => new Silent("never read"),
  "a stack that throws": () => guarded("stack"),
  "a code that throws": () => guarded("code"),
  "a cause that throws": () => guarded("cause"),
  "a name that is no text": () => Object.defineProperty(new Error("named"), "name", { value: { toString: fails } }),
  "a message that is no text": () => Object.defineProperty(new Error("x"), "message", { value: deep(200_000) }),
  "a message of 5 MB": () => new Error("x".repeat(5_000_000)),
  "fields of every kind": () =>
    Object.assign(new Error("fields"), {
      f: fails,
      s: Symbol("s"),
      big: "y".repeat(2_000_000),
      deep: deep(200_000),
      at: new Date(Number.NaN),
    }),
  "10,000 fields": () =>
    Object.assign(new Error("many"), Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`f${at}`, at]))),
  "10,000 errors": () =>
    new AggregateError(
      Array.from({ length: 10_000 }, (_, at) => new Error(`${at}`)),
      "many",
    ),
  "a DOMException": () => new DOMException("aborted", "AbortError"),
  "a Fault of somebody else": () => Object.assign(new Error("like ours"), { name: "Fault", code: "cancelled", data: null }),
  "__proto__ as a field": () =>
    Object.assign(
      new Error("proto"),
      JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}') as object,
    ),
};
