/** From a wish to an effect: functions start when their ground is durable, timers fire when they are due. */
import { patienceLeft } from "./asking.ts";
import { startAttempt } from "./attempt.ts";
import { computingOf, mayStart, type Execution } from "./execution.ts";
import type { Operation } from "./operation.ts";
import { record } from "./record.ts";
import { wake } from "./wake.ts";

/** Starts a function, once what the body had seen when it asked is durable. */
export const launch = (execution: Execution, operation: Operation): void => {
  operation.due = null;
  if (!mayStart(execution) || execution.durable < operation.ground || isDoubtful(execution) || isEarly(execution, operation))
    execution.held.push(operation);
  else startAttempt(execution, operation);
};

/** True while a run that was refused before waits whether it is refused again. */
export const isDoubtful = (execution: Execution): boolean => {
  if (!execution.recorded.wasRefused) return false;
  const { clock, settings } = execution.engine;
  const computing = computingOf(execution);
  computing.refusedUntil ??= clock.monotonic() + 10 * settings.patience;
  const left = computing.refusedUntil - clock.monotonic();
  if (left > 0) clock.after(left, () => wake(execution));
  return left > 0;
};

/** True while an operation waits as its `patience` says. The run looks again when that is over, or at its next record. */
export const isEarly = (execution: Execution, { patience }: Operation): boolean => {
  if (patience === undefined) return false;
  const left = patienceLeft(patience);
  if (left > 0 && left < Infinity) execution.engine.clock.after(left, () => wake(execution));
  return left > 0;
};

/** More is durable, or the run may go on: what was held is tried again. */
export const release = (execution: Execution): void => {
  if (execution.held.length === 0) return;
  const held = execution.held;
  execution.held = [];
  for (const operation of held) if (!operation.settled) launch(execution, operation);
};

/** Records that a timer fired or a wait gave up. */
export const expire = (execution: Execution, operation: Operation): void => {
  if (operation.answered) return;
  operation.answered = operation.ask.kind === "sleep" || operation.ask.kind === "wait";
  if (operation.ask.kind === "sleep")
    record(execution, { kind: "fired", key: operation.key, issued: operation.issued }, { kind: "value", value: undefined });
  else if (operation.ask.kind === "wait")
    record(execution, { kind: "expired", key: operation.key, issued: operation.issued }, { kind: "value", value: undefined });
  else launch(execution, operation);
};
