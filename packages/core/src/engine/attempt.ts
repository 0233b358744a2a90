/** One attempt of a step: the user's function runs, and what it answers or throws is recorded. */
import { roundtrip } from "../model/codec.ts";
import { encode } from "../model/codec.ts";
import { fromError, toError } from "../model/failure.ts";
import * as Fault from "../model/fault.ts";
import { afterFailure } from "../model/verdict.ts";
import { stopWaiting, waitBehind } from "./breaker/rouse.ts";
import { refusal } from "./breaker/rule.ts";
import type { BreakerGate, BreakerPass, BreakerResult } from "./engine.ts";
import { isAlive, type Answer, type Execution } from "./execution.ts";
import { watchLong } from "./long.ts";
import { loggerFor } from "./logs.ts";
import type { Flight, Operation, Plan, Tools } from "./operation.ts";
import { enqueue, follow, leaseOf, note, record, rowOf } from "./record.ts";
import { suspectAt } from "./settings.ts";
import { wake } from "./wake.ts";

type Trial = {
  readonly execution: Execution;
  readonly operation: Operation;
  readonly plan: Plan;
  readonly flight: Flight;
  readonly tools: Tools;
  callOff: (() => void) | undefined;
  fellBack: boolean;
  leave: BreakerPass["leave"] | undefined;
};

/** The key for the outside: the same for every attempt, and another one when the step is done anew after its undo, and is then undone again. */
export const outsideKey = (execution: Execution, key: string): string => {
  const round = execution.rounds.get(key.replace(/^undo:/, ""));
  return round === undefined ? `${execution.id}/${key}` : `${execution.id}/${key}~${round}`;
};

const createFlight = (execution: Execution, attempt: number): Flight & { readonly signal: () => AbortSignal } => {
  let controller: AbortController | undefined;
  let reason: unknown;
  return {
    startedAt: execution.engine.clock.now(),
    attempt,
    noted: false,
    over: false,
    abort: (why) => {
      reason ??= why;
      controller?.abort(why);
    },
    signal: () => {
      controller ??= new AbortController();
      if (reason !== undefined && !controller.signal.aborted) controller.abort(reason);
      return controller.signal;
    },
  };
};

export const startAttempt = (execution: Execution, operation: Operation): void => {
  const { ask } = operation;
  if (!("plan" in ask)) return;
  if (execution.strikes >= suspectAt && !operation.noted) return confess(execution, operation);
  const { engine } = execution;
  const flight = createFlight(execution, operation.failed + 1);
  const tools: Tools = {
    key: outsideKey(execution, operation.key),
    attempt: flight.attempt,
    get signal() {
      return flight.signal();
    },
    get log() {
      return loggerFor(execution, { step: operation.key, attempt: flight.attempt });
    },
  };
  const trial: Trial = {
    execution,
    operation,
    plan: ask.plan,
    flight,
    tools,
    callOff: undefined,
    fellBack: false,
    leave: undefined,
  };
  operation.flight = flight;
  execution.flights++;
  engine.flights.set(operation, execution);
  watchLong(engine);
  if (ask.plan.breaker) void enter(trial, ask.plan.breaker);
  else fly(trial);
};

/** A run that may have killed its process says which step it is about to try. */
const confess = (execution: Execution, operation: Operation): void => {
  operation.noted = true;
  operation.issued = note(execution, { kind: "running", key: operation.key, attempt: operation.failed + 1 }).seq;
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
  if (answer.kind === "pass") return fly(trial);
  const error = refusal(breaker.name, answer.retryAt);
  if (trial.plan.fallback) return fallBack(trial, error);
  waitForBreaker(trial, breaker, answer.askAt, error);
};

/** The step waits like one that failed, but the attempt was not made and is not used up. */
const waitForBreaker = (trial: Trial, breaker: BreakerGate, askAt: number, error: Fault.Fault): void => {
  const { execution, operation } = trial;
  land(trial);
  waitBehind(operation, breaker.name);
  operation.due = Math.max(askAt, execution.engine.clock.now() + 1);
  note(execution, {
    kind: attemptKind(trial),
    key: operation.key,
    attempt: operation.failed,
    due: operation.due,
    issued: operation.issued,
    value: failureText(trial, error),
  });
};

const fly = (trial: Trial): void => {
  const { operation, plan, execution } = trial;
  const { ask } = operation;
  const timeout = plan.timeout ?? plan.breaker?.timeout;
  if (timeout !== undefined) {
    trial.callOff = execution.engine.clock.at(execution.engine.clock.now() + timeout, () => {
      const error = Fault.make("step_timeout", `Step "${operation.key}" took longer than ${timeout} ms.`, {
        step: operation.key,
        timeout,
      });
      trial.flight.abort(error);
      fail(trial, error);
    });
  }
  if (ask.kind === "transaction") return void transact(trial, ask.database, ask.run);
  if (ask.kind !== "step" && ask.kind !== "undo") return;
  attempt(
    () => ask.run(trial.tools),
    (value) => succeed(trial, value),
    (error) => fail(trial, error),
  );
};

/** Calls a function of the user's and follows it, whether it answers at once or later. */
const attempt = (run: () => unknown, onValue: (value: unknown) => void, onError: (error: unknown) => void): void => {
  let result: unknown;
  try {
    result = run();
  } catch (error) {
    return onError(error);
  }
  if (typeof (result as PromiseLike<unknown> | null)?.then === "function") {
    (result as PromiseLike<unknown>).then(onValue, onError);
  } else onValue(result);
};

const describe = (trial: Trial): string =>
  `result of step "${trial.operation.key}" in workflow "${trial.execution.definition.name}"`;

/** Once the fallback runs, nothing that the function still says is heard. */
const isHeard = ({ flight, fellBack }: Trial): boolean => !flight.over && !fellBack;

const succeed = (trial: Trial, value: unknown): void => {
  if (!isHeard(trial)) return;
  leaveBreaker(trial, { kind: "success" });
  keep(trial, value);
};

const keep = (trial: Trial, value: unknown): void => {
  const { execution, operation, flight } = trial;
  if (flight.over || !isAlive(execution)) return;
  let kept;
  try {
    kept = roundtrip(value, { what: describe(trial), limit: execution.engine.settings.payload });
  } catch (error) {
    return giveUp(trial, error);
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
  );
};

const fail = (trial: Trial, error: unknown): void => {
  const { execution, operation, plan, flight } = trial;
  if (!isHeard(trial)) return;
  leaveBreaker(trial, { kind: "failure", error });
  if (!isAlive(execution)) return;
  if (isGivenUp(trial)) return land(trial);
  const verdict = judge(trial, error);
  if (verdict.kind === "over") return plan.fallback && operation.kind !== "undo" ? fallBack(trial, error) : giveUp(trial, error);
  land(trial);
  operation.failed = flight.attempt;
  operation.due = execution.engine.clock.now() + verdict.delay;
  note(execution, {
    kind: attemptKind(trial),
    key: operation.key,
    attempt: flight.attempt,
    value: failureText(trial, error),
    due: operation.due,
    issued: operation.issued,
  });
};

const judge = (trial: Trial, error: unknown) => {
  const { engine } = trial.execution;
  const { plan, flight } = trial;
  try {
    return afterFailure(error, flight.attempt, plan.retry, { when: plan.when, chance: engine.chance() });
  } catch {
    return { kind: "over" } as const;
  }
};

/** A step that the body gave up, or that outlives its body, is not tried again. */
const isGivenUp = ({ execution, operation }: Trial): boolean =>
  operation.settled || (execution.outcome !== undefined && operation.kind !== "undo");

const fallBack = (trial: Trial, error: unknown): void => {
  const { fallback } = trial.plan;
  if (!fallback) return giveUp(trial, error);
  trial.callOff?.();
  trial.fellBack = true;
  const onError = (second: unknown): void => {
    if (!trial.flight.over && isAlive(trial.execution)) giveUp(trial, second);
  };
  attempt(
    () => fallback(error, trial.tools),
    (value) => keep(trial, value),
    onError,
  );
};

/** The body is told that the step failed. */
const giveUp = (trial: Trial, error: unknown): void => {
  const { execution, operation, flight } = trial;
  land(trial);
  if (isGivenUp(trial)) return;
  const failure = fromError(error);
  const answer: Answer = { kind: "error", error: toError(failure) };
  const kind = operation.kind === "undo" ? "undo-failed" : "step-failed";
  record(
    execution,
    { kind, key: operation.key, value: failureText(trial, error), attempt: flight.attempt, issued: operation.issued },
    answer,
  );
};

const attemptKind = (trial: Trial): "attempt" | "undo-attempt" => (trial.operation.kind === "undo" ? "undo-attempt" : "attempt");

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

/** What came of the call, whoever executes the run by now. A function that was told to stop and did so says nothing of the other side. */
const leaveBreaker = (trial: Trial, result: BreakerResult): void => {
  if (!trial.leave) return;
  const { signal } = trial.tools;
  const calledOff = result.kind === "failure" && signal.aborted && !Fault.is(signal.reason, "step_timeout");
  trial.leave(calledOff ? { kind: "none" } : result);
};

/** The function is done with, whatever it still does. */
const land = (trial: Trial): void => {
  const { execution, operation, flight } = trial;
  trial.callOff?.();
  flight.over = true;
  operation.flight = undefined;
  execution.flights--;
  execution.engine.flights.delete(operation);
  wake(execution);
};

/** The user's rows and our record in one commit. The row is appended once more, to learn in order when all before it is durable. */
const transact = async (trial: Trial, database: unknown, run: (tx: unknown, tools: Tools) => unknown): Promise<void> => {
  const { execution, operation, flight } = trial;
  const { store } = execution.engine;
  let answer: Answer = { kind: "value", value: undefined };
  let row = undefined as ReturnType<typeof rowOf> | undefined;
  try {
    const held = await store.transact(database, {
      lease: leaseOf(execution),
      run: (tx) => {
        if (flight.over || !isAlive(execution)) throw Fault.make("lease_lost", `Run ${execution.id} is no longer executed here.`);
        return run(tx, trial.tools);
      },
      row: (value) => {
        const kept = roundtrip(value, { what: describe(trial), limit: execution.engine.settings.payload });
        answer = { kind: "value", value: kept.value };
        row = rowOf(execution, {
          kind: "step",
          key: operation.key,
          value: kept.text,
          attempt: flight.attempt,
          issued: operation.issued,
        });
        return row;
      },
    });
    if (flight.over || !isAlive(execution) || row === undefined) return;
    leaveBreaker(trial, { kind: "success" });
    land(trial);
    follow(execution, row.seq, held ? store.history.append(leaseOf(execution), row) : Promise.resolve(false));
    if (held) enqueue(execution, { row, answer });
  } catch (error) {
    fail(trial, error);
  }
};
