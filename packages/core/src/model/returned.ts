/** The messages that come back to the mailbox when the records that took them are forgotten. */
import { decode } from "./codec.ts";
import type { Row } from "./records.ts";

/** A message that was taken. `seq` is the record that took it; null where an older release did. */
type Taken = { readonly key: number; readonly name: string; readonly takenAt: number; readonly seq: number | null };

export type Returned = { readonly signal: number; readonly seq: number };

/**
 * Which message each of these records took. A message that an older release took does not say; it was taken in the moment of its record,
 * and those of one name in the order in which they were sent.
 */
export const returned = (forgotten: readonly Row[], rows: readonly Row[], taken: readonly Taken[]): Returned[] => {
  const left = new Set(taken);
  const take = (one: Taken | undefined, row: Row): Returned[] => {
    if (!one) return [];
    left.delete(one);
    return [{ signal: one.key, seq: row.seq }];
  };
  // Records that stay have their messages, those of an older release too.
  const old = rows.filter((row) => row.kind === "taken" && !taken.some(({ seq }) => seq === row.seq));
  const forgottenSeqs = new Set(forgotten.map(({ seq }) => seq));
  const known = forgotten.flatMap((row) =>
    take(
      taken.find(({ seq }) => seq === row.seq),
      row,
    ),
  );
  const guessed = old.flatMap((row) => {
    const then = [...left].filter(({ seq, takenAt }) => seq === null && takenAt === row.at);
    const name = signalOf(row, rows);
    return take(then.find((one) => one.name === name) ?? then[0], row);
  });
  return [...known, ...guessed.filter(({ seq }) => forgottenSeqs.has(seq))];
};

/** The signal that a wait asked for: its note says, or its key, which is the signal's name where nothing else was given. */
const signalOf = (row: Row, rows: readonly Row[]): string => {
  const note = rows.find(({ kind, key }) => kind === "waiting" && key === row.key);
  if (note) return String(decode(note.value));
  return (row.key ?? "").replace(/^.*\//s, "").replace(/#\d+$/, "");
};
