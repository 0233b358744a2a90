/** Which records stay when a failed run goes on, and when a run is forked: what the body had seen by then, and nothing it saw after. */
import type { Failure } from "./failure.ts";
import type { Row } from "./records.ts";

export type Reopening = {
  /** The seqs to forget. */
  readonly drop: readonly number[];
  /** Steps that were undone and are done anew, under another key for the outside. */
  readonly redo: readonly string[];
};

const ends = new Set<Row["kind"]>(["completed", "failed", "cancelled"]);
const failures = new Set<Row["kind"]>(["step-failed", "call-failed", "spawn-failed"]);
const undoing = new Set<Row["kind"]>(["undone", "undo-failed", "undo-attempt"]);
const ofSteps = new Set<Row["kind"]>(["step", "attempt", "running"]);

const keyBeforeUndo = (row: Row): string => (row.key ?? "").replace(/^undo:/, "");

/** The failed step or child that brought the run down: the newest whose failure is the run's, or what the run's failure was caused by. */
const culprit = (rows: readonly Row[], failure: Failure | null, failureOf: (row: Row) => Failure): Row | undefined => {
  const chain: Failure[] = [];
  for (
    let at: Failure | undefined = failure ?? undefined;
    at;
    at = at.cause && "failure" in at.cause ? at.cause.failure : undefined
  )
    chain.push(at);
  return rows.findLast((row) => {
    if (!failures.has(row.kind)) return false;
    const own = failureOf(row);
    return chain.some((link) => link.message === own.message && link.name === own.name);
  });
};

/**
 * A failed run goes on from where it failed. Its failed step is tried again; everything the body asked for after it saw that
 * failure is forgotten. A step that was undone is forgotten with its notes and everything that followed from it.
 */
export const reopening = (rows: readonly Row[], failure: Failure | null, failureOf: (row: Row) => Failure): Reopening => {
  const undone = new Set(rows.filter((row) => row.kind === "undone").map(keyBeforeUndo));
  const failed = culprit(rows, failure, failureOf);
  const earliest = rows.find((row) => row.kind === "step" && undone.has(row.key ?? ""));
  const cancel = rows.find((row) => row.kind === "cancel");
  const from = Math.min(failed?.seq ?? Infinity, earliest?.seq ?? Infinity, cancel?.seq ?? Infinity);
  const isForgotten = (row: Row): boolean =>
    ends.has(row.kind) ||
    undoing.has(row.kind) ||
    row.kind === "cancel" ||
    (ofSteps.has(row.kind) && undone.has(row.key ?? "")) ||
    (row.seq >= from && failures.has(row.kind)) ||
    (row.seq > 0 && row.issued >= from);
  const drop = rows.filter(isForgotten).map(({ seq }) => seq);
  const gone = new Set(drop);
  const notes = rows
    .filter((row) => !gone.has(row.seq) && failed !== undefined && row.key === failed.key && row.kind === "attempt")
    .map(({ seq }) => seq);
  return { drop: [...drop, ...notes], redo: [...undone] };
};

/** Only the undos that failed are tried again: the run itself is at its end. */
export const failedUndos = (rows: readonly Row[]): readonly Row[] => rows.filter((row) => row.kind === "undo-failed");

/**
 * The records a fork begins with: everything before the result of the step it goes on from, a cancel too that the body saw before and went on after: the body
 * walks the same way again. Undefined when there is no such step.
 */
export const forkRows = (rows: readonly Row[], from: string): readonly Row[] | undefined => {
  const at = rows.find((row) => row.key === from && row.seq > 0);
  if (!at) return undefined;
  const result =
    rows.find(
      (row) => row.key === from && !["attempt", "running", "timer", "waiting", "calling", "asked", "drawn"].includes(row.kind),
    ) ?? at;
  return rows.filter((row) => row.seq > 0 && row.seq < result.seq && row.key !== from && !ends.has(row.kind));
};
