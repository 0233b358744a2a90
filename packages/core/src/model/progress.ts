/** Where a run stands, told from its history: for people who look at it. */
import { isNote, isResult, type Row } from "./records.ts";

export type Pending = {
  readonly key: string;
  readonly kind: "running" | "retrying" | "sleeping" | "waiting" | "calling";
  readonly attempt: number | null;
  readonly until: number | null;
};

export type Progress = {
  /** Results recorded so far: steps, timers, signals and children. */
  readonly done: number;
  /** The key of the last of them. */
  readonly last: string | null;
  /** What has begun and has no result yet, as far as it is recorded: a step shows once it has run for a second. `until` is a moment in ms. */
  readonly pending: readonly Pending[];
};

const kinds = {
  running: "running",
  attempt: "retrying",
  "undo-attempt": "retrying",
  timer: "sleeping",
  waiting: "waiting",
  calling: "calling",
} as const;

export const progressOf = (rows: readonly Row[]): Progress => {
  const pending = new Map<string, Pending>();
  // A result that a retry kept is there once more when the body has asked for it.
  const done = new Set<string>();
  let last: string | null = null;
  for (const row of rows) {
    if (row.key === null) continue;
    const kind = row.kind in kinds ? kinds[row.kind as keyof typeof kinds] : undefined;
    if (kind) pending.set(row.key, { key: row.key, kind, attempt: kind === "calling" ? null : row.attempt, until: row.due });
    else if (isResult(row.kind) && !isNote(row.kind)) {
      pending.delete(row.key);
      done.add(row.key);
      last = row.key;
    }
  }
  return { done: done.size, last, pending: [...pending.values()] };
};
