/** The timers of a run in memory: one alarm, for whatever is due first. */
import { expire } from "./launch.ts";
import { askCancel } from "./mailbox.ts";
import { isAlive, type Execution } from "./execution.ts";
import type { Operation } from "./operation.ts";
import { wake } from "./wake.ts";

/** True while the clock decides about it. A wait does not give up during a look into the mailbox: what was sent in time comes first. */
const isTimed = (execution: Execution, operation: Operation): boolean =>
  !operation.settled && operation.due !== null && !(operation.kind === "wait" && execution.mailbox.reading > 0);

/** Those about which the clock decides now. The others are forgotten on the way. */
const timedOf = (execution: Execution): Operation[] => {
  const timed: Operation[] = [];
  for (const operation of execution.timed) {
    if (operation.settled || operation.due === null) execution.timed.delete(operation);
    else if (isTimed(execution, operation)) timed.push(operation);
  }
  return timed;
};

/** The next moment at which something of the run is due, or null. */
export const nextDue = (execution: Execution): number | null => {
  // A body that has said its last word is cancelled by no deadline: what is left is its undoing, which takes as long as it takes.
  let next = execution.cancelAsked === undefined && execution.outcome === undefined ? execution.deadline : null;
  if (execution.timed.size > 0)
    for (const { due } of timedOf(execution)) if (due !== null && (next === null || due < next)) next = due;
  return next;
};

export const setAlarm = (execution: Execution): void => {
  const due = nextDue(execution);
  if (due === execution.alarm && execution.callOff !== undefined) return;
  silence(execution);
  if (due === null) return;
  execution.alarm = due;
  execution.callOff = execution.engine.clock.at(due, () => {
    silence(execution);
    if (isAlive(execution)) wake(execution);
  });
};

export const silence = (execution: Execution): void => {
  execution.callOff?.();
  execution.callOff = undefined;
  execution.alarm = null;
};

/** Lets everything happen that is due, in the order of its moments. */
export const ring = (execution: Execution): void => {
  if (execution.deadline === null && execution.timed.size === 0) return;
  const now = execution.engine.clock.now();
  if (execution.deadline !== null && execution.deadline <= now && execution.outcome === undefined)
    askCancel(execution, "timeout", execution.deadline);
  const ripe = timedOf(execution).filter(({ due, flight }) => due !== null && due <= now && flight === undefined);
  if (ripe.length === 0) return;
  for (const operation of ripe.toSorted((a, b) => (a.due ?? 0) - (b.due ?? 0))) {
    operation.due = null;
    expire(execution, operation);
  }
};
