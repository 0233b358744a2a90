/**
 * Promises that know who listens to them: a wait that has lost its race is told from one that the body still awaits.
 *
 *   Promise.race([wait, sleep])    gives both the same two functions. Once the sleep has called one, the race is over.
 *   Promise.race([wait.then(f)])   gives them to the promise of `then`, which is one of these too.
 *   await wait                     calls no `then`. It only looks at `constructor`, as a race does before it calls `then`.
 *
 * What cannot be told (a wait inside another async function, inside `Promise.all` inside a race) counts as listened to.
 *
 * There are two kinds. The promise of a wait counts all its listeners. The promise of another operation may race with a wait: it only marks the races that
 * it has decided. Most bodies only await it, so it has no state before the first call of its `then`.
 */

let signals = false;

/** A signal is defined in this process: bodies may wait. */
export const expectWaits = (): void => {
  signals = true;
};

export const hasSignals = (): boolean => signals;

type Handler = ((value: never) => unknown) | null | undefined;

/** One call of `then`. `next` is the promise that it answered with, where its listeners are counted. */
type Listener = { readonly fulfil: Handler; readonly reject: Handler; readonly next: Listening | undefined };

type Listening = {
  listeners: Listener[];
  /** When listeners of races that are over are forgotten. */
  most: number;
  heard: boolean;
  awaits: number;
  outcome: "fulfil" | "reject" | undefined;
  onListener: (() => void) | undefined;
};

const createListening = (): Listening => ({
  listeners: [],
  most: 8,
  heard: false,
  awaits: 0,
  outcome: undefined,
  onListener: undefined,
});

const listening = Symbol("who listens");

type Listened<Value = unknown> = Promise<Value> & { [listening]?: Listening };

/** Functions of promises that are settled by now: to call them again does nothing. */
const spent = new WeakSet<object>();

/** The promise whose `constructor` was looked at last, and whose `then` was not called since. */
let looked: Listening | undefined;

/** True while this file itself calls the `then` of the language. */
let inside = false;

const source = Function.prototype.toString.call(Promise.withResolvers().resolve);

/** True of the functions that settle a promise of the language's: those of a race go to each that takes part in it. */
const settles = (handler: Handler): handler is NonNullable<Handler> =>
  typeof handler === "function" &&
  handler.name === "" &&
  handler.length === 1 &&
  Function.prototype.toString.call(handler) === source;

const spend = (handler: Handler): void => {
  if (settles(handler)) spent.add(handler);
};

const isOver = ({ fulfil, reject, next }: Listener): boolean =>
  (settles(fulfil) && spent.has(fulfil)) || (settles(reject) && spent.has(reject)) || (next !== undefined && hasNone(next));

const hasNone = ({ awaits, heard, listeners }: Listening): boolean => awaits === 0 && heard && listeners.every(isOver);

/** True when all who listened did so by races that are over. */
export const isGivenUp = (promise: Promise<unknown>): boolean => {
  const own = (promise as Listened)[listening];
  return own !== undefined && hasNone(own);
};

/** Calls whenever somebody listens who did not before. */
export const onListener = (promise: Promise<unknown>, call: () => void): void => {
  const own = (promise as Listened)[listening];
  if (own) own.onListener = call;
};

const add = (to: Listening, listener: Listener): void => {
  // A wait that takes part in race after race forgets those that are over.
  if (to.listeners.length >= to.most) {
    to.listeners = to.listeners.filter((one) => !isOver(one));
    to.most = 2 * to.listeners.length + 8;
  }
  to.heard = true;
  to.listeners.push(listener);
  if (to.outcome !== undefined) spend(listener[to.outcome]);
  to.onListener?.();
};

/** It is settled in this way: so are the races in which it takes part. */
const mark = (one: Listening, outcome: "fulfil" | "reject"): void => {
  if (one.outcome !== undefined) return;
  one.outcome = outcome;
  for (const listener of one.listeners) spend(listener[outcome]);
};

/** Whoever looks at the constructor, and calls no `then` right after it, awaits. */
const look = (one: Listening): void => {
  if (inside) return;
  looked = one;
  one.awaits++;
  one.onListener?.();
};

/** Listens as `then` does: once `promise` is settled, `next` is settled with what the handler answers. */
const pass = (promise: Promise<unknown>, fulfil: Handler, reject: Handler, next: Made<unknown>): void => {
  const by =
    (handler: Handler, otherwise: (made: Made<unknown>, value: unknown) => void) =>
    (value: unknown): void => {
      if (typeof handler !== "function") return otherwise(next, value);
      try {
        resolveWith(next, handler(value as never));
      } catch (error) {
        refuseWith(next, error);
      }
    };
  inside = true;
  try {
    void Promise.prototype.then.call(promise, by(fulfil, resolveWith), by(reject, refuseWith));
  } finally {
    inside = false;
  }
};

/** `then` of a promise whose listeners are counted. */
const thenOfCounted = (promise: Listened, fulfil: Handler, reject: Handler): Promise<unknown> => {
  const own = (promise[listening] ??= createListening());
  if (looked === own) {
    looked = undefined;
    own.awaits--;
  }
  const next = counted<unknown>();
  add(own, { fulfil, reject, next: (next.promise as Listened)[listening] });
  pass(promise, fulfil, reject, next);
  return next.promise;
};

/** `then` of the others. */
const thenOf = (promise: Listened, fulfil: Handler, reject: Handler): Promise<unknown> => {
  const own = (promise[listening] ??= createListening());
  const next = listened<unknown>();
  add(own, { fulfil, reject, next: undefined });
  pass(promise, fulfil, reject, next);
  return next.promise;
};

/** A promise of the language in all but its `then`: `await` and `Promise.race` must take it for what it is. */
const promiseWith = (then: typeof thenOf, others: PropertyDescriptorMap = {}): object =>
  Object.create(Promise.prototype, {
    // oxlint-disable-next-line no-thenable -- it is a promise
    then: {
      configurable: true,
      writable: true,
      value(this: Listened, fulfil: Handler, reject: Handler) {
        return then(this, fulfil, reject);
      },
    },
    ...others,
  }) as object;

const plain = promiseWith(thenOf);

const counting = promiseWith(thenOfCounted, {
  constructor: {
    configurable: true,
    get(this: Partial<Listened>) {
      if (this[listening]) look(this[listening]);
      return Promise;
    },
  },
});

const isThenable = (value: unknown): boolean =>
  (typeof value === "object" || typeof value === "function") && value !== null && "then" in value;

type Made<Value> = Pick<PromiseWithResolvers<Value>, "promise" | "resolve" | "reject">;

/** A function that makes promises of this kind, as `Promise.withResolvers` does: cheaper than to change the prototype of one that is there. */
const makerOf = (kind: object): (<Value>() => PromiseWithResolvers<Value>) => {
  const target = Object.defineProperty(function () {}, "prototype", { value: kind }) as unknown as PromiseConstructor;
  return <Value>() => {
    let resolve!: PromiseWithResolvers<Value>["resolve"];
    let reject!: PromiseWithResolvers<Value>["reject"];
    const executor = (toResolve: typeof resolve, toReject: typeof reject): void => {
      resolve = toResolve;
      reject = toReject;
    };
    const promise = Reflect.construct<[typeof executor], Promise<Value>>(Promise as never, [executor], target);
    return { promise, resolve, reject };
  };
};

/** Settled by `resolveWith` and `refuseWith`, it ends the races that it decides. */
export const listened = makerOf(plain);

const makeCounted = makerOf(counting);

/** The same, and its listeners are counted. */
export const counted = <Value>(): PromiseWithResolvers<Value> => {
  const made = makeCounted<Value>();
  (made.promise as Listened)[listening] = createListening();
  return made;
};

export const resolveWith = <Value>({ promise, resolve }: Made<Value>, value: Value): void => {
  const own = (promise as Listened)[listening];
  // A promise in its place settles it later, and nobody is told when.
  if (own !== undefined && !isThenable(value)) mark(own, "fulfil");
  resolve(value);
};

export const refuseWith = <Value>({ promise, reject }: Made<Value>, error: unknown): void => {
  const own = (promise as Listened)[listening];
  if (own !== undefined) mark(own, "reject");
  reject(error);
};

/** The same outcome, as a promise that ends the races that it decides. */
export const listenedTo = <Value>(promise: Promise<Value>): Promise<Value> => {
  const made = listened<Value>();
  promise.then(
    (value) => resolveWith(made, value),
    (error: unknown) => refuseWith(made, error),
  );
  return made.promise;
};
