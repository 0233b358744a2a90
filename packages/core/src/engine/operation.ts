/** What a body asks for. Its promise settles when the record that answers it is delivered, and never otherwise. */
import { anyCount, shortId, type Place } from "../model/places.ts";
import { findKey, nextNow, remember, strandId, tookSince, uncount, type Found, type Patience } from "./asking.ts";
import { become, strandAfter, type Strand } from "./caller.ts";
import type { Retry } from "../model/backoff.ts";
import { operationOf, type OperationKind, type Row } from "../model/records.ts";
import type { Schema } from "../model/schema.ts";
import type { NewRun, Reason } from "../store/rows.ts";
import * as settings from "./settings.ts";
import type { BreakerGate } from "./engine.ts";
import { computingOf, isReplaying, type Execution } from "./execution.ts";
import { counted, hasSignals, listened, refuseWith } from "./listened.ts";
import type { Flight } from "./flight.ts";
import { keyFor, numberIn } from "./keys.ts";
import { noteRejection, noteRejectionAfter, rejectionOf } from "./rejected.ts";
import { faultOf, type Context, type Scope } from "./scope.ts";
import { wake } from "./wake.ts";

export type Tools = { readonly key: string; readonly attempt: number; readonly signal: AbortSignal; readonly log: unknown };

/** The settled options of a step. */
export type Plan = {
  readonly retry: Retry;
  readonly when: ((error: unknown) => boolean) | undefined;
  readonly timeout: number | undefined;
  /** Ms that its functions may take to stop once they are told to. */
  readonly grace: number;
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
  | {
      readonly kind: "call" | "start";
      /** The id of the child under a key. */
      readonly id: (key: string) => string;
      /** The run to start. Throws what is against its input, which is judged when the body asks. */
      readonly child: (key: string, now: number) => NewRun;
    };

export type Operation = {
  key: string;
  readonly kind: OperationKind;
  readonly ask: Ask;
  readonly scope: Scope;
  /** The last record that the body had been given when it asked. */
  readonly issued: number;
  /** Its effect waits until the records up to this seq are durable. */
  ground: number;
  /** True when the body asked after work that is not durable, in this life or in the recorded one. */
  readonly isComputed: boolean;
  /** Its place in the code, and how long the work before it took, until that is noted. */
  place: (Place & { readonly took: number }) | undefined;
  /** The code that goes on from it. */
  readonly strand: Strand;
  /** On a replay of such an operation. */
  readonly patience: Patience | undefined;
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
  readonly promise: Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
};

const kindOf = (ask: Ask): OperationKind => (ask.kind === "transaction" ? "step" : ask.kind);

const silent = (): void => {};

/** Rejects without the process hearing of it when the body looks away: a lost race is no crash. */
export const rejectWith = (operation: Operation, error: unknown): void => {
  operation.settled = true;
  void silently(operation.promise);
  refuseWith(operation, error);
};

/** A rejection that nobody looks at is no crash of the process: a body may turn away from what it asked for. */
export const silently = <T>(promise: Promise<T>): Promise<T> => {
  promise.catch(silent);
  return promise;
};

/** A promise of its own each time: one that all share would keep everybody who ever awaited it. */
const never = (): Promise<never> => new Promise(silent);

/** On a replay the body may end before a strand has asked that computes: in the recorded run it asked before the end. */
const mayHaveAsked = (execution: Execution): boolean => execution.recorded.places !== undefined && isReplaying(execution);

/** Asks for an operation. The answer is the promise that the body awaits. */
export const issue = (ctx: Context, strand: Strand, name: string, ask: Ask): Promise<unknown> => {
  const { execution } = ctx;
  const isOver = execution.outcome !== undefined && ask.kind !== "undo";
  if (execution.phase === "over" || (isOver && !mayHaveAsked(execution))) return never();
  const path = ctx.path + name;
  const isComputed = !execution.moving && ask.kind !== "undo";
  const found: Found =
    isComputed || execution.recorded.places !== undefined ? findKey(execution, strand, path, isComputed) : nextNow;
  const { count } = found;
  if (isComputed) execution.computes = true;
  if (found.kind === "refused") return refuse(execution, strand, { path, known: found.known });
  const noted = found.kind === "key" ? found.noted : undefined;
  if (isOver && noted === undefined) return never();
  const isLater = found.kind === "next" && found.isLater;
  const fault = isLater ? undefined : faultOf(ctx.scope);
  const key = fault && isComputed ? "" : takeKey(execution, path, found);
  const isPlaced = noted !== undefined || isLater || (isComputed && found.kind === "next");
  const after = isPlaced
    ? strandAfter(execution, shortId({ after: strandId(strand), path, count }), 0, key)
    : strandAfter(execution, key);
  become(after);
  if (fault && isComputed) noteRejectionAfter(strand, path, count);
  if (fault) return ++execution.swallowed > settings.mostSwallowed ? never() : silently(Promise.reject(fault));
  const { promise, resolve, reject } = promiseFor(ask);
  const operation: Operation = {
    key,
    kind: kindOf(ask),
    ask,
    scope: ctx.scope,
    issued: execution.given,
    ground: execution.seen,
    isComputed: isComputed || noted !== undefined,
    place: isPlaced && noted === undefined ? placeOf(strand, path, count) : undefined,
    strand: after,
    patience: noted && { asker: strand, noted },
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
  if (isComputed || noted) remember(strand, path, operation);
  if (isLater) {
    const { unkeyed, rejections } = computingOf(execution);
    unkeyed.push({ operation, path, asker: strand });
    const rejection = rejectionOf(strand, path, count);
    if (rejection) rejections.set(operation, rejection);
  }
  wake(execution);
  return promise;
};

/** An operation that gets its key later has one meanwhile that no name can be. */
const takeKey = (execution: Execution, path: string, found: Exclude<Found, { readonly kind: "refused" }>): string => {
  if (found.kind === "key") {
    if (found.noted === undefined) computingOf(execution).found.add(found.key);
    return found.key;
  }
  return found.isLater ? `\0${++computingOf(execution).unkeyedCount}` : keyFor(execution, path);
};

/**
 * The replay is through: what was asked for meanwhile, and the recorded run did not ask for, gets its key in the order of the asks, or its rejection where its
 * branch was called off.
 */
export const giveKeys = (execution: Execution): void => {
  const { unkeyed, rejections } = computingOf(execution);
  for (const { operation, path } of unkeyed.splice(0)) {
    rejections.delete(operation);
    if (!execution.operations.delete(operation.key) || operation.settled) continue;
    const fault = faultOf(operation.scope);
    if (fault) {
      if (operation.place) noteRejection(execution, operation.place);
      execution.swallowed++;
      rejectWith(operation, fault);
      continue;
    }
    rename(execution, operation, keyFor(execution, path));
  }
};

/**
 * A record that comes next has no operation, and no code of this life will ask for it because of a record. It is the one of that name which was asked for
 * sooner than in the recorded run, where no work came right before it. True when there is exactly one.
 */
export const giveKeyOf = (execution: Execution, row: Row): boolean => {
  const { unkeyed } = computingOf(execution);
  const key = row.key ?? "";
  if (execution.operations.has(key) || execution.recorded.reserved.has(key)) return false;
  const fits = unkeyed.filter(
    ({ operation, path }) => !operation.settled && operation.kind === operationOf(row.kind) && numberIn(key, path) !== undefined,
  );
  const [only] = fits;
  if (only === undefined || fits.length > 1) return false;
  const { operation, path, asker } = only;
  unkeyed.splice(unkeyed.indexOf(only), 1);
  uncount(asker, path);
  operation.place = undefined;
  Object.assign(operation.strand, { after: key });
  computingOf(execution).found.add(key);
  rename(execution, operation, key);
  return true;
};

const rename = (execution: Execution, operation: Operation, key: string): void => {
  execution.operations.delete(operation.key);
  operation.key = key;
  operation.strand.operation = key;
  execution.operations.set(key, operation);
};

/** True for an operation that was asked for on a replay, and gets its key or its rejection later. */
export const isUnkeyed = ({ key }: Operation): boolean => key.startsWith("\0");

/** A wait that loses a race is told by the promises that it races. A process that has defined no signal has no waits, and its promises cost less. */
const promiseFor = ({ kind }: Ask): PromiseWithResolvers<unknown> =>
  kind === "wait" ? counted() : kind === "undo" || !hasSignals() ? Promise.withResolvers() : listened();

const placeOf = (strand: Strand, path: string, count: number): Operation["place"] => ({
  after: strandId(strand),
  path,
  count,
  took: Math.max(0, Math.round(tookSince(strand))),
});

/** The body may go no further: the run is blocked, with what to do. The same in every life, for it is noted. */
const refuse = (
  execution: Execution,
  strand: Strand,
  ask: { readonly path: string; readonly known: boolean },
): Promise<never> => {
  const place = ask.known ? undefined : { after: strandId(strand), path: ask.path, count: anyCount };
  execution.refused ??= { reason: ambiguous(execution, `asks for "${ask.path}" twice`, namesDiffer), place };
  wake(execution);
  return never();
};

const namesDiffer =
  "Give both steps other names, or put each branch into Step.all or Step.map, and deploy. A run whose first such step is recorded goes on by Run.fork from that step.";

/** Twice from one place, in an order that depends on how long work takes that is not durable. */
export const ambiguous = (execution: Execution, what: string, advice: string): Reason => ({
  code: "ambiguous_order",
  message: `Run ${execution.id} of "${execution.definition.name}" ${what} from one place of its body, after work that is not durable (such as a digest or an import). Which comes first depends on how long that work takes, so a replay could exchange their results.
${advice}`,
});

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
