/** A ledger: an append-only file of lines, kept outside of everything that dies. A line that was written is there, whoever is killed after it. */
import { appendFileSync, existsSync, readFileSync } from "node:fs";

export const write = (ledger: string, line: object): void => appendFileSync(ledger, `${JSON.stringify(line)}\n`);

/** The lines in the order in which they were written. */
export const read = <Line>(ledger: string): Line[] =>
  existsSync(ledger)
    ? readFileSync(ledger, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Line)
    : [];
