/** What a chain knows of its results: each under its name, exactly typed. */
import type { Options as StepOptions, Tools } from "../step.ts";

export type Awaitable<T> = T | Promise<T>;

/** Shown in full in an editor, instead of by the names of what made it. */
type Flat<T> = { readonly [K in keyof T]: T[K] } & {};

/** The results and one more. */
export type With<Results, Name extends PropertyKey, Result> = Flat<Results & { readonly [K in Name]: Result }>;

/** The results and those of `More`. */
export type And<Results, More> = Flat<Results & More>;

type At<Results, Name> = Name extends keyof Results ? Results[Name] : undefined;

/** The results after one of two ways was taken: what only one of them has may be undefined. */
export type Either<Then, Otherwise> = Flat<{ readonly [K in keyof Then | keyof Otherwise]: At<Then, K> | At<Otherwise, K> }>;

/**
 * The options of a step in a chain: those of `Step.run`, where `fallback` gets the results before the step first, and `undo` the
 * results with the step's own. When both take parameters, `fallback` is written before `undo`, so that its type is known there.
 */
export type Options<Before, After, Instead = never> = Pick<StepOptions<never>, "retry" | "timeout" | "breaker" | "undoRetry"> & {
  /** Answers instead, when the step has failed for good (attempts used up, or an error that is fatal) or its breaker is open. */
  readonly fallback?: ((results: Before, error: unknown, tools: Tools) => Awaitable<Instead>) | undefined;
  /** Undoes the step when the run fails or is cancelled later: last step first, recorded, with retries of its own. */
  readonly undo?: ((results: After, tools: Tools) => unknown) | undefined;
};

/** The options of a transaction in a chain. */
export type TransactionOptions<After> = Pick<Options<never, After>, "retry" | "undo" | "undoRetry">;

/** The options of `map`: those of each item's step. `After` has the item's own result under the name of the map. */
export type MapOptions<Item, After, Instead = never> = Pick<StepOptions<never>, "retry" | "timeout" | "breaker" | "undoRetry"> & {
  /** How many items are under way at a time. Default: all. */
  readonly limit?: number | undefined;
  /** Answers for the item instead, when its step has failed for good or the breaker is open. */
  readonly fallback?: ((item: Item, error: unknown, tools: Tools) => Awaitable<Instead>) | undefined;
  /** Undoes the step of the item when the run fails or is cancelled later. */
  readonly undo?: ((item: Item, results: After, tools: Tools) => unknown) | undefined;
};

/** A branch of `parallel`: a step's function, or one with its options. */
export type Branch<Results, Result> =
  | ((results: Results, tools: Tools) => Awaitable<Result>)
  | (Options<Results, Results, Result> & { readonly run: (results: Results, tools: Tools) => Awaitable<Result> });

export type Branches<Results, Parallel> = { readonly [K in keyof Parallel]: Branch<Results, Parallel[K]> };

export type ParallelOptions<Results, Parallel> = {
  /** How many branches are under way at a time. Default: all. */
  readonly limit?: number | undefined;
  /** Undoes branches, by their names. An `undo` beside a branch's function knows the results before; one here has the branch's own too. */
  readonly undo?:
    | { readonly [K in keyof Parallel]?: (results: With<Results, K, Parallel[K]>, tools: Tools) => unknown }
    | undefined;
};

export type ChildOptions<Results> = {
  /** The child's id, the same in every replay. Default: the parent's id and the name. */
  readonly id?: ((results: Results) => string) | undefined;
  /** What becomes of the child when its parent ends first. `call` cancels it by default, `start` keeps it. */
  readonly orphan?: "cancel" | "keep" | undefined;
  readonly tags?: readonly string[] | undefined;
};
