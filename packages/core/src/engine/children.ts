/** Runs that a run starts: begotten with a note in one commit, and heard of when they are at their end. */
import { decode, encode } from "../model/codec.ts";
import { fromError, toError, type Failure } from "../model/failure.ts";
import * as Fault from "../model/fault.ts";
import type { NewRun, Row } from "../store/rows.ts";
import { isAlive, isReplaying, type Answer, type Delivery, type Execution } from "./execution.ts";
import { rejectWith, type Ask, type Operation } from "./operation.ts";
import { follow, leaseOf, record, rowOf } from "./record.ts";
import { warnUnclaimed } from "./unclaimed.ts";
import { wake } from "./wake.ts";

type ChildAsk = Extract<Ask, { readonly kind: "call" | "start" }>;

/**
 * What is recorded of a child whose input was judged, apart from histories of 0.1: there a refused input left nothing, and took no key. Its place is the
 * attempt of the note (or of the failure, when there was no child to note).
 */
const judged = 1;

/** Starts a child, once: after a crash its note says that it is there. An input that was refused is recorded as the failure of the operation. */
export const beget = (execution: Execution, operation: Operation, ask: ChildAsk): void => {
  if (operation.noted) return recordSpawned(execution, operation, ask.id(operation.key));
  let run: NewRun;
  try {
    run = ask.child(operation.key, execution.engine.clock.now());
  } catch (error) {
    return refuse(execution, operation, error);
  }
  append(execution, operation, run);
};

const append = (execution: Execution, operation: Operation, run: NewRun): void => {
  const { engine } = execution;
  const row = rowOf(execution, {
    kind: operation.kind === "call" ? "calling" : "spawning",
    key: operation.key,
    value: textOf(run.id),
    attempt: judged,
    issued: operation.issued,
  });
  operation.noted = true;
  execution.hasChildren = true;
  execution.mailbox.reading++;
  const written = engine.store.history.appendChild(leaseOf(execution), row, run);
  follow(
    execution,
    row.seq,
    written.then((answer) => answer !== "fenced"),
  );
  written.then(
    (answer) => {
      execution.mailbox.reading--;
      if (!isAlive(execution)) return;
      warnUnclaimed(engine, { name: run.workflow, version: run.version });
      if (answer === "taken") refuse(execution, operation, conflict(operation, run));
      else if (operation.kind === "start") recordSpawned(execution, operation, run.id);
      // A child from before a retry may have ended already, and nudges nobody any more.
      else if (answer === "found") execution.mailbox.collectAgain = true;
      wake(execution);
      engine.poke();
    },
    () => {},
  );
};

const textOf = (id: string): string | null => encode(id, { what: "id of a child", limit: 65_536 });

const recordSpawned = (execution: Execution, operation: Operation, id: string): void =>
  record(
    execution,
    { kind: "spawned", key: operation.key, value: textOf(id), issued: operation.issued },
    { kind: "value", value: id },
  );

const conflict = (operation: Operation, run: NewRun): Fault.Fault =>
  Fault.make(
    "run_conflict",
    `The id "${run.id}" for the child of step "${operation.key}" belongs to another run already. Give the child another id.`,
    { run: run.id },
  );

const refuse = (execution: Execution, operation: Operation, error: unknown): void => {
  operation.answered = true;
  const failure = fromError(error);
  const kind = operation.kind === "call" ? "call-failed" : "spawn-failed";
  record(
    execution,
    { kind, key: operation.key, value: failureText(failure), attempt: judged, issued: operation.issued },
    { kind: "error", error: toError(failure) },
  );
};

const ofChildren: ReadonlySet<Row["kind"]> = new Set(["calling", "called", "call-failed", "spawning", "spawned", "spawn-failed"]);

const known = new WeakMap<Execution, ReadonlyMap<string, "judged" | "unjudged">>();

/**
 * What the history of an execution that replays has of the child under a key: its recorded result counts, whatever its input would be judged as today.
 * `unjudged` is a child of a history of 0.1.
 */
export const recordedChild = (execution: Execution, key: string): "judged" | "unjudged" | undefined => {
  if (!isReplaying(execution)) return undefined;
  const there = known.get(execution) ?? childrenIn(execution.inbox.slice(execution.cursor));
  known.set(execution, there);
  return there.get(key);
};

const childrenIn = (rest: readonly Delivery[]): ReadonlyMap<string, "judged" | "unjudged"> => {
  const children = new Map<string, "judged" | "unjudged">();
  for (const { row } of rest)
    if (row.key !== null && ofChildren.has(row.kind) && !children.has(row.key))
      children.set(row.key, row.attempt === judged ? "judged" : "unjudged");
  return children;
};

/**
 * Rejects the calls whose input is refused and of which a history of 0.1 holds nothing. It is asked for when the next record does not fit: there the body
 * was told at once, and went on.
 */
export const refuseUnrecorded = (execution: Execution): boolean => {
  let any = false;
  for (const operation of execution.operations.values()) {
    const refusal = operation.settled || operation.noted ? undefined : refusalOf(operation);
    if (!refusal) continue;
    any = true;
    execution.operations.delete(operation.key);
    rejectWith(operation, toError(fromError(refusal.error)));
  }
  if (any) wake(execution);
  return any;
};

const refusalOf = ({ ask, key }: Operation): { readonly error: unknown } | undefined => {
  if (ask.kind !== "call" && ask.kind !== "start") return undefined;
  try {
    ask.child(key, 0);
    return undefined;
  } catch (error) {
    return { error };
  }
};

const failureText = (failure: Failure): string | null => encode(failure, { what: "failure of a child", limit: 2_097_152 });

type Ended = { readonly id: string; readonly row: Row };

/** Records what became of a child. A parent that is being replayed looks for it once it is through, if its code fits. */
export const childEnded = (execution: Execution, stepKey: string, child: Ended): void => {
  if (isReplaying(execution)) return;
  const operation = execution.operations.get(stepKey);
  if (!isAlive(execution) || operation?.kind !== "call" || operation.settled || operation.answered) return;
  operation.answered = true;
  if (child.row.kind === "completed") {
    // Read when it is delivered: a damaged text puts the run aside there, like any other.
    return record(execution, { kind: "called", key: stepKey, value: child.row.value, issued: operation.issued }, undefined);
  }
  const failure = childFailure(stepKey, child);
  const answer: Answer = { kind: "error", error: toError(failure) };
  record(execution, { kind: "call-failed", key: stepKey, value: failureText(failure), issued: operation.issued }, answer);
};

type End = { readonly failure: Failure | null; readonly reason?: string };

/** Of a child whose end is damaged no more is known than that it came to none. */
const endOf = (row: Row): End | undefined => {
  try {
    return decode(row.value) as End | undefined;
  } catch {
    return undefined;
  }
};

const childFailure = (stepKey: string, { id, row }: Ended): Failure => {
  const end = endOf(row);
  const cause = end?.failure ? { cause: toError(end.failure) } : {};
  const why =
    row.kind === "cancelled"
      ? `was cancelled: ${end?.reason ?? "no reason given"}`
      : `failed: ${end?.failure?.message ?? "unknown"}`;
  return fromError(
    Fault.make("child_failed", `Child ${id} (${stepKey}) ${why}`, { child: id, step: stepKey, status: row.kind }, cause),
  );
};
