/**
 * The records of a history. Some are delivered to the body (a step's result, a timer that fired); the others are notes that
 * tell the next worker how far an operation has come (an attempt that failed, a timer that is set).
 */

/** What the body asked for. Every record but the first, the last and `cancel` belongs to one operation. */
export type OperationKind = "step" | "sleep" | "wait" | "call" | "start" | "undo";

const belongsTo = {
  // delivered
  step: "step",
  "step-failed": "step",
  fired: "sleep",
  taken: "wait",
  expired: "wait",
  called: "call",
  "call-failed": "call",
  spawned: "start",
  "spawn-failed": "start",
  // notes
  attempt: "step",
  running: "step",
  timer: "sleep",
  waiting: "wait",
  calling: "call",
  spawning: "start",
  // clean-up
  undone: "undo",
  "undo-failed": "undo",
  "undo-attempt": "undo",
} as const satisfies Record<string, OperationKind>;

export type OperationRecord = keyof typeof belongsTo;
export type RunRecord =
  | "started"
  | "cancel"
  | "patched"
  | "redo"
  /** The body asked for an operation after work that is not durable; its place in the code is in `value`. */
  | "asked"
  /** What `Context.now` answered after such work. */
  | "drawn"
  /** The records before it were copied from another run. */
  | "forked"
  | "completed"
  | "failed"
  | "cancelled";
export type RecordKind = OperationRecord | RunRecord;

/**
 * A record of a history. `issued` is the seq that the body had seen when it asked; `due` a moment in ms; `value` encoded. A record whose
 * `issued` is below zero is loose: a retry kept it, the body gets it when it asks for its key, and its seq says nothing about when.
 */
export type Row = {
  readonly seq: number;
  readonly kind: RecordKind;
  readonly key: string | null;
  readonly value: string | null;
  readonly attempt: number | null;
  readonly issued: number;
  readonly due: number | null;
  readonly at: number;
};

const notes: ReadonlySet<RecordKind> = new Set([
  "attempt",
  "running",
  "timer",
  "waiting",
  "calling",
  "spawning",
  "undo-attempt",
  "patched",
  "redo",
  "asked",
  "drawn",
  "forked",
]);

/** True for a record that tells how far something has come and is never handed to the body. */
export const isNote = (kind: RecordKind): boolean => notes.has(kind);

/** The kind of operation that a record answers, or undefined for a record of the run itself. */
export const operationOf = (kind: RecordKind): OperationKind | undefined =>
  (belongsTo as Partial<Record<RecordKind, OperationKind>>)[kind];

/** True for a record that says a step, wait or child is at its end. */
export const isResult = (kind: RecordKind): boolean => operationOf(kind) !== undefined && !isNote(kind);

/** The rules by which new histories are written; the `started` record keeps it in `attempt`. Null there means the first rules. */
export const currentRules = 2;

/**
 * 1: one source of random numbers for a run, and one `now`.
 * 2: each strand of the body draws for itself, and an operation that was asked for after work which is not durable has an `asked` note.
 */
export type Rules = 1 | 2;

/** True for a result that has no place in the order. */
export const isLoose = ({ issued }: Row): boolean => issued < 0;

/** Without loose results that the body has asked for since: they have their place again. */
export const withoutRecalled = (rows: readonly Row[]): readonly Row[] => {
  if (!rows.some(isLoose)) return rows;
  const placed = new Set(rows.filter((row) => !isLoose(row) && isResult(row.kind)).map(({ key }) => key));
  return rows.filter((row) => !isLoose(row) || !placed.has(row.key));
};

/** The same result without a place in the order. */
export const loosened = (row: Row): Row => ({ ...row, issued: -1 });
