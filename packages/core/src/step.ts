/** Step: what a body may do. Each is recorded once, and a step that is recorded never runs again. */
import type { Logger } from "pino";
import type { Definition as Breaker } from "./circuit-breaker.ts";
import { gateOf } from "./engine/breaker/gate.ts";
import { strandOf } from "./engine/caller.ts";
import { settleRetry, type RetryOptions } from "./engine/options.ts";
import { expectWaits } from "./engine/listened.ts";
import { issue, type Plan } from "./engine/operation.ts";
import type { Context } from "./engine/scope.ts";
import { milliseconds, momentIn, type Duration } from "./model/duration.ts";
import * as Fault from "./model/fault.ts";
import { assertName } from "./model/ids.ts";
import { assertFunction, createCheck } from "./model/known.ts";
import { assertSignal } from "./model/strangers.ts";
import type { Definition as SignalDefinition } from "./signal.ts";

/** Milliseconds, or text with one unit: `"250ms"`, `"30s"`, `"5m"`, `"1.5h"`, `"3d"`, `"2w"`. For every option that takes a time. */
export type { Duration } from "./model/duration.ts";
export { all, map } from "./branches.ts";
export { call, start, type ChildOptions } from "./children.ts";
export { graph } from "./graph.ts";
export type { Draw, Task } from "./graph.ts";
export type { BranchOptions } from "./branches.ts";

/** What a step's function gets. */
export type Tools = {
  /** Names this step of this run for the outside: the same in every attempt, so use it as the idempotency key. */
  readonly key: string;
  /** From 1. */
  readonly attempt: number;
  /** Aborts on the step's timeout, on a cancel, and when another worker has taken over the run. */
  readonly signal: AbortSignal;
  /** A pino logger with run, step and attempt. */
  readonly log: Logger;
};

type Awaitable<T> = T | Promise<T>;

export type Options<Result, Instead = never> = {
  /** Attempts and waits, both durable: an attempt survives a crash, and a long wait parks the run. */
  readonly retry?: RetryOptions | undefined;
  /** How long one attempt may take. Then its signal aborts and it fails with `step_timeout`. */
  readonly timeout?: Duration | undefined;
  /**
   * How long its functions may take to stop once the run is to end (a cancel, its timeout, a failure, a failed branch). Then the run goes on without
   * them: whether their effect happens is not known, and nothing of it is undone. Default: that of the workflow, else of the runtime (30 s).
   */
  readonly grace?: Duration | undefined;
  /** Calls go through this breaker. While it is open the step waits, without using up attempts, or falls back at once. */
  readonly breaker?: Breaker | undefined;
  /** Answers instead, when the step has failed for good (attempts used up, or an error that is fatal) or its breaker is open. */
  readonly fallback?: ((error: unknown, tools: Tools) => Awaitable<Instead>) | undefined;
  /**
   * Undoes the step when the run fails or is cancelled later: last step first, recorded, with retries of its own. Only a step whose
   * result is recorded is undone; for an effect that may have happened in a failed attempt, record the wish to do it in a step before.
   */
  readonly undo?: ((result: Result | Instead, tools: Tools) => unknown) | undefined;
  /** Retries of `undo`. Default: those of the step. */
  readonly undoRetry?: RetryOptions | undefined;
};

const none = {};

/** The plan of a step without options is the same for all of a run. */
const planFor = (ctx: Context, name: string, options: Options<never, unknown>): Plan => {
  const { execution } = ctx;
  if (options !== none) return settle(ctx, name, options);
  execution.plain ??= settle(ctx, name, options);
  return execution.plain;
};

const checkRun = createCheck<Options<unknown>>("Step.run", {
  retry: true,
  timeout: true,
  breaker: true,
  fallback: true,
  undo: true,
  undoRetry: true,
  grace: true,
});

const settle = (ctx: Context, name: string, options: Options<never, unknown>): Plan => {
  const { definition, engine } = ctx.execution;
  const retry = settleRetry(options.retry, definition.retry ?? engine.settings.retry, `retry of step "${name}"`);
  assertFunction(options.fallback, `fallback of step "${name}"`);
  assertFunction(options.undo, `undo of step "${name}"`);
  return {
    retry,
    when: options.retry?.when,
    timeout: options.timeout === undefined ? undefined : milliseconds(options.timeout, `timeout of step "${name}"`),
    grace:
      options.grace === undefined
        ? (definition.grace ?? engine.settings.grace)
        : milliseconds(options.grace, `grace of step "${name}"`),
    breaker: options.breaker === undefined ? undefined : gateOf(options.breaker),
    fallback: options.fallback as Plan["fallback"],
    undo: options.undo as Plan["undo"],
    undoRetry: options.undoRetry === undefined ? retry : settleRetry(options.undoRetry, retry, `undoRetry of step "${name}"`),
  };
};

/** A function that is called at once, or is missing, is a mistake that no attempt mends. */
const assertCall = (call: unknown, name: string): void => {
  if (typeof call === "function") return;
  const is = call instanceof Promise ? "a promise: it has begun already" : call === null ? "null" : `of type ${typeof call}`;
  throw Fault.make(
    "invalid_option",
    `The function of step "${name}" is ${is}. Hand over a function, for example () => charge(order).`,
    {
      step: name,
    },
  );
};

/**
 * Runs a function and records what it answers; after that it never runs again. Its key is the name, and how often the name
 * was used before. Rejects with the function's last error when the retries are over, `cancelled` when the run is cancelled.
 * A crash in its middle runs the same attempt again, with the same `key`.
 */
export const run = <Result, Instead = never>(
  ctx: Context,
  name: string,
  call: (tools: Tools) => Awaitable<Result>,
  options: Options<NoInfer<Result>, Instead> = none,
): Promise<Result | Instead> => {
  const strand = strandOf(ctx, "Step.run", name);
  assertName(name, "name of a step");
  assertCall(call, name);
  if (options !== none) checkRun(options, name);
  const ask = {
    kind: "step",
    run: call as (tools: unknown) => unknown,
    plan: planFor(ctx, name, options as Options<never, unknown>),
  } as const;
  return issue(ctx, strand, name, ask) as Promise<Result | Instead>;
};

/** A Drizzle database on `bun:sqlite`, as far as a transaction needs it. */
export type TransactionDatabase<Tx> = { readonly transaction: (work: (tx: Tx) => unknown) => unknown };

/** A Drizzle database behind a server, as far as a transaction needs it. */
export type ServerDatabase<Tx> = {
  readonly transaction: (work: (tx: Tx) => Promise<unknown>) => Promise<unknown>;
  readonly execute: (query: never) => PromiseLike<unknown>;
};

type TransactionOptions<Result> = Pick<Options<NoInfer<Result>>, "retry" | "undo" | "undoRetry" | "grace">;

const checkTransaction = createCheck<TransactionOptions<unknown>>("Step.transaction", {
  retry: true,
  undo: true,
  undoRetry: true,
  grace: true,
});

/**
 * Runs a function in a transaction on the user's own Drizzle database, the one the runtime was opened on, and records its answer in
 * the same commit: exactly once. On SQLite the function is synchronous; behind a server it may wait, for its own queries. Throws
 * `foreign_database`, `async_transaction`, `transaction_ended` (the function ended the transaction by itself: what it committed stays) and `transaction_failed`; when it throws otherwise, nothing of it is kept and the step is retried like any other.
 */
export function transaction<Tx, Result>(
  ctx: Context,
  name: string,
  database: ServerDatabase<Tx>,
  call: (tx: Tx, tools: Tools) => Awaitable<Result>,
  options?: TransactionOptions<Result>,
): Promise<Result>;
export function transaction<Tx, Result>(
  ctx: Context,
  name: string,
  database: TransactionDatabase<Tx>,
  call: (tx: Tx, tools: Tools) => Result extends PromiseLike<unknown> ? never : Result,
  options?: TransactionOptions<Result>,
): Promise<Result>;
export function transaction<Tx, Result>(
  ctx: Context,
  name: string,
  database: TransactionDatabase<Tx> | ServerDatabase<Tx>,
  call: (tx: Tx, tools: Tools) => unknown,
  options: TransactionOptions<Result> = none,
): Promise<Result> {
  const strand = strandOf(ctx, "Step.transaction", name);
  assertName(name, "name of a step");
  assertCall(call, name);
  if (options !== none) checkTransaction(options, name);
  const ask = {
    kind: "transaction",
    database,
    run: call as (tx: unknown, tools: unknown) => unknown,
    plan: planFor(ctx, name, options as Options<never, unknown>),
  } as const;
  return issue(ctx, strand, name, ask) as Promise<Result>;
}

/**
 * Sleeps for a time that is recorded: a crash does not make it longer. The run leaves memory meanwhile. A negative number, such as the rest until a moment
 * that has passed, is over at once.
 */
export const sleep = (ctx: Context, name: string, duration: Duration): Promise<void> => {
  const strand = strandOf(ctx, "Step.sleep", name);
  assertName(name, "name of a sleep");
  const ms = isPassed(duration) ? 0 : milliseconds(duration, `duration of sleep "${name}"`);
  return issue(ctx, strand, name, { kind: "sleep", due: (now) => now + ms }) as Promise<void>;
};

const isPassed = (duration: unknown): boolean => typeof duration === "number" && duration < 0 && duration !== -Infinity;

/** Sleeps until a moment: a Date, or ms since 1970. A moment that has passed is over at once. Throws `invalid_option` for an invalid Date. */
export const sleepUntil = (ctx: Context, name: string, moment: Date | number): Promise<void> => {
  const strand = strandOf(ctx, "Step.sleepUntil", name);
  assertName(name, "name of a sleep");
  const due = momentIn(moment, `moment of sleep "${name}"`);
  return issue(ctx, strand, name, { kind: "sleep", due: () => Math.ceil(due) }) as Promise<void>;
};

export type WaitOptions = {
  /** Gives up after this long and answers with undefined. */
  readonly timeout?: Duration | undefined;
  /** The key of the wait. Default: the signal's name. */
  readonly name?: string | undefined;
};

const checkWait = createCheck<WaitOptions>("Step.wait", { timeout: true, name: true });

/**
 * Waits for a signal and takes it: signals are kept from before the wait, come in the order in which they were sent, and
 * each is taken once. With a `timeout` the answer is undefined when the time is over. A wait that lost a `Promise.race` takes nothing
 * while nobody else awaits it. Where a race goes around an async function that waits, the first wait takes the next signal, and the log says
 * so: use `timeout` there.
 */
export function wait<Value, Sent>(
  ctx: Context,
  signal: SignalDefinition<Value, Sent>,
  options?: WaitOptions & { readonly timeout?: never },
): Promise<Value>;
export function wait<Value, Sent>(
  ctx: Context,
  signal: SignalDefinition<Value, Sent>,
  options: WaitOptions,
): Promise<Value | undefined>;
export function wait(ctx: Context, signal: SignalDefinition, options: WaitOptions = {}): Promise<unknown> {
  const strand = strandOf(ctx, "Step.wait", options?.name ?? signal?.name);
  assertSignal(signal);
  expectWaits();
  checkWait(options, signal.name);
  const name = options.name ?? signal.name;
  assertName(name, "name of a wait");
  const timeout = options.timeout === undefined ? undefined : milliseconds(options.timeout, `timeout of wait "${name}"`);
  return issue(ctx, strand, name, { kind: "wait", signal: signal.name, schema: signal.schema, timeout });
}
