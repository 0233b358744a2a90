/** A history and a body that do not meet, and bodies that wait for something nobody can see. */
import type { Row } from "../model/records.ts";
import { kindOfRow } from "../model/places.ts";
import { missingBefore } from "./asking.ts";
import { end } from "./begin.ts";
import { isSettled } from "./deliver.ts";
import { fromError } from "../model/failure.ts";
import { refuseUnrecorded } from "./children.ts";
import { isAlive, hasMore, type Delivery, type Execution } from "./execution.ts";
import type { Operation } from "./operation.ts";
import { letGo, putAside } from "./park.ts";
import { noteRefusal } from "./asked.ts";
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
  if (execution.refused !== undefined) return putRefusedAside(execution);
  if (execution.engine.closing) return letGo(execution, "queued");
  if (swallows(execution)) return giveUp(execution);
  if (isUnseen(execution)) return watchUnseen(execution);
  const missing = missingBefore(execution, next.row);
  if (!missing && !isSettled(execution, next.row)) return;
  if (execution.outcome !== undefined && !isNoted(execution, missing)) return block(execution, next);
  if (execution.stalled === next) return;
  execution.stalled = next;
  const { engine } = execution;
  engine.clock.after(stallPatience(execution), () => {
    if (isAlive(execution) && execution.inbox[execution.cursor] === next) block(execution, next);
  });
};

/** True for something that the body asked for after work that is not durable: it may still come. */
const isNoted = ({ recorded: { reserved } }: Execution, missing: Row | undefined): boolean =>
  missing?.kind === "drawn" || reserved.has(missing?.key ?? "");

/** Longer where the body asked in the recorded run after work that is not durable: by how long that took, with a slow machine in mind. */
const stallPatience = ({ engine, recorded: { places, draws } }: Execution): number => {
  let longest = 0;
  for (const { noted } of places?.values() ?? []) longest = Math.max(longest, noted.took);
  return places === undefined && draws === undefined
    ? engine.settings.patience
    : Math.max(10 * engine.settings.patience, 20 * longest);
};

/** Nothing has been done, and nothing will be: the run waits for code that fits. */
const block = (execution: Execution, next: Delivery): void => {
  if (refuseUnrecorded(execution)) return;
  if (execution.cancelAsked !== undefined && !execution.timedOut) return cancelUnfit(execution);
  const row = missingBefore(execution, next.row) ?? next.row;
  const was = describeRow(row);
  const is = describeBody(execution);
  putAside(execution, "blocked", {
    code: "history_mismatch",
    message: `Run ${execution.id} of "${execution.definition.name}" version ${execution.definition.version} recorded ${was} at seq ${row.seq}, and the code now ${is}${describeThrown(execution)}.
Give the new step a new name, guard it with Context.patched, or start a new version; then deploy. Nothing was done and nothing is lost.`,
    was,
    is,
    seq: row.seq,
  });
};

/** What the body asked for cannot be told apart: functions under way finish and are recorded, nothing new starts, then the run is blocked. */
export const putRefusedAside = (execution: Execution): void => {
  const { refused } = execution;
  const isReading = execution.mailbox.reading > 0 && execution.mailbox.found === undefined;
  if (!refused || execution.flights > 0 || isReading) return;
  if (refused.place) noteRefusal(execution, refused.place);
  if (execution.cancelAsked !== undefined && !execution.timedOut) return cancelUnfit(execution);
  putAside(execution, "blocked", refused.reason);
};

const describeRow = (row: Row): string => `${kindOfRow(row) ?? row.kind} "${row.key ?? ""}"`;

const describeBody = (execution: Execution): string => {
  if (execution.outcome !== undefined) return execution.outcome.kind === "returned" ? "ends here" : "throws here";
  const recorded = new Set(execution.recorded.askOrder.map(({ key }) => key));
  const open = openOperations(execution);
  const others = open.filter(({ key }) => !recorded.has(key));
  const asked = (others.length > 0 ? others : open).map(
    ({ kind, key, place }) => `${kind} "${key.startsWith("\0") ? place?.path : key}"`,
  );
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
