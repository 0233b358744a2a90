/** The async contexts of others: callers enter one of their own, and the code of runs looks whether it sees it. */
import { AsyncLocalStorage } from "node:async_hooks";
import { Context } from "../../src/index.ts";
import { sight } from "./sights.ts";

const request = new AsyncLocalStorage<string>();

/** Calls something inside a context that no run may see. */
export const asForeigner = <T>(who: string, call: () => T): T => request.run(who, call);

/** What a body has entered itself, by its execution. */
const entered = new WeakMap<object, string>();

/** A function, an undo or a new body sees no context at all. */
export const lookFrom = (ctx: Context.Context, place: string): void => {
  const store = request.getStore();
  if (store !== undefined) sight(ctx, "leaked", `${place} saw ${store}`);
};

/** A body sees what it has entered itself, and nothing else. */
export const look = (ctx: Context.Context, place: string): void => {
  const [store, own] = [request.getStore(), entered.get(ctx.execution)];
  if (store !== own) sight(ctx, "leaked", `the body, ${place}, saw ${store ?? "nothing"} instead of ${own ?? "nothing"}`);
};

/** Carries out a body in a context of its own, entered in one of two ways, or in none. */
export const inOwnContext = <T>(ctx: Context.Context, n: number, body: () => Promise<T>): Promise<T> => {
  lookFrom(ctx, "the beginning of a body");
  if (n % 3 === 2) return body();
  const own = `run ${Context.id(ctx)}`;
  entered.set(ctx.execution, own);
  if (n % 3 === 1) return request.run(own, body);
  request.enterWith(own);
  return body();
};
