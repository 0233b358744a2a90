/** The copies that people take of a database while it is written: a proper one, and one of the file alone, without its WAL. */
import { Database } from "bun:sqlite";
import * as Ledger from "../kit/ledger.ts";
import type { Line } from "../kit/orders.ts";

export type Copy = {
  readonly kind: "backup" | "file alone";
  readonly file: string;
  readonly name: string;
  /** What had been acknowledged before the copy was begun. */
  readonly acknowledged: readonly Line[];
};

const open = (file: string): Database => {
  const database = new Database(file, { create: false, readwrite: true });
  database.run("PRAGMA busy_timeout = 10000");
  return database;
};

/** As the documentation says it: `VACUUM INTO`, from a connection of its own, while everything runs. */
export const backUp = (file: string, to: string, name: string, ledger: string): Copy => {
  const acknowledged = Ledger.read<Line>(ledger);
  const database = open(file);
  try {
    database.run("VACUUM INTO ?", [to]);
  } finally {
    database.close();
  }
  return { kind: "backup", file: to, name, acknowledged };
};

/** As the documentation forbids it: by `cp`, in a process of its own, and without the WAL. */
export const copyAlone = (file: string, to: string, name: string, ledger: string): Copy => {
  const acknowledged = Ledger.read<Line>(ledger);
  const database = open(file);
  try {
    database.run("PRAGMA wal_checkpoint(PASSIVE)"); // So that there is something in the file.
  } finally {
    database.close();
  }
  const { exitCode } = Bun.spawnSync(["cp", file, to]);
  if (exitCode !== 0) throw new Error(`cp ended with ${exitCode}`);
  return { kind: "file alone", file: to, name, acknowledged };
};
