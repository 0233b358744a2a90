/** The records that stay when a failed run goes on, and when a run is forked. */
import { areApart } from "./apart.ts";
import { culprits, failures, isHandled } from "./culprits.ts";
import type { Failure } from "./failure.ts";
import { isLoose, isResult, loosened, type Row } from "./records.ts";

export type Plan = {
  /** The seqs to forget. */
  readonly drop: readonly number[];
  /** Results that stay, and that no longer have a place in the order: the body gets each when it asks for it. */
  readonly loose: readonly Row[];
  /** Steps that were undone and are done anew, under another key for the outside. */
  readonly redo: readonly string[];
  /** The failed steps and children that are tried again. */
  readonly retried: readonly Row[];
  /** Notes of children that the body asks for again, unless a step that is done anew answers otherwise. */
  readonly asked: readonly Row[];
};

/** What the body gets another answer to. Everything that it asked for after it had seen the old one goes with it. */
type Change = { readonly seq: number; readonly key: string | null };

const ends = new Set<Row["kind"]>(["completed", "failed", "cancelled"]);
const undoing = new Set<Row["kind"]>(["undone", "undo-failed", "undo-attempt"]);
const ofSteps = new Set<Row["kind"]>(["step", "attempt", "running"]);
const ofChildren = new Set<Row["kind"]>(["calling", "spawning"]);

const keyBeforeUndo = (row: Row): string => (row.key ?? "").replace(/^undo:/, "");

/**
 * A failed run goes on from where it failed: its failed steps are tried again, and what the body asked for after it saw such a failure is
 * forgotten. A step that was undone is forgotten with its notes and everything that followed from it. Branches beside a failed one
 * keep what they have.
 */
export const reopening = (rows: readonly Row[], failure: Failure | null, failureOf: (row: Row) => Failure): Plan => {
  const ordered = rows.filter((row) => !isLoose(row));
  const undone = new Set(rows.filter((row) => row.kind === "undone").map(keyBeforeUndo));
  const fixed = ordered.filter((row) => row.kind === "cancel" || (row.kind === "step" && undone.has(row.key ?? "")));
  const retried = withFollowing(ordered, fixed, culprits(ordered, failure, failureOf));
  const changes = [...fixed, ...retried];
  const again = new Set(retried.map(({ key }) => key));
  const isForgotten = (row: Row): boolean =>
    ends.has(row.kind) ||
    undoing.has(row.kind) ||
    row.kind === "cancel" ||
    (ofSteps.has(row.kind) && undone.has(row.key ?? "")) ||
    retried.includes(row) ||
    (ofSteps.has(row.kind) && again.has(row.key)) ||
    follows(row, changes);
  const forgotten = new Set(ordered.filter(isForgotten));
  const displaced = ordered.filter((row) => row.seq > 0 && !forgotten.has(row) && isDisplaced(row, changes));
  const loose = displaced.filter(({ kind }) => isResult(kind));
  const worn = rows.filter((row) => isLoose(row) && isWorn(row, ordered, changes));
  return {
    drop: [...forgotten, ...displaced, ...worn].map(({ seq }) => seq),
    loose: loose.map(loosened),
    redo: [...undone],
    retried,
    asked: ordered.filter((row) => ofChildren.has(row.kind) && !follows(row, retried)),
  };
};

/** True when the body asked for it after it had seen what is another now. */
const follows = (row: Row, changes: readonly Change[]): boolean =>
  row.seq > 0 && changes.some(({ seq, key }) => row.issued >= seq && !areApart(row.key, key));

/** True when the body had seen more when it asked for it than it will have seen by then. */
const isDisplaced = (row: Row, changes: readonly Change[]): boolean => changes.some(({ seq }) => row.issued >= seq);

/** A loose result that the body has asked for meanwhile has its place again. One that may depend on a change is no longer sure. */
const isWorn = (row: Row, ordered: readonly Row[], changes: readonly Change[]): boolean =>
  ordered.some(({ kind, key }) => key === row.key && isResult(kind)) ||
  changes.some(({ key }) => key !== null && !areApart(row.key, key));

/** With the first of them, all failures behind it are tried again that the body has not gone on from by something that stays. */
const withFollowing = (rows: readonly Row[], fixed: readonly Change[], first: readonly Row[]): readonly Row[] => {
  const retried = [...first];
  const from = Math.min(...[...fixed, ...first].map(({ seq }) => seq));
  for (let before = -1; before < retried.length;) {
    before = retried.length;
    const changes = [...fixed, ...retried];
    const staying = rows.filter((row) => !follows(row, changes));
    for (const row of staying)
      if (failures.has(row.kind) && row.seq >= from && !retried.includes(row) && !isHandled(staying, row)) retried.push(row);
  }
  return retried;
};

/** Only the undos that failed are tried again: the run itself is at its end. */
export const failedUndos = (rows: readonly Row[]): readonly Row[] => rows.filter((row) => row.kind === "undo-failed");

/**
 * The records a fork begins with: everything before the result of the step it goes on from, a cancel too that the body saw before and went on after: the body
 * walks the same way again. Undefined when there is no such step.
 */
export const forkRows = (all: readonly Row[], from: string): readonly Row[] | undefined => {
  const rows = all.filter((row) => !isLoose(row));
  const at = rows.find((row) => row.key === from && row.seq > 0);
  if (!at) return undefined;
  const result =
    rows.find(
      (row) => row.key === from && !["attempt", "running", "timer", "waiting", "calling", "asked", "drawn"].includes(row.kind),
    ) ?? at;
  return rows.filter((row) => row.seq > 0 && row.seq < result.seq && row.key !== from && !ends.has(row.kind));
};
