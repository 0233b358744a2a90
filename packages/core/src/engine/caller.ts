/**
 * Which code is running: the body of a run, one of its functions (step, undo, fallback, transaction, predicate), or neither. An
 * `AsyncLocalStorage` carries it through every `await`. User code starts here with an empty async context: it does not see the request or the
 * run that started, signalled or woke it.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Execution } from "./execution.ts";

/**
 * A strand is a chain of body code between two operations. `after` is the key of the operation that this chain asked for last, "" at the start of the
 * body: the same in every life, however long the code in between computes.
 */
export type Strand = { readonly kind: "body"; readonly execution: Execution; readonly after: string };

/** A function of the user's that belongs to a step, and which one. The key of an undo begins with `undo:`. */
export type Call = {
  readonly kind: "function";
  readonly execution: Execution;
  readonly key: string;
  readonly what: "function" | "fallback" | "predicate";
};

export type Caller = Strand | Call;

const storage = new AsyncLocalStorage<Caller | undefined>();

/** The async context of this module's load is empty, whatever imported it. */
const inRootContext = AsyncLocalStorage.snapshot();

/** Runs engine code, and the user code that it calls, with an empty async context. */
export const apart = <T>(run: () => T): T => inRootContext(run);

/** The code that runs now; undefined for code of neither a body nor a step. */
export const caller = (): Caller | undefined => storage.getStore();

/** From here on, and after the next `await`, this code is that strand. */
export const become = (strand: Strand): void => storage.enterWith(strand);

/** Calls user code as this caller, in an async context that holds nothing else. What the code enters there ends with the call. */
export const callAs = <T>(who: Caller, run: () => T): T =>
  inRootContext(() => {
    storage.enterWith(who);
    return run();
  });

/** For example `the function of step "charge"`. */
export const describeCall = ({ key, what }: Call): string =>
  key.startsWith("undo:") && what === "function"
    ? `the undo of step "${key.slice("undo:".length)}"`
    : `the ${what} of step "${key}"`;
