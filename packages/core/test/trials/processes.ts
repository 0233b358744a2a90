/** Programs of the trials, each a process, on each database. */
import type { Subprocess } from "bun";
import { join } from "node:path";
import { afterwards, folder } from "../kit/world.ts";
import * as mysql from "../store/mysql.kit.ts";
import * as postgres from "../store/postgres.kit.ts";

/** Its name, whether it is there, and a fresh one. */
export const databases = [
  ["SQLite", true, async () => `sqlite:${join(folder(), "trial.db")}`],
  ["PostgreSQL", await postgres.isThere(), postgres.freshDatabase],
  ["MySQL", await mysql.isThere(), mysql.freshDatabase],
] as const;

export type Ended = {
  readonly code: number;
  readonly signal: Subprocess["signalCode"];
  readonly out: string;
  readonly err: string;
};

/** Runs a program of this folder to its end. */
export const runProgram = async (file: string, args: readonly string[], settings: readonly string[] = []): Promise<Ended> => {
  const child = Bun.spawn([process.execPath, "--no-orphans", ...settings, join(import.meta.dir, file), ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  afterwards(() => child.kill("SIGKILL"));
  const [code, out, err] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
  return { code, signal: child.signalCode, out, err };
};
