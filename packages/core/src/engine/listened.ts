/**
 * Promises that know who listens to them: a wait that has lost its race is told from one that the body still awaits.
 *
 *   Promise.race([wait, sleep])    gives both the same two functions. Once the sleep has called one, the race is over.
 *   Promise.race([wait.then(f)])   gives them to the promise of `then`, which is one of these too.
 *   await wait                     calls no `then`. It only looks at `constructor`, as a race does before it calls `then`.
 *
 * What cannot be told (a wait inside another async function, inside `Promise.all` inside a race) counts as listened to.
 */

let signals = false;

/** A signal is defined in this process: bodies may wait. */
export const expectWaits = (): void => {
  signals = true;
};

export const hasSignals = (): boolean => signals;

type Handler = ((value: never) => unknown) | null | undefined;

/** One call of `then`. `next` is the promise that it answered with. */
type Listener = { readonly fulfil: Handler; readonly reject: Handler; readonly next: Listening };

type Listening = {
  listeners: Listener[];
  /** When listeners of races that are over are forgotten. */
  most: number;
  heard: boolean;
  awaits: number;
  outcome: "fulfil" | "reject" | undefined;
  onListener: (() => void) | undefined;
};

const listening = Symbol("who listens");

export type Listened<Value = unknown> = Promise<Value> & { readonly [listening]: Listening };

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
  (settles(fulfil) && spent.has(fulfil)) || (settles(reject) && spent.has(reject)) || hasNone(next);

const hasNone = ({ awaits, heard, listeners }: Listening): boolean => awaits === 0 && heard && listeners.every(isOver);

/** True when all who listened did so by races that are over. */
export const isGivenUp = (promise: Promise<unknown>): boolean => {
  const own = (promise as Partial<Listened>)[listening];
  return own !== undefined && hasNone(own);
};

/** Calls whenever somebody listens who did not before. */
export const onListener = (promise: Promise<unknown>, call: () => void): void => {
  const own = (promise as Partial<Listened>)[listening];
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

const thenOf = (promise: Listened, fulfil: Handler, reject: Handler): Listened => {
  const own = promise[listening];
  if (looked === own) {
    looked = undefined;
    own.awaits--;
  }
  const next = listened<unknown>();
  add(own, { fulfil, reject, next: next.promise[listening] });
  const pass =
    (handler: Handler, otherwise: (value: unknown) => void) =>
    (value: unknown): void => {
      if (typeof handler !== "function") return otherwise(value);
      try {
        next.resolve(handler(value as never));
      } catch (error) {
        next.reject(error);
      }
    };
  inside = true;
  try {
    void Promise.prototype.then.call(promise, pass(fulfil, next.resolve), pass(reject, next.reject));
  } finally {
    inside = false;
  }
  return next.promise;
};

/** A promise of the language in all but its `then`: `await` and `Promise.race` must take it for what it is. */
const prototype = Object.create(Promise.prototype, {
  // oxlint-disable-next-line no-thenable -- it is a promise
  then: {
    configurable: true,
    writable: true,
    value(this: Listened, fulfil: Handler, reject: Handler) {
      return thenOf(this, fulfil, reject);
    },
  },
  constructor: {
    configurable: true,
    get(this: Partial<Listened>) {
      if (this[listening]) look(this[listening]);
      return Promise;
    },
  },
}) as object;

const Maker = function () {} as unknown as PromiseConstructor;
Object.defineProperty(Maker, "prototype", { value: prototype });

const isThenable = (value: unknown): boolean =>
  (typeof value === "object" || typeof value === "function") && value !== null && "then" in value;

/** As `Promise.withResolvers`. */
export const listened = <Value>(): {
  readonly promise: Listened<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: unknown) => void;
} => {
  let [settle, refuse]: ((value: never) => void)[] = [];
  const executor = (...both: ((value: never) => void)[]): void => void ([settle, refuse] = both);
  const promise = Reflect.construct(Promise, [executor], Maker) as Promise<Value>;
  const own: Listening = {
    listeners: [],
    most: 8,
    heard: false,
    awaits: 0,
    outcome: undefined,
    onListener: undefined,
  };
  return {
    promise: Object.assign(promise, { [listening]: own }),
    resolve: (value) => {
      // A promise in its place settles it later, and nobody is told when.
      if (!isThenable(value)) mark(own, "fulfil");
      settle?.(value as never);
    },
    reject: (error) => {
      mark(own, "reject");
      refuse?.(error as never);
    },
  };
};

/** The same outcome, as a promise that knows who listens to it. */
export const listenedTo = <Value>(promise: Promise<Value>): Listened<Value> => {
  const own = listened<Value>();
  promise.then(own.resolve, own.reject);
  return own.promise;
};
