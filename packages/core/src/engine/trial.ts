/** An attempt under way: what it may use, who still listens to it, and how it is done with. */
import { encode } from "../model/codec.ts";
import { fromError } from "../model/failure.ts";
import * as Fault from "../model/fault.ts";
import { apart, callAs, type Call } from "./caller.ts";
import type { BreakerPass, BreakerResult } from "./engine.ts";
import type { Execution } from "./execution.ts";
import { laterOf } from "./later.ts";
import { watchLong } from "./long.ts";
import { loggerFor } from "./logs.ts";
import { type Operation, type Plan, type Tools } from "./operation.ts";
import { signalOf, type Flight } from "./flight.ts";
import { wake } from "./wake.ts";

/** It says who runs while its function is called. */
export type Trial = Call & {
  readonly operation: Operation;
  readonly plan: Plan;
  readonly flight: Flight;
  readonly tools: Tools;
  callOff: (() => void) | undefined;
  /** Calls off the end of its grace. */
  stopGrace: (() => void) | undefined;
  /** True once the run goes on without the function. */
  abandoned: boolean;
  /** True once only the commit of its transaction decides what becomes of it. */
  committing: boolean;
  fellBack: boolean;
  leave: BreakerPass["leave"] | undefined;
};

/** The key for the outside: the same for every attempt, and another one when the step is done anew after its undo, and is then undone again. */
export const outsideKey = (execution: Execution, key: string): string => {
  if (execution.recorded.rounds.size === 0) return `${execution.id}/${key}`;
  const round = execution.recorded.rounds.get(key.replace(/^undo:/, ""));
  return round === undefined ? `${execution.id}/${key}` : `${execution.id}/${key}~${round}`;
};

/** An attempt that is about to be made: its flight is counted from now on. */
export const createTrial = (execution: Execution, operation: Operation, plan: Plan, on: Flight["on"]): Trial => {
  const attempt = operation.failed + 1;
  const startedAt = execution.engine.clock.monotonic();
  const flight: Flight = {
    startedAt,
    attempt,
    noted: false,
    over: false,
    controller: undefined,
    reason: undefined,
    on,
    attempted: undefined,
  };
  const tools: Tools = {
    key: outsideKey(execution, operation.key),
    attempt,
    get signal() {
      return signalOf(flight);
    },
    get log() {
      return loggerFor(execution, { step: operation.key, attempt });
    },
  };
  operation.flight = flight;
  execution.flights++;
  watchLong(execution.engine);
  const trial: Trial = {
    kind: "function",
    execution,
    key: operation.key,
    what: "function",
    operation,
    plan,
    flight,
    tools,
    callOff: undefined,
    stopGrace: undefined,
    abandoned: false,
    committing: false,
    fellBack: false,
    leave: undefined,
  };
  flight.attempted = trial;
  return trial;
};

/** The function is done with, whatever it still does. */
export const land = (trial: Trial): void => {
  const { execution, operation, flight } = trial;
  trial.callOff?.();
  trial.stopGrace?.();
  flight.over = true;
  operation.flight = undefined;
  execution.flights--;
  wake(execution);
};

/** What came of the call, whoever executes the run by now. A function that was told to stop and did so says nothing of the other side. */
export const leaveBreaker = (trial: Trial, result: BreakerResult): void => {
  if (!trial.leave) return;
  const { signal } = trial.tools;
  const calledOff = result.kind === "failure" && signal.aborted && !Fault.is(signal.reason, "step_timeout");
  const { leave } = trial;
  // It asks `isFailure`, which is the user's.
  apart(() => leave(calledOff ? { kind: "none" } : result));
};

/** Once the fallback runs, nothing that the function still says is heard. */
export const isHeard = ({ flight, fellBack }: Trial): boolean => !flight.over && !fellBack;

/** A step that the body gave up, or that outlives its body, is not tried again. */
export const isGivenUp = ({ execution, operation }: Trial): boolean =>
  operation.settled || (execution.outcome !== undefined && operation.kind !== "undo");

type Hearing = (trial: Trial, said: unknown) => void;

/** Who runs while another function of this attempt is called. */
export const callOf = ({ execution, key }: Trial, what: Call["what"]): Call => ({ kind: "function", execution, key, what });

/**
 * Calls a function of the user's and follows it, whether it answers at once or later. An answer whose `then` cannot be read fails the attempt, as it
 * does when an async function answers with it.
 */
export const callUser = (
  trial: Trial,
  run: (tools: Tools) => unknown,
  { onValue, onError, what }: { readonly onValue: Hearing; readonly onError: Hearing; readonly what?: Call["what"] },
): void => {
  let result: unknown;
  let later: Promise<unknown> | undefined;
  try {
    result = callAs(what === undefined ? trial : callOf(trial, what), run, trial.tools);
    later = laterOf(result);
  } catch (error) {
    return onError(trial, error);
  }
  if (!later) return onValue(trial, result);
  void later.then(
    (value) => onValue(trial, value),
    (error: unknown) => onError(trial, error),
  );
};

export const describe = (trial: Trial): string =>
  `result of step "${trial.operation.key}" in workflow "${trial.execution.definition.name}"`;

export const attemptKind = (trial: Trial): "attempt" | "undo-attempt" =>
  trial.operation.kind === "undo" ? "undo-attempt" : "attempt";

export const failureText = (trial: Pick<Trial, "operation">, error: unknown): string | null => {
  const failure = fromError(error);
  const what = `failure of step "${trial.operation.key}"`;
  try {
    return encode(failure, { what, limit: 2_097_152 });
  } catch {
    const { name, message, stack } = failure;
    return encode(stack === undefined ? { name, message } : { name, message, stack }, { what, limit: 2_097_152 });
  }
};
