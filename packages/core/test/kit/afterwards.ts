/** What is left behind by a test, and taken away after it, last first. */
import { onTestFinished } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const leftovers: (() => unknown)[] = [];

/** One that cannot be taken away keeps none of the others. */
const clear = async (): Promise<void> => {
  const errors: unknown[] = [];
  for (const leave of leftovers.splice(0).toReversed()) await Promise.try(leave).catch((error: unknown) => errors.push(error));
  if (errors.length > 0) throw errors[0];
};

/** Does something after the test that calls this: a disk that others use may keep a server from dropping a database for half a minute. An `afterEach` here would serve the first file that imports it, and no other. */
export const afterwards = (leave: () => unknown): void => {
  if (leftovers.length === 0) onTestFinished(clear, 120_000);
  leftovers.push(leave);
};

/** A folder that goes with the test. */
export const folder = (within = tmpdir()): string => {
  const path = mkdtempSync(join(within, "holdfast-"));
  afterwards(() => rmSync(path, { recursive: true, force: true }));
  return path;
};
