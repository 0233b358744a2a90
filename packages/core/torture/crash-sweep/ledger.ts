/** The ledgers of the sweep: files that only grow, kept by the process that dies and read by the one that judges. */
import { existsSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";

/** A function of a step began. `key` is its key for the outside. */
export type Effect = { readonly key: string; readonly attempt: number; readonly at: number };

/** The client heard that something is kept. `duringFault` when it was both asked for and granted while no write could succeed. */
export type Ack = { readonly what: string; readonly value?: unknown; readonly duringFault?: boolean };

/** Where everything of one point lies. */
export const placesOf = (folder: string) => ({
  database: join(folder, "sweep.db"),
  effects: join(folder, "effects.jsonl"),
  acks: join(folder, "acks.jsonl"),
  complaints: join(folder, "complaints.jsonl"),
  board: join(folder, "board"),
  mended: join(folder, "mended"),
});

const opened = new Map<string, number>();

/** Opens a ledger for `write`, ahead of the moment at which there may be no descriptor for it. */
export const prepare = (file: string): number => {
  const fd = opened.get(file) ?? openSync(file, "a");
  opened.set(file, fd);
  return fd;
};

/** Adds a line, at once: whatever becomes of the process, the line is there. */
export const write = (file: string, line: unknown): void => void writeSync(prepare(file), `${JSON.stringify(line)}\n`);

export const readAll = <Line>(file: string): Line[] =>
  existsSync(file)
    ? readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Line)
    : [];

export type Board = { readonly calls: number; readonly struck: boolean; readonly healed: boolean; readonly failed: number };

export const boardSize = 32;

/** What the shim has written down, also when its process is dead. */
export const readBoard = (file: string): Board => {
  const [calls = 0n, struck = 0n, healed = 0n, failed = 0n] = existsSync(file)
    ? new BigInt64Array(new Uint8Array(readFileSync(file)).buffer)
    : [];
  return { calls: Number(calls), struck: struck !== 0n, healed: healed !== 0n, failed: Number(failed) };
};
