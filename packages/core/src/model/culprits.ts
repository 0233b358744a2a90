/** The failed steps and children that a run's end may have come from: the ones that `Run.retry` tries again. */
import { areApart } from "./apart.ts";
import type { Cause, Failure } from "./failure.ts";
import type { Row } from "./records.ts";

type Read = (row: Row) => Failure;

export const failures: ReadonlySet<Row["kind"]> = new Set(["step-failed", "call-failed", "spawn-failed"]);

const effects: ReadonlySet<Row["kind"]> = new Set(["step", "called", "spawned"]);
const progress: ReadonlySet<Row["kind"]> = new Set(["step", "called", "spawned", "taken", "fired", "expired"]);

/** True when the body asked for something that came to a result after it had seen the failure, outside of branches beside it. */
export const isHandled = (rows: readonly Row[], failed: Row, kinds = progress): boolean =>
  rows.some((row) => row.issued >= failed.seq && kinds.has(row.kind) && !areApart(row.key, failed.key));

/**
 * The failures that brought the run down, by the first evidence there is:
 *
 * 1. the run's own error is one of them, or holds it: as a cause, among its `errors`, or in a field;
 * 2. nothing that came to a result followed from it;
 * 3. the text of the run's error says its message;
 * 4. nothing but timers and messages followed from it.
 *
 * A run that was cancelled came to its end by that, unless its error says otherwise.
 */
export const culprits = (rows: readonly Row[], failure: Failure | null, failureOf: Read): readonly Row[] => {
  const failed = rows.filter(({ kind }) => failures.has(kind));
  const open = failed.filter((row) => !isHandled(rows, row));
  const named = namedBy(failure, failed, open, failureOf);
  if (named.length > 0) return [...new Set([...named, ...besides(named, open)])];
  if (rows.some(({ kind }) => kind === "cancel")) return [];
  if (open.length > 0) return open;
  const worded = failed.filter((row) => says(failure, failureOf(row).message));
  if (worded.length > 0) return worded;
  return failed.filter((row) => !isHandled(rows, row, effects));
};

/** Open failures that the body had not seen yet when it asked for one of these, or that are in a branch beside it. */
const besides = (named: readonly Row[], open: readonly Row[]): Row[] =>
  open.filter((row) => named.some(({ issued, key }) => issued < row.seq || areApart(key, row.key)));

/** How a failure is known again: by all there is of it, by its name and message, by what caused it. */
const levels: readonly ((failure: Failure) => readonly string[])[] = [
  (failure) => [JSON.stringify([failure.name, failure.message, failure.stack])],
  (failure) => [wordsOf(failure)],
  (failure) => causesOf(failure).map(wordsOf),
];

const wordsOf = ({ name, message }: Failure): string => JSON.stringify([name, message]);

const namedBy = (failure: Failure | null, failed: readonly Row[], open: readonly Row[], failureOf: Read): Row[] => {
  if (failure === null || failed.length === 0) return [];
  for (const [level, signs] of levels.entries()) {
    const known = level === 2 ? wordsOf : (each: Failure): string => signs(each)[0] ?? "";
    const found = [...timesOf(failure, known)].flatMap(([sign, times]) => {
      const same = failed.filter((row) => signs(failureOf(row)).includes(sign));
      const unseen = same.filter((row) => open.includes(row));
      // Of several that look the same, those that the body has not dealt with; else the newest, as many as are held.
      return unseen.length > 0 ? unseen : same.slice(-times);
    });
    if (found.length > 0) return found;
  }
  return [];
};

/** Each failure in an error, with how often one list of it holds it. */
const timesOf = (failure: Failure, known: (failure: Failure) => string): Map<string, number> => {
  const times = new Map<string, number>();
  for (const list of listsIn(failure)) {
    const here = Map.groupBy(list, known);
    for (const [sign, same] of here) times.set(sign, Math.max(times.get(sign) ?? 0, same.length));
  }
  return times;
};

/** The error itself, its cause, each list of its errors, and the same of these. */
const listsIn = (failure: Failure): Failure[][] => {
  const lists: Failure[][] = [[failure]];
  for (const at of lists)
    for (const { cause, errors = {} } of at)
      for (const held of [cause ?? [], ...Object.values(errors)]) {
        const list = [held].flat().flatMap((each: Cause) => ("failure" in each ? [each.failure] : []));
        if (list.length > 0) lists.push(list);
      }
  return lists;
};

const causesOf = (failure: Failure): Failure[] => {
  const causes: Failure[] = [];
  for (let at = failure.cause; at && "failure" in at; at = at.failure.cause) causes.push(at.failure);
  return causes;
};

/** A shorter text may be part of any sentence. */
const shortest = 4;

/** True when the text of an error, or of one that it holds, has these words in it. */
const says = (failure: Failure | null, message: string): boolean => {
  if (failure === null || message.trim().length < shortest) return false;
  const words = new RegExp(`(?<![\\p{L}\\p{N}])${RegExp.escape(message)}(?![\\p{L}\\p{N}])`, "u");
  return listsIn(failure).some((list) => list.some((each) => words.test(each.message)));
};
