/** Where everything of a point lies, and the board on which the shim writes. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

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

export type Board = { readonly calls: number; readonly struck: boolean; readonly healed: boolean; readonly failed: number };

export const boardSize = 32;

/** What the shim has written down, also when its process is dead. */
export const readBoard = (file: string): Board => {
  const [calls = 0n, struck = 0n, healed = 0n, failed = 0n] = existsSync(file)
    ? new BigInt64Array(new Uint8Array(readFileSync(file)).buffer)
    : [];
  return { calls: Number(calls), struck: struck !== 0n, healed: healed !== 0n, failed: Number(failed) };
};
