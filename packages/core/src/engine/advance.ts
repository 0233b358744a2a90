/** What a run does once its body rests: notes what was asked, starts what may start, and decides whether to wait here or to park. */
import { onListener } from "./listened.ts";
import { collect, handOut } from "./mailbox.ts";
import { notePlace } from "./asked.ts";
import { missingBefore } from "./asking.ts";
import { hasMore, isAlive, type Execution } from "./execution.ts";
import { noteLateDraws } from "./drawn.ts";
import { finish } from "./finish.ts";
import { giveKeyOf, giveKeys, setDue, type Operation } from "./operation.ts";
import { letGo, park, rouse } from "./park.ts";
import { isDoubtful, launch, release } from "./launch.ts";
import { recall } from "./recall.ts";
import { note } from "./record.ts";
import { beget } from "./children.ts";
import { rejectAgain } from "./deliver.ts";
import { clearNote, giveUp, isUnseen, putRefusedAside, stall, swallows, watchUnseen } from "./mismatch.ts";
import { nextDue, ring, setAlarm } from "./alarm.ts";
import { wake } from "./wake.ts";

export const advance = (execution: Execution): void => {
  if (execution.phase === "parked" || execution.phase === "evicted") return rouse(execution);
  if (!isAlive(execution)) return;
  if (execution.computing && rejectAgain(execution)) return;
  if (hasMore(execution)) return execution.computing && claimKey(execution) ? wake(execution) : stall(execution);
  execution.rests++;
  if (execution.refused !== undefined) return putRefusedAside(execution);
  if (execution.computing) noteLateDraws(execution);
  if (execution.outcome !== undefined && finish(execution)) return;
  if (execution.computing) giveKeys(execution);
  const fresh = execution.fresh;
  execution.fresh = [];
  release(execution);
  for (const operation of fresh) act(execution, operation);
  ring(execution);
  handOut(execution);
  if (execution.mailbox.collectAgain && execution.mailbox.reading === 0) collect(execution);
  rest(execution);
};

/** Gives the key of the record that is missing to the operation that was asked for too soon; see `giveKeyOf`. */
const claimKey = (execution: Execution): boolean => {
  const next = execution.inbox[execution.cursor];
  return next !== undefined && giveKeyOf(execution, missingBefore(execution, next.row) ?? next.row);
};

/** Begins the effect of an operation. */
const act = (execution: Execution, operation: Operation): void => {
  if (operation.settled) return;
  notePlace(execution, operation);
  if (recall(execution, operation)) return;
  const { ask } = operation;
  switch (ask.kind) {
    case "step":
    case "undo":
    case "transaction":
      if (operation.due === null) launch(execution, operation);
      return;
    case "sleep":
      return fallAsleep(execution, operation, ask.due);
    case "wait":
      if (!operation.noted && ask.timeout !== undefined)
        setDue(execution, operation, operation.due ?? execution.engine.clock.now() + ask.timeout);
      // A wait that had lost a race may be in another one now.
      onListener(operation.promise, () => {
        execution.mailbox.collectAgain = true;
        wake(execution);
      });
      return collect(execution);
    case "call":
      if (isDoubtful(execution)) return void execution.fresh.push(operation);
      return operation.noted ? collect(execution) : beget(execution, operation, ask);
    case "start":
      if (isDoubtful(execution)) return void execution.fresh.push(operation);
      return beget(execution, operation, ask);
  }
};

const fallAsleep = (execution: Execution, operation: Operation, dueAt: (now: number) => number): void => {
  const now = execution.engine.clock.now();
  const due = operation.due ?? dueAt(now);
  setDue(execution, operation, due);
  if (!operation.noted && due > now) note(execution, { kind: "timer", key: operation.key, due, issued: operation.issued });
  operation.noted = true;
};

const rest = (execution: Execution): void => {
  const { engine } = execution;
  if (!isAlive(execution) || hasMore(execution) || execution.fresh.length > 0) return;
  clearNote(execution);
  if (execution.flights > 0 || execution.mailbox.reading > 0) return setAlarm(execution);
  if (engine.closing) return letGo(execution, "queued");
  if (execution.paused) return letGo(execution, "paused");
  if (execution.held.length > 0) return setAlarm(execution);
  if (swallows(execution)) return giveUp(execution);
  if (isUnseen(execution)) return watchUnseen(execution);
  const due = nextDue(execution);
  if (due !== null && due - engine.clock.now() <= engine.settings.moment) return setAlarm(execution);
  park(execution, due);
};
