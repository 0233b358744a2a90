/** What a body asks for. Its promise settles when the record that answers it is delivered, and never otherwise. */
import { apart } from "./caller.ts";
import type { Retry } from "../model/backoff.ts";
import type { OperationKind, Row } from "../model/records.ts";
import type { Schema } from "../model/schema.ts";
import type { NewRun } from "../store/rows.ts";
import * as settings from "./settings.ts";
import type { BreakerGate } from "./engine.ts";
import type { Execution } from "./execution.ts";
import { listened, type Listened } from "./listened.ts";
import { faultOf, type Context, type Scope } from "./scope.ts";
import { wake } from "./wake.ts";

export type Tools = { readonly key: string; readonly attempt: number; readonly signal: AbortSignal; readonly log: unknown };

/** The settled options of a step. */
export type Plan = {
  readonly retry: Retry;
  readonly when: ((error: unknown) => boolean) | undefined;
  readonly timeout: number | undefined;
  readonly breaker: BreakerGate | undefined;
  readonly fallback: ((error: unknown, tools: Tools) => unknown) | undefined;
  readonly undo: ((value: unknown, tools: Tools) => unknown) | undefined;
  readonly undoRetry: Retry;
};

export type Ask =
  | { readonly kind: "step" | "undo"; readonly run: (tools: Tools) => unknown; readonly plan: Plan }
  | {
      readonly kind: "transaction";
      readonly database: unknown;
      readonly run: (tx: unknown, tools: Tools) => unknown;
      readonly plan: Plan;
    }
  | { readonly kind: "sleep"; readonly due: (now: number) => number }
  | { readonly kind: "wait"; readonly signal: string; readonly schema: Schema | undefined; readonly timeout: number | undefined }
  | { readonly kind: "call" | "start"; readonly child: (key: string, now: number) => NewRun };

export type Operation = {
  readonly key: string;
  readonly kind: OperationKind;
  readonly ask: Ask;
  readonly scope: Scope;
  /** What the body had seen when it asked. Its effect waits until that is durable. */
  issued: number;
  /** True when the body has its answer, or gave it up: a late result is recorded and goes nowhere. */
  settled: boolean;
  /** True when its record is on its way to the body. */
  answered: boolean;
  /** Attempts that failed. */
  failed: number;
  /** When it fires, gives up or is tried again. */
  due: number | null;
  /** A note about it is in the history. */
  noted: boolean;
  flight: Flight | undefined;
  readonly promise: Listened;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
};

/** A function of the user's that is under way. Its abort signal is made when somebody asks for it. */
export type Flight = {
  /** Monotonic. */
  readonly startedAt: number;
  readonly attempt: number;
  noted: boolean;
  over: boolean;
  controller: AbortController | undefined;
  reason: unknown;
};

export const abort = (flight: Flight, reason: unknown): void => {
  flight.reason ??= reason;
  const { controller } = flight;
  // A listener runs in the async context of whoever aborts.
  if (controller) apart(() => controller.abort(reason));
};

export const signalOf = (flight: Flight): AbortSignal => {
  flight.controller ??= new AbortController();
  if (flight.reason !== undefined && !flight.controller.signal.aborted) flight.controller.abort(flight.reason);
  return flight.controller.signal;
};

/** Tells every function of a run that is under way to stop. */
export const abortAll = (execution: Execution, reason: unknown): void => {
  if (execution.flights === 0) return;
  for (const { flight } of execution.operations.values()) if (flight) abort(flight, reason);
};

const kindOf = (ask: Ask): OperationKind => (ask.kind === "transaction" ? "step" : ask.kind);

/** The key of an operation: its name, and how often the name was used before. */
const keyFor = (execution: Execution, name: string): string => {
  const { keys } = execution;
  let count = usesOf(keys, name) + 1;
  let key = count === 1 ? name : `${name}#${count}`;
  while (count > 1 && keys.has(key)) key = `${name}#${++count}`;
  keys.set(name, count);
  return key;
};

/** A name that looks like a key may be one that was given before: `step#2` is when `step` was used twice. */
const usesOf = (keys: ReadonlyMap<string, number>, name: string): number => {
  const uses = keys.get(name);
  if (uses !== undefined) return uses;
  const [, before, count] = /^(.*)#([1-9]\d*)$/s.exec(name.includes("#") ? name : "") ?? [];
  return before !== undefined && Number(count) > 1 && usesOf(keys, before) >= Number(count) ? 1 : 0;
};

const silent = (): void => {};

/** Rejects without the process hearing of it when the body looks away: a lost race is no crash. */
export const rejectWith = (operation: Operation, error: unknown): void => {
  operation.settled = true;
  void silently(operation.promise);
  operation.reject(error);
};

/** A rejection that nobody looks at is no crash of the process: a body may turn away from what it asked for. */
export const silently = <T>(promise: Promise<T>): Promise<T> => {
  promise.catch(silent);
  return promise;
};

/** A promise of its own each time: one that all share would keep everybody who ever awaited it. */
const never = (): Promise<never> => new Promise(silent);

/** Asks for an operation. The answer is the promise that the body awaits. */
export const issue = (ctx: Context, name: string, ask: Ask): Promise<unknown> => {
  const { execution } = ctx;
  if (execution.phase === "over" || (execution.outcome !== undefined && ask.kind !== "undo")) return never();
  const key = keyFor(execution, ctx.path + name);
  const fault = faultOf(ctx.scope);
  if (fault) return ++execution.swallowed > settings.mostSwallowed ? never() : silently(Promise.reject(fault));
  const { promise, resolve, reject } = listened<unknown>();
  const operation: Operation = {
    key,
    kind: kindOf(ask),
    ask,
    scope: ctx.scope,
    issued: execution.seen,
    settled: false,
    answered: false,
    failed: 0,
    due: null,
    noted: false,
    flight: undefined,
    promise,
    resolve,
    reject,
  };
  execution.operations.set(key, operation);
  execution.fresh.push(operation);
  wake(execution);
  return promise;
};

/** From now on the clock decides about the operation. */
export const setDue = (execution: Execution, operation: Operation, due: number): void => {
  operation.due = due;
  execution.timed.add(operation);
};

/** What a note of an earlier execution tells about an operation. */
export const applyNote = (execution: Execution, operation: Operation, row: Row): void => {
  if (row.kind === "attempt" || row.kind === "undo-attempt") operation.failed = row.attempt ?? operation.failed;
  else if (row.kind !== "running") operation.noted = true;
  if (row.due !== null) setDue(execution, operation, row.due);
};
