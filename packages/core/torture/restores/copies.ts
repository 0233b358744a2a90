/** The copies that people take of a database while it is written: proper ones, by SQLite and by Holdfast, and one of the file alone, without its WAL. */
import { Database as Sqlite } from "bun:sqlite";
import { Database, Runtime } from "../../src/index.ts";
import * as Ledger from "../kit/ledger.ts";
import { all, type Line } from "../kit/orders.ts";
import { silent } from "../../test/kit/silent.ts";

export type Copy = {
  readonly kind: "backup" | "file alone";
  readonly file: string;
  readonly name: string;
  /** What had been acknowledged before the copy was begun. */
  readonly acknowledged: readonly Line[];
};

const open = (file: string): Sqlite => {
  const database = new Sqlite(file, { create: false, readwrite: true });
  database.run("PRAGMA busy_timeout = 10000");
  return database;
};

/** Makes a copy of a file under another name. */
export type Way = (file: string, to: string, name: string, ledger: string) => Promise<Copy>;

/** As the documentation says it: `Database.backup`, by a process that has it open, and then `Database.restore`. */
export const keep: Way = async (file, to, name, ledger) => {
  const acknowledged = Ledger.read<Line>(ledger);
  const runtime = await Runtime.open({ database: `sqlite:${file}`, workflows: all, execute: false, logger: silent });
  try {
    await Database.backup(runtime, `${to}.backup`);
  } finally {
    await Runtime.close(runtime);
  }
  await Database.restore(`${to}.backup`, `sqlite:${to}`);
  return { kind: "backup", file: to, name, acknowledged };
};

/** As one may do it oneself: `VACUUM INTO`, from a connection of its own, while everything runs. */
export const backUp: Way = async (file, to, name, ledger) => {
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
export const copyAlone: Way = async (file, to, name, ledger) => {
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
