/**
 * Which code is running: the body of a run, one of its functions (step, undo, fallback, transaction, predicate), or neither. An
 * `AsyncLocalStorage` carries it through every `await`. User code starts here with an empty async context: it does not see the request or the
 * run that started, signalled or woke it.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import * as Fault from "../model/fault.ts";
import { describe } from "../model/strangers.ts";
import type { Execution } from "./execution.ts";
import { wordsFor } from "./held.ts";
import type { Context } from "./scope.ts";

/**
 * A strand is a chain of body code between two operations. Its place is the same in every life of the run, however long the code computes:
 * `after` is the key of the operation that this chain asked for last ("" at the start of the body), `draws` counts its draws since then.
 */
export type Strand = {
  readonly kind: "body";
  readonly execution: Execution;
  readonly after: string;
  readonly draws: number;
  /** The key of that operation, also where a draw has split the strand. */
  operation: string;
  /** When the code went on from there: by the wall clock, and in this life, where the history has places, by the monotonic clock. */
  at: number;
  givenAt: number;
  /** How often a name was asked for from here: one name, or counts where there are several asks. */
  asked: string | Map<string, number> | undefined;
  /** What few strands have: names asked for after work that is not durable, with the seq that the body had been given by then, and draws. */
  rare: { readonly computed: Map<string, AskedBefore>; drawn: number; computedDraw: boolean } | undefined;
};

/** An earlier ask of a name. `isHeld`: its answer waits on a replay, so that other code of its place is told apart. */
export type AskedBefore = { readonly given: number; readonly isOpen: () => boolean; readonly isHeld: () => boolean };

/** A function of the user's that belongs to a step, and which one. The key of an undo begins with `undo:`. */
export type Call = {
  readonly kind: "function";
  readonly execution: Execution;
  readonly key: string;
  readonly what: "function" | "fallback" | "predicate";
};

export type Caller = Strand | Call;

export const strandAfter = (execution: Execution, after: string, draws = 0, operation = after): Strand => ({
  kind: "body",
  execution,
  after,
  draws,
  operation,
  at: execution.seenAt,
  givenAt: execution.givenAt,
  asked: undefined,
  rare: undefined,
});

export const rareOf = (strand: Strand): NonNullable<Strand["rare"]> =>
  (strand.rare ??= { computed: new Map(), drawn: 0, computedDraw: false });

const storage = new AsyncLocalStorage<Caller | undefined>();

/** The async context of this module's load is empty, whatever imported it. */
const inRootContext = AsyncLocalStorage.snapshot();

/** Runs engine code, and the user code that it calls, with an empty async context. */
export const apart = <T>(run: () => T): T => inRootContext(run);

/** The code that runs now; undefined for code of neither a body nor a step. */
export const caller = (): Caller | undefined => storage.getStore();

/** From here on, and after the next `await`, this code is that strand. */
export const become = (strand: Strand): void => storage.enterWith(strand);

const enter = <Given, T>(who: Caller, run: (given: Given) => T, given: Given): T => {
  storage.enterWith(who);
  return run(given);
};

/** Calls user code as this caller, in an async context that holds nothing else. What the code enters there ends with the call. */
export const callAs = <Given, T>(who: Caller, run: (given: Given) => T, given: Given): T =>
  inRootContext(enter<Given, T>, who, run, given);

/** Calls code of the body as another strand of it. What the body has put into its async context is there. */
export const branchAs = <T>(strand: Strand, run: () => T): T => {
  const before = storage.getStore();
  storage.enterWith(strand);
  try {
    return run();
  } finally {
    storage.enterWith(before);
  }
};

/** For example `the function of step "charge"`. */
export const describeCall = ({ key, what }: Call): string =>
  key.startsWith("undo:") && what === "function"
    ? `the undo of step "${key.slice("undo:".length)}"`
    : `the ${what} of step "${key}"`;

/** The strand of the body that uses its context here. Throws `wrong_context` for any other code: what it asked for would not be there on a replay. */
export const strandOf = (ctx: Context, verb: string, name?: string): Strand => {
  const who = storage.getStore();
  if (who?.kind === "body" && who.execution === (ctx as Context | null | undefined)?.execution) return who;
  throw refusal(ctx, { verb, what: name === undefined ? verb : `${verb}("${name}")` }, who);
};

const refusal = (
  ctx: Context,
  { verb, what }: { readonly verb: string; readonly what: string },
  who: Caller | undefined,
): Fault.Fault => {
  const run = (ctx as Partial<Context> | null | undefined)?.execution?.id;
  if (run === undefined) {
    const text = `${verb} works in the body of a workflow: expected its context (ctx) as the first argument, got ${wordsFor(ctx) ?? describe(ctx)}. Pass the ctx that the body was given.`;
    return Fault.make("wrong_context", text);
  }
  if (who === undefined) {
    const text = `${what} was called with the context of run ${run}, but not by its body. Call it in the body and await it there; a context cannot be kept for later or for other code.`;
    return Fault.make("wrong_context", text, { run });
  }
  if (who.execution !== ctx.execution) {
    const text = `${what} was called with the context of run ${run} by code of run ${who.execution.id}. Use the context that the body was given.`;
    return Fault.make("wrong_context", text, { run, caller: who.execution.id });
  }
  const place = who.kind === "function" ? describeCall(who) : "its body";
  const text = `${what} was called in ${place} of run ${run}. Such a function has effects and no steps: call it in the body, before or after the step, or use a child workflow.`;
  return Fault.make("wrong_context", text, { run, step: who.kind === "function" ? who.key : null });
};
