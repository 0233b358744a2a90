/** What becomes of an attempt: its answer is kept, it is tried again, a fallback answers for it, or the body is told. */
import { roundtrip } from "../model/codec.ts";
import { fromError, toError } from "../model/failure.ts";
import { callAs } from "./caller.ts";
import { afterFailure, type Verdict } from "../model/verdict.ts";
import { tellLate } from "./grace.ts";
import { isAlive, type Answer } from "./execution.ts";
import { laterOf } from "./later.ts";
import { setDue } from "./operation.ts";
import { note, record } from "./record.ts";
import { reportFailure } from "./report.ts";
import {
  attemptKind,
  callOf,
  callUser,
  describe,
  failureText,
  isGivenUp,
  isHeard,
  land,
  leaveBreaker,
  type Trial,
} from "./trial.ts";

export const succeed = (trial: Trial, value: unknown): void => {
  if (!isHeard(trial)) return tellLate(trial, "answered");
  leaveBreaker(trial, { kind: "success" });
  keep(trial, value);
};

const keep = (trial: Trial, value: unknown, committed?: () => void): void => {
  const { execution, operation, flight } = trial;
  if (flight.over || !isAlive(execution)) return;
  let kept;
  try {
    kept = roundtrip(value, { what: describe(trial), limit: execution.engine.settings.payload });
  } catch (error) {
    return giveUp(trial, error, attemptFailed(trial, error));
  }
  land(trial);
  record(
    execution,
    {
      kind: operation.kind === "undo" ? "undone" : "step",
      key: operation.key,
      value: kept.text,
      attempt: flight.attempt,
      issued: operation.issued,
    },
    { kind: "value", value: kept.value },
    committed,
  );
};

export const fail = (trial: Trial, error: unknown): void => {
  const { execution, operation, plan, flight } = trial;
  if (!isHeard(trial)) return tellLate(trial, "failed");
  leaveBreaker(trial, { kind: "failure", error });
  if (!isAlive(execution)) return;
  if (isGivenUp(trial)) return land(trial);
  const verdict = judge(trial, error);
  if (verdict.kind === "over") {
    const failed = attemptFailed(trial, error);
    return plan.fallback && operation.kind !== "undo" ? fallBack(trial, error, failed) : giveUp(trial, error, failed);
  }
  land(trial);
  operation.failed = flight.attempt;
  const due = execution.engine.clock.now() + verdict.delay;
  setDue(execution, operation, due);
  note(
    execution,
    {
      kind: attemptKind(trial),
      key: operation.key,
      attempt: flight.attempt,
      value: failureText(trial, error),
      due,
      issued: operation.issued,
    },
    attemptFailed(trial, error),
  );
};

const judge = (trial: Trial, error: unknown): Verdict => {
  const { engine } = trial.execution;
  const { plan, flight } = trial;
  const when = plan.when && ((thrown: unknown) => askWhen(trial, thrown));
  try {
    return afterFailure(error, flight.attempt, plan.retry, { when, chance: engine.chance(), now: engine.clock.now() });
  } catch (thrown) {
    warnOfWhen(trial, "threw, so the step is not tried again", thrown);
    return { kind: "over" };
  }
};

/** The user's word on whether the error may pass. A promise is not an answer: the step goes on as without a `when`. */
const askWhen = (trial: Trial, thrown: unknown): boolean => {
  const said: unknown = callAs(callOf(trial, "predicate"), (error) => trial.plan.when?.(error) ?? true, thrown);
  const later = laterOf(said);
  if (!later) return Boolean(said);
  later.catch(() => {});
  warnOfWhen(trial, "answered with a promise, which is not waited for: it must answer true or false at once");
  return true;
};

const warnOfWhen = ({ execution, operation }: Trial, what: string, err?: unknown): void =>
  execution.engine.logger.warn(
    {
      run: execution.id,
      workflow: execution.definition.name,
      step: operation.key,
      ...(err !== undefined && { err: toError(fromError(err)) }),
    },
    `The option retry.when of step "${operation.key}" ${what}.`,
  );

/** Reports the attempt. To be called when the record that it failed is committed. */
const attemptFailed = (trial: Trial, error: unknown): (() => void) => {
  const { execution, operation, flight } = trial;
  const { attempt } = flight;
  return () => reportFailure(execution, { kind: "attempt", step: operation.key, attempt, error: toError(fromError(error)) });
};

/** `committed` reports the attempt, where one was made: an open breaker lets none through. */
export const fallBack = (trial: Trial, error: unknown, committed?: () => void): void => {
  const { fallback } = trial.plan;
  if (!fallback) return giveUp(trial, error, committed);
  trial.callOff?.();
  trial.fellBack = true;
  callUser(trial, (tools) => fallback(error, tools), {
    onValue: (_, value) => keep(trial, value, committed),
    onError: (_, second) => {
      if (!trial.flight.over && isAlive(trial.execution)) giveUp(trial, second, committed);
    },
    what: "fallback",
  });
};

/** The body is told that the step failed. */
const giveUp = (trial: Trial, error: unknown, committed?: () => void): void => {
  const { execution, operation, flight } = trial;
  land(trial);
  if (isGivenUp(trial)) return;
  const { attempt } = flight;
  const failure = fromError(error);
  const answer: Answer = { kind: "error", error: toError(failure) };
  const kind = operation.kind === "undo" ? "undo-failed" : "step-failed";
  record(
    execution,
    { kind, key: operation.key, value: failureText(trial, error), attempt, issued: operation.issued },
    answer,
    () => {
      committed?.();
      reportFailure(execution, { kind: "step", step: operation.key, attempt, error: toError(failure) });
    },
  );
};
