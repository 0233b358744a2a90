/** Step: what a body may do. Each is recorded once, and a step that is recorded never runs again. */
import type { Logger } from "pino";
import type { Definition as Breaker } from "./circuit-breaker.ts";
import { gateOf } from "./engine/breaker/gate.ts";
import { definitionWithin, type Definition } from "./engine/definition.ts";
import { checkInput, settleRetry, type RetryOptions } from "./engine/options.ts";
import { issue, silently, type Plan } from "./engine/operation.ts";
import type { Context } from "./engine/scope.ts";
import { encode } from "./model/codec.ts";
import { milliseconds, type Duration } from "./model/duration.ts";
import * as Fault from "./model/fault.ts";
import { assertName, assertRunId, childId } from "./model/ids.ts";
import type { NewRun, Orphan } from "./store/rows.ts";
import type { Definition as SignalDefinition } from "./signal.ts";

export { all, map } from "./branches.ts";
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

const settle = (ctx: Context, name: string, options: Options<never, unknown>): Plan => {
  const { definition, engine } = ctx.execution;
  const what = `retry of step "${name}"`;
  const retry = settleRetry(options.retry, definition.retry ?? engine.settings.retry, what);
  return {
    retry,
    when: options.retry?.when,
    timeout: options.timeout === undefined ? undefined : milliseconds(options.timeout, `timeout of step "${name}"`),
    breaker: options.breaker && gateOf(options.breaker),
    fallback: options.fallback as Plan["fallback"],
    undo: options.undo as Plan["undo"],
    undoRetry: options.undoRetry === undefined ? retry : settleRetry(options.undoRetry, retry, what),
  };
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
  assertName(name, "name of a step");
  const ask = {
    kind: "step",
    run: call as (tools: unknown) => unknown,
    plan: planFor(ctx, name, options as Options<never, unknown>),
  } as const;
  return issue(ctx, name, ask) as Promise<Result | Instead>;
};

/** A Drizzle database on `bun:sqlite`, as far as a transaction needs it. */
export type TransactionDatabase<Tx> = { readonly transaction: (work: (tx: Tx) => unknown) => unknown };

/** A Drizzle database behind a server, as far as a transaction needs it. */
export type ServerDatabase<Tx> = {
  readonly transaction: (work: (tx: Tx) => Promise<unknown>) => Promise<unknown>;
  readonly execute: (query: never) => PromiseLike<unknown>;
};

type TransactionOptions<Result> = Pick<Options<NoInfer<Result>>, "retry" | "undo" | "undoRetry">;

/**
 * Runs a function in a transaction on the user's own Drizzle database, the one the runtime was opened on, and records its answer in
 * the same commit: exactly once. On SQLite the function is synchronous; behind a server it may wait, for its own queries. Throws
 * `foreign_database` and `async_transaction`; when it throws, nothing of it is kept and the step is retried like any other.
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
  options: TransactionOptions<Result> = {},
): Promise<Result> {
  assertName(name, "name of a step");
  const ask = {
    kind: "transaction",
    database,
    run: call as (tx: unknown, tools: unknown) => unknown,
    plan: planFor(ctx, name, options as Options<never, unknown>),
  } as const;
  return issue(ctx, name, ask) as Promise<Result>;
}

/** Sleeps for a time that is recorded: a crash does not make it longer. The run leaves memory meanwhile. */
export const sleep = (ctx: Context, name: string, duration: Duration): Promise<void> => {
  assertName(name, "name of a sleep");
  const ms = milliseconds(duration, `duration of sleep "${name}"`);
  return issue(ctx, name, { kind: "sleep", due: (now) => now + ms }) as Promise<void>;
};

/** Sleeps until a moment: a Date, or ms since 1970. A moment that has passed is over at once. */
export const sleepUntil = (ctx: Context, name: string, moment: Date | number): Promise<void> => {
  assertName(name, "name of a sleep");
  const due = Number(moment);
  if (!Number.isSafeInteger(Math.trunc(due))) {
    throw Fault.make("invalid_option", `The moment of sleep "${name}" is ${String(moment)}; it takes a Date or ms since 1970.`, {
      sleep: name,
    });
  }
  return issue(ctx, name, { kind: "sleep", due: () => Math.ceil(due) }) as Promise<void>;
};

export type WaitOptions = {
  /** Gives up after this long and answers with undefined. */
  readonly timeout?: Duration | undefined;
  /** The key of the wait. Default: the signal's name. */
  readonly name?: string | undefined;
};

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
  const name = options.name ?? signal.name;
  assertName(name, "name of a wait");
  const timeout = options.timeout === undefined ? undefined : milliseconds(options.timeout, `timeout of wait "${name}"`);
  return issue(ctx, name, { kind: "wait", signal: signal.name, schema: signal.schema, timeout });
}

export type ChildOptions = {
  /** The key of the step. Default: the workflow's name. */
  readonly name?: string | undefined;
  /** The child's id. Default: the parent's id and the key. */
  readonly id?: string | undefined;
  /** What becomes of the child when its parent ends first. `call` cancels it by default, `start` keeps it. */
  readonly orphan?: Orphan | undefined;
  readonly tags?: readonly string[] | undefined;
};

const childOf = (
  ctx: Context,
  definition: Definition<never>,
  input: unknown,
  options: ChildOptions & { readonly orphan: Orphan; readonly awaited: boolean },
) => {
  const { execution } = ctx;
  const untyped = definitionWithin(definition);
  const checked = checkInput(untyped, input);
  if (checked instanceof Promise) {
    throw Fault.make(
      "invalid_input",
      `The input schema of workflow "${untyped.name}" is asynchronous; a child needs one that answers at once.`,
      { workflow: untyped.name },
    );
  }
  if (options.id !== undefined) assertRunId(options.id);
  const text = encode(checked, { what: `input of workflow "${untyped.name}"`, limit: execution.engine.settings.payload });
  return (key: string, at: number): NewRun => ({
    id: options.id ?? childId(execution.id, key),
    workflow: untyped.name,
    version: untyped.version,
    input: text,
    at,
    worker: null,
    wakeAt: at,
    parent: execution.key,
    parentKey: options.awaited ? key : null,
    orphan: options.orphan,
    correlation: execution.correlation,
    tenant: execution.tenant,
    deadline: untyped.timeout === undefined ? null : at + untyped.timeout,
    tags: options.tags ?? [],
  });
};

type Arguments<Input> = undefined extends Input
  ? [input?: Input, options?: ChildOptions]
  : [input: Input, options?: ChildOptions];

const beget = (
  ctx: Context,
  kind: "call" | "start",
  workflow: Definition<never>,
  input: unknown,
  options: ChildOptions,
): Promise<unknown> => {
  try {
    const name = options.name ?? workflow.name;
    assertName(name, "name of a child's step");
    const orphan = options.orphan ?? (kind === "call" ? "cancel" : "keep");
    return issue(ctx, name, { kind, child: childOf(ctx, workflow, input, { ...options, orphan, awaited: kind === "call" }) });
  } catch (error) {
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- whatever was thrown
    return Promise.reject(error);
  }
};

/**
 * Runs another workflow as a child and awaits its result. A cancel of the parent cancels it. Rejects with `child_failed`
 * (the child's error as its cause) when it failed or was cancelled, `invalid_input`, and `run_conflict` when its id is another run's.
 */
export const call = <Input, Output>(
  ctx: Context,
  workflow: Definition<Input, Output>,
  ...[input, options = {}]: Arguments<NoInfer<Input>>
): Promise<Output> => silently(beget(ctx, "call", workflow, input, options)) as Promise<Output>;

/** Starts another workflow as a child that goes its own way, and answers with its id. Rejects with `invalid_input` and `run_conflict`. */
export const start = <Input, Output>(
  ctx: Context,
  workflow: Definition<Input, Output>,
  ...[input, options = {}]: Arguments<NoInfer<Input>>
): Promise<string> => silently(beget(ctx, "start", workflow, input, options)) as Promise<string>;
