/** A ledger: an append-only file of lines, kept outside of everything that dies. A line that was written is there, whoever is killed after it. */
import { appendFileSync, existsSync, openSync, readFileSync } from "node:fs";

/** A function of a step began. `key` is its key for the outside. */
export type Effect = { readonly key: string; readonly attempt: number; readonly at: number };

const held = new Map<string, number>();

/** Opens a ledger and keeps it open, ahead of the moment at which there may be no descriptor for it. */
export const hold = (ledger: string): void => void held.set(ledger, openSync(ledger, "a"));

/** A line of its own, whatever stands before it: a kill may tear a line. */
export const write = (ledger: string, line: object): void =>
  appendFileSync(held.get(ledger) ?? ledger, `\n${JSON.stringify(line)}\n`);

/** The lines in the order in which they were written, without torn ones: such a line is torn by a kill, or is being written. */
export const read = <Line>(ledger: string): Line[] =>
  existsSync(ledger)
    ? readFileSync(ledger, "utf8")
        .split("\n")
        .filter((line) => line.endsWith("}"))
        .map((line) => JSON.parse(line) as Line)
    : [];
