/** A history and a body that do not meet, and bodies that wait for something nobody can see. */
import { fromError } from "../model/failure.ts";
import { operationOf, type Row } from "../model/records.ts";
import { end } from "./begin.ts";
import { refuseUnrecorded } from "./children.ts";
import { isAlive, hasMore, type Delivery, type Execution } from "./execution.ts";
import type { Operation } from "./operation.ts";
import { letGo, putAside } from "./park.ts";
import { leaseOf } from "./record.ts";
import { cancelUnfit } from "./finish.ts";
import { mostSwallowed } from "./settings.ts";

const openOperations = (execution: Execution): Operation[] =>
  [...execution.operations.values()].filter((operation) => !operation.settled);

/** True when the body rests and nothing durable is outstanding. */
export const isUnseen = (execution: Execution): boolean => {
  for (const operation of execution.operations.values()) if (!operation.settled) return false;
  return execution.outcome === undefined;
};

/** True when a cancelled body swallows one rejection after the other: it will not end by itself. */
export const swallows = (execution: Execution): boolean => execution.cancelled && execution.swallowed > mostSwallowed;

/** Ends a cancelled body that does not end by itself. */
export const giveUp = (execution: Execution): void => end(execution, { kind: "threw", error: execution.root.fault });

/** The next record does not fit what the body asked. Nothing is done meanwhile. */
export const stall = (execution: Execution): void => {
  const next = execution.inbox[execution.cursor];
  if (!next || !isAlive(execution)) return;
  if (execution.engine.closing) return letGo(execution, "queued");
  if (swallows(execution)) return giveUp(execution);
  if (isUnseen(execution)) return watchUnseen(execution);
  if (execution.outcome !== undefined) return block(execution, next);
  if (execution.stalled === next) return;
  execution.stalled = next;
  const { engine } = execution;
  engine.clock.after(engine.settings.patience, () => {
    if (isAlive(execution) && execution.inbox[execution.cursor] === next) block(execution, next);
  });
};

/** Nothing has been done, and nothing will be: the run waits for code that fits. */
const block = (execution: Execution, next: Delivery): void => {
  if (refuseUnrecorded(execution)) return;
  if (execution.cancelAsked !== undefined && !execution.timedOut) return cancelUnfit(execution);
  const was = describeRow(next.row);
  const is = describeBody(execution);
  putAside(execution, "blocked", {
    code: "history_mismatch",
    message: `Run ${execution.id} of "${execution.definition.name}" version ${execution.definition.version} recorded ${was} at seq ${next.row.seq}, and the code now ${is}${describeThrown(execution)}.
Give the new step a new name, guard it with Context.patched, or start a new version; then deploy. Nothing was done and nothing is lost.`,
    was,
    is,
    seq: next.row.seq,
  });
};

const describeRow = (row: Row): string => `${operationOf(row.kind) ?? row.kind} "${row.key ?? ""}"`;

const describeBody = (execution: Execution): string => {
  if (execution.outcome !== undefined) return execution.outcome.kind === "returned" ? "ends here" : "throws here";
  const asked = openOperations(execution).map((operation) => `${operation.kind} "${operation.key}"`);
  return `asks for ${asked.slice(0, 5).join(", ")}`;
};

/** Name, code and message of what the body threw, bounded: a reason is shown in lists. */
const describeThrown = ({ outcome }: Execution): string => {
  if (outcome === undefined || outcome.kind === "returned") return "";
  const { name, code, message } = fromError(outcome.error);
  const start = message.length > mostTold ? `${message.slice(0, mostTold).toWellFormed()} …` : message;
  return ` (${name}${code === undefined ? "" : ` ${code}`}: ${start})`;
};

const mostTold = 500;

/** Looks after a body that waits for something that is not durable. When it goes on waiting, it is said; a cancelled one is given up. */
export const watchUnseen = (execution: Execution): void => {
  if (execution.noted && execution.cancelAsked === undefined) return;
  const { engine, rests, cursor, seen } = execution;
  engine.clock.after(engine.settings.patience, () => {
    const moved = execution.rests > rests + 1 || execution.cursor !== cursor || execution.seen !== seen;
    if (!isAlive(execution) || moved || !isUnseen(execution)) return;
    if (execution.cancelled) giveUp(execution);
    else if (execution.cancelAsked !== undefined) cancelUnfit(execution);
    else if (!execution.noted) warn(execution);
  });
};

const warn = (execution: Execution): void => {
  const { engine } = execution;
  execution.noted = true;
  const last = execution.lastKey === undefined ? "its start" : `"${execution.lastKey}"`;
  const message = `Workflow "${execution.definition.name}" (run ${execution.id}) waits after ${last} for something that is not durable, such as a bare fetch or a timer.
Put it into Step.run, or use Step.sleep: what is not in a step is done again after a crash, and this run holds its place until it ends.`;
  engine.logger.warn({ run: execution.id, workflow: execution.definition.name, step: execution.lastKey }, message);
  void engine.store.runs
    .note(leaseOf(execution), { code: "not_durable", message, step: execution.lastKey ?? null })
    .catch(() => {});
};

/** The body asks for something durable again: the note is taken back. */
export const clearNote = (execution: Execution): void => {
  if (!execution.noted || hasMore(execution) || isUnseen(execution)) return;
  execution.noted = false;
  void execution.engine.store.runs.note(leaseOf(execution), null).catch(() => {});
};
