/** An answer of the user's code: known now, or a promise of what is known later. Reading it may throw, as any look at a foreign object may. */
import { types } from "node:util";

const nativeThen: unknown = Reflect.get(Promise.prototype, "then");

/**
 * A promise when the answer has a `then`, as `await` decides it. Throws what reading `then` throws. The promise of a foreign thenable settles once, even
 * when the thenable calls back twice or throws after it did.
 */
export const laterOf = (answer: unknown): Promise<unknown> | undefined => {
  if ((typeof answer !== "object" && typeof answer !== "function") || answer === null) return undefined;
  const { then, constructor } = answer as { readonly then?: unknown; readonly constructor?: unknown };
  if (typeof then !== "function") return undefined;
  if (types.isPromise(answer) && then === nativeThen && constructor === Promise) return answer;
  return new Promise((resolve) => resolve(answer));
};
