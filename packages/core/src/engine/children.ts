/** Runs that a run starts: begotten with a note in one commit, and heard of when they are at their end. */
import { decode, encode } from "../model/codec.ts";
import { fromError, toError, type Failure } from "../model/failure.ts";
import * as Fault from "../model/fault.ts";
import type { NewRun, Row } from "../store/rows.ts";
import { isAlive, isReplaying, type Answer, type Execution } from "./execution.ts";
import type { Operation } from "./operation.ts";
import { follow, leaseOf, record, rowOf } from "./record.ts";
import { wake } from "./wake.ts";

/** Starts a child, once: after a crash the same id finds the same child. */
export const beget = (execution: Execution, operation: Operation, child: (key: string, now: number) => NewRun): void => {
  const { engine } = execution;
  const run = child(operation.key, engine.clock.now());
  const row = rowOf(execution, {
    kind: operation.kind === "call" ? "calling" : "spawning",
    key: operation.key,
    value: encode(run.id, { what: "id of a child", limit: 65_536 }),
    issued: operation.issued,
  });
  operation.noted = true;
  execution.hasChildren = true;
  execution.reading++;
  const written = engine.store.history.appendChild(leaseOf(execution), row, run);
  follow(
    execution,
    row.seq,
    written.then((answer) => answer !== "fenced"),
  );
  written.then(
    (answer) => {
      execution.reading--;
      if (!isAlive(execution)) return;
      if (answer === "taken") refuse(execution, operation, run);
      else if (operation.kind === "start")
        record(
          execution,
          { kind: "spawned", key: operation.key, value: row.value, issued: operation.issued },
          { kind: "value", value: run.id },
        );
      // A child from before a retry may have ended already, and nudges nobody any more.
      else if (answer === "found") execution.collectAgain = true;
      wake(execution);
      engine.poke();
    },
    () => {},
  );
};

const refuse = (execution: Execution, operation: Operation, run: NewRun): void => {
  operation.answered = true;
  const failure = fromError(
    Fault.make(
      "run_conflict",
      `The id "${run.id}" for the child of step "${operation.key}" belongs to another run already. Give the child another id.`,
      { run: run.id },
    ),
  );
  const kind = operation.kind === "call" ? "call-failed" : "spawn-failed";
  record(
    execution,
    { kind, key: operation.key, value: failureText(failure), issued: operation.issued },
    { kind: "error", error: toError(failure) },
  );
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
