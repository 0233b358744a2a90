/**
 * Grace: a function that was told to stop (a cancel, a timeout of the run, a failed branch, a failed body) has so long to do it. After that the run goes on
 * without it. What the function did, or still does, is not known: its history and the log say so.
 */
import * as Fault from "../model/fault.ts";
import { isAlive } from "./execution.ts";
import { record } from "./record.ts";
import { failureText, land, leaveBreaker, type Trial } from "./trial.ts";
import { toError, fromError } from "../model/failure.ts";

/** Begins when the function is told to stop. */
export const startGrace = (trial: Trial): void => {
  const { execution, plan, flight } = trial;
  if (trial.stopGrace || flight.over || !isAlive(execution)) return;
  trial.stopGrace = execution.engine.clock.after(plan.grace, () => abandon(trial));
};

/** A transaction that is committing decides by itself. A crash after the record leaves the run without the function, one before it calls the function again. */
const abandon = (trial: Trial): void => {
  const { execution, operation, flight, plan } = trial;
  if (flight.over || trial.committing || !isAlive(execution)) return;
  trial.abandoned = true;
  const fault = Fault.make(
    "step_abandoned",
    `The function of step "${operation.key}" did not stop within ${plan.grace} ms of being told to (run ${execution.id}). The run goes on without it; whether its effect happens is not known, and nothing of it is undone.`,
    { run: execution.id, step: operation.key, grace: plan.grace },
  );
  log(trial, "step_abandoned", fault.message);
  leaveBreaker(trial, { kind: "none" });
  land(trial);
  const kind = operation.kind === "undo" ? "undo-failed" : "step-failed";
  record(
    execution,
    {
      kind,
      key: operation.key,
      value: failureText(trial, fault),
      attempt: flight.attempt,
      issued: operation.issued,
    },
    { kind: "error", error: toError(fromError(fault)) },
  );
};

/** The function of an abandoned step has come to its end after all. */
export const tellLate = (trial: Trial, how: "answered" | "failed"): void => {
  if (!trial.abandoned) return;
  const { execution, operation } = trial;
  const effect = how === "answered" ? "Its effect has happened and is not undone." : "It failed.";
  log(
    trial,
    "step_late",
    `The function of step "${operation.key}" ${how} after run ${execution.id} had gone on without it. ${effect}`,
  );
};

const log = ({ execution, operation, flight }: Trial, code: string, message: string): void =>
  execution.engine.logger.warn(
    { code, run: execution.id, workflow: execution.definition.name, step: operation.key, attempt: flight.attempt },
    message,
  );
