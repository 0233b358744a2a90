/** Ordered delivery: the next record of a history meets the operation that the body asked for, live and on replay alike. */
import { decode } from "../model/codec.ts";
import { toError, type Failure } from "../model/failure.ts";
import * as Fault from "../model/fault.ts";
import { isNote, operationOf, type Row } from "../model/records.ts";
import { isElsewhere, missingBefore } from "./asking.ts";
import { begin } from "./begin.ts";
import { computingOf, type Answer, type Delivery, type Execution } from "./execution.ts";
import { isEarly } from "./launch.ts";
import { resolveWith } from "./listened.ts";
import { tune } from "./logs.ts";
import { applyNote, isUnkeyed, rejectWith, type Operation } from "./operation.ts";
import { abort } from "./flight.ts";
import { own } from "./owner.ts";
import { faultOf, isWithin, type Scope } from "./scope.ts";
import { unwind } from "./unwind.ts";
import { wake } from "./wake.ts";

/** Gives the body the next record. False when there is none, or when it does not meet what the body asked. */
export const deliverNext = (execution: Execution): boolean => {
  if (execution.phase !== "executing") return false;
  if (!execution.started) {
    begin(execution);
    return true;
  }
  for (;;) {
    const next = execution.inbox[execution.cursor];
    if (next === undefined) {
      execution.inbox = [];
      execution.cursor = 0;
      return false;
    }
    const { row } = next;
    const forBody = !isNote(row.kind);
    if (forBody && missingBefore(execution, row)) return false;
    const operation = operationFor(execution, row) ?? meet(execution, row);
    if (operation === "none" || isElsewhere(execution, operation, row) || !isSettled(execution, row)) return false;
    execution.cursor++;
    if (forBody) {
      deliver(execution, next, operation);
      return true;
    }
    take(execution, row, operation);
  }
};

/** The operation of a row, if it is the one the body asked for. */
const operationFor = (execution: Execution, row: Row): Operation | undefined => {
  const operation = row.key === null ? undefined : execution.operations.get(row.key);
  const fits = operation?.kind === operationOf(row.kind) || (operation?.kind === "undo" && row.kind === "running");
  return fits ? operation : undefined;
};

/** False while the result of an operation that was asked for after other work waits, so that a strand which is as slow as before is told apart. */
export const isSettled = (execution: Execution, { key, kind }: Row): boolean => {
  if (execution.recorded.places === undefined || isNote(kind)) return true;
  const operation = execution.operations.get(key ?? "");
  return operation === undefined || operation.settled || !isEarly(execution, operation);
};

/** What a record meets that no open operation fits: an undo, if the undoing begins now; none; undefined for a record of the run itself. */
const meet = (execution: Execution, row: Row): Operation | "none" | undefined => {
  if (operationOf(row.kind) === undefined) return undefined;
  if (execution.outcome?.kind !== "threw" || execution.unwinding) return "none";
  unwind(execution);
  return operationFor(execution, row) ?? "none";
};

const take = (execution: Execution, row: Row, operation: Operation | undefined): void => {
  if (row.kind === "patched") execution.patches.set(row.key ?? "", true);
  else if (row.kind !== "redo") {
    if (operation) applyNote(execution, operation, row);
    if (row.kind === "calling" || row.kind === "spawning") execution.hasChildren = true;
  }
  if (row.seq > execution.seen) execution.seen = row.seq;
};

const deliver = (execution: Execution, { row, answer }: Delivery, operation: Operation | undefined): void => {
  execution.seen = row.seq;
  execution.seenAt = row.at;
  execution.given = row.seq;
  if (execution.recorded.places !== undefined) tellTime(execution, row);
  tune(execution);
  if (row.kind === "cancel") return deliverCancel(execution, row);
  if (!operation) return;
  execution.operations.delete(operation.key);
  execution.lastKey = operation.key;
  operation.strand.at = row.at;
  if (execution.recorded.places !== undefined) operation.strand.givenAt = execution.givenAt;
  settle(execution, operation, answer ?? answerOf(row), row);
};

/** When this life was given a record, where something may have been asked for after it; see `patienceLeft`. */
const tellTime = (execution: Execution, { seq }: Row): void => {
  execution.givenAt = execution.engine.clock.monotonic();
  if (seq <= execution.loaded) computingOf(execution).givenTimes.set(seq, execution.givenAt);
};

const settle = (execution: Execution, operation: Operation, answer: Answer, row: Row): void => {
  if (row.kind === "step" && operation.ask.kind !== "sleep" && planOf(operation)?.undo && answer.kind === "value") {
    execution.undoable.push({ operation, value: answer.value });
  }
  const over = execution.outcome !== undefined && operation.kind !== "undo";
  if (operation.settled) return;
  operation.settled = true;
  if (over) return;
  if (answer.kind === "value") resolveWith(operation, answer.value);
  else rejectWith(operation, own(execution, answer.error));
};

export const planOf = (operation: Operation) => ("plan" in operation.ask ? operation.ask.plan : undefined);

const failed = new Set<Row["kind"]>(["step-failed", "call-failed", "spawn-failed", "undo-failed"]);

/** What a record says, from its text. */
export const answerOf = (row: Row): Answer =>
  failed.has(row.kind)
    ? { kind: "error", error: toError(decode(row.value) as Failure) }
    : { kind: "value", value: decode(row.value) };

/** Everything the body waits for, outside of a shield, is rejected; what it asks for from now on is too. A body that ended first is not cancelled. */
const deliverCancel = (execution: Execution, row: Row): void => {
  if (execution.outcome !== undefined) return;
  execution.cancelled = true;
  const reason = decode(row.value);
  execution.timedOut = row.due !== null;
  const fault = execution.timedOut
    ? Fault.make("run_timeout", `Run ${execution.id} took longer than its timeout.`, { run: execution.id })
    : Fault.make("cancelled", `Run ${execution.id} was cancelled: ${String(reason)}.`, { run: execution.id, reason });
  cancelScope(execution, execution.root, fault);
  for (const call of execution.onCancel) call(fault);
};

/** Cancels what belongs to a scope: functions get their abort, the body its rejection. A late success is still recorded, so that it can be undone. */
export const cancelScope = (execution: Execution, scope: Scope, fault: Fault.Fault): void => {
  if (scope.fault) return;
  mark(scope, own(execution, fault));
  for (const operation of execution.operations.values()) {
    if (operation.settled || operation.kind === "undo" || isUnkeyed(operation) || !isWithin(operation.scope, scope)) continue;
    rejectWith(operation, fault);
    if (operation.flight) abort(operation.flight, fault);
  }
};

const mark = (scope: Scope, fault: Fault.Fault): void => {
  Object.assign(scope, { fault });
};

/** Rejects again what was rejected in the recorded run when it was asked for, once all that came before it has come. True when the body goes on because of it. */
export const rejectAgain = (execution: Execution): boolean => {
  const { rejections, redrawn } = computingOf(execution);
  const next = execution.inbox[execution.cursor];
  const missing = next && missingBefore(execution, next.row);
  for (const [operation, { seq, issued }] of rejections) {
    const fault = faultOf(operation.scope);
    if (fault === undefined || (next && (next.row.seq <= issued || missing?.seq !== seq))) continue;
    rejections.delete(operation);
    redrawn.add(seq);
    execution.swallowed++;
    rejectWith(operation, fault);
    wake(execution);
    return true;
  }
  return false;
};
