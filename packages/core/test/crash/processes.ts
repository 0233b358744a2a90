/** Real processes, and the ledger of what they did. */
import type { Subprocess } from "bun";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Runtime } from "../../src/index.ts";
import { afterwards, folder, silent } from "../kit/world.ts";
import { all, type Effect } from "./workflows.ts";

/** A process that executes runs; it ends with the test. */
export const spawnWorker = (database: string, ledger: string, lease = 30_000, crashes = 5): Subprocess => {
  const child = Bun.spawn([process.execPath, "--no-orphans", join(import.meta.dir, "worker.ts"), database, String(lease)], {
    env: { ...process.env, LEDGER: ledger, CRASHES: String(crashes) },
    stdout: "ignore",
    stderr: process.env["LOUD"] ? "inherit" : "ignore",
  });
  afterwards(() => child.kill("SIGKILL"));
  return child;
};

export const readEffects = (ledger: string): Effect[] =>
  readFileSync(ledger, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Effect);

/** A database, a ledger, and a client that only starts and reads. Without a URL it is a fresh file. */
export const scene = async (url?: string) => {
  const place = folder();
  const database = url ?? `sqlite:${join(place, "shared.db")}`;
  const ledger = join(place, "effects.jsonl");
  writeFileSync(ledger, "");
  const client = await Runtime.open({ database, workflows: all, execute: false, logger: silent });
  afterwards(() => Runtime.close(client));
  return { database, ledger, client };
};

/** Looks every few ms until something is so. */
export const until = async (what: string, isSo: () => boolean | Promise<boolean>, within = 20_000): Promise<number> => {
  const startedAt = performance.now();
  while (!(await isSo())) {
    if (performance.now() - startedAt > within) throw new Error(`${what} did not come to be within ${within} ms`);
    await Bun.sleep(5);
  }
  return performance.now() - startedAt;
};
