/** One attempt of a step: past its breaker, under its timeout, the user's function runs. */
import * as Fault from "../model/fault.ts";
import { stopWaiting, waitBehind } from "./breaker/rouse.ts";
import { refusal } from "./breaker/rule.ts";
import type { BreakerGate } from "./engine.ts";
import { isAlive, mayStart, type Execution } from "./execution.ts";
import { startGrace } from "./grace.ts";
import { fail, fallBack, succeed } from "./landing.ts";
import { setDue, type Operation } from "./operation.ts";
import { abort, type Flight } from "./flight.ts";
import { own } from "./owner.ts";
import { note } from "./record.ts";
import { suspectAt } from "./settings.ts";
import { transact } from "./transaction.ts";
import { attemptKind, callUser, createTrial, failureText, isGivenUp, land, type Trial } from "./trial.ts";

export const startAttempt = (execution: Execution, operation: Operation): void => {
  const { ask } = operation;
  if (!("plan" in ask)) return;
  if (execution.strikes >= suspectAt && !operation.noted) return confess(execution, operation);
  const trial = createTrial(execution, operation, ask.plan, endings);
  if (ask.plan.breaker) void enter(trial, ask.plan.breaker);
  else fly(trial);
};

/** A run that may have killed its process says which step it is about to try. */
const confess = (execution: Execution, operation: Operation): void => {
  operation.noted = true;
  operation.ground = note(execution, {
    kind: "running",
    key: operation.key,
    attempt: operation.failed + 1,
    issued: operation.issued,
  }).seq;
  execution.held.push(operation);
};

const enter = async (trial: Trial, breaker: BreakerGate): Promise<void> => {
  const { execution, operation } = trial;
  stopWaiting(operation);
  const answer = await breaker.enter(execution.engine);
  if (answer.kind === "pass") trial.leave = answer.leave;
  if (!isAlive(execution)) return trial.leave?.({ kind: "none" });
  if (isGivenUp(trial)) {
    trial.leave?.({ kind: "none" });
    return land(trial);
  }
  if (!mayStart(execution)) return keepBack(trial);
  if (answer.kind === "pass") return fly(trial);
  const error = refusal(breaker.name, answer.retryAt);
  if (trial.plan.fallback) return fallBack(trial, error);
  waitForBreaker(trial, breaker, answer.askAt, error);
};

/** The lease, or the leave to start anything, went while the breaker was asked: the attempt was not made, and waits for its ground again. */
const keepBack = (trial: Trial): void => {
  trial.leave?.({ kind: "none" });
  land(trial);
  trial.execution.held.push(trial.operation);
};

/** The step waits like one that failed, but the attempt was not made and is not used up. */
const waitForBreaker = (trial: Trial, breaker: BreakerGate, askAt: number, error: Fault.Fault): void => {
  const { execution, operation } = trial;
  land(trial);
  waitBehind(operation, breaker.name);
  const due = Math.max(askAt, execution.engine.clock.now() + 1);
  setDue(execution, operation, due);
  note(execution, {
    kind: attemptKind(trial),
    key: operation.key,
    attempt: operation.failed,
    due,
    issued: operation.issued,
    value: failureText(trial, error),
  });
};

/** A function that cleans up and has no timeout is told to stop after twice its grace. When it does not, the run goes on without it. */
const limitCleanUp = (trial: Trial): void => {
  const { execution, operation, plan } = trial;
  if (trial.callOff) return;
  const most = 2 * plan.grace;
  trial.callOff = execution.engine.clock.after(most, () => {
    const what = `Step "${operation.key}" has cleaned up for ${most} ms, and is told to stop.`;
    abort(trial.flight, own(execution, Fault.make("step_timeout", what, { step: operation.key, timeout: most })));
  });
};

const endings: Flight["on"] = {
  abort: ({ attempted }) => startGrace(attempted as Trial),
  cancel: ({ attempted }) => limitCleanUp(attempted as Trial),
};

const limit = (trial: Trial, timeout: number): void => {
  const { execution, operation } = trial;
  trial.callOff = execution.engine.clock.after(timeout, () => {
    const error = Fault.make("step_timeout", `Step "${operation.key}" took longer than ${timeout} ms.`, {
      step: operation.key,
      timeout,
    });
    abort(trial.flight, own(execution, error));
    fail(trial, error);
  });
};

const fly = (trial: Trial): void => {
  const { execution, operation, plan } = trial;
  const { ask } = operation;
  const timeout = plan.timeout ?? plan.breaker?.timeout;
  if (timeout !== undefined) limit(trial, timeout);
  else if (operation.kind === "undo" || execution.cancelAsked !== undefined) limitCleanUp(trial);
  if (ask.kind === "transaction") return void transact(trial, ask.database, ask.run);
  if (ask.kind !== "step" && ask.kind !== "undo") return;
  callUser(trial, ask.run, { onValue: succeed, onError: fail });
};
