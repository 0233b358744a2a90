/** What is left behind by a test, and taken away after it, last first. */
import { onTestFinished } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const leftovers: (() => unknown)[] = [];

const clear = async (): Promise<void> => {
  for (const leave of leftovers.splice(0).toReversed()) await leave();
};

/** Does something after the test that calls this. An `afterEach` here would serve the first file that imports it, and no other. */
export const afterwards = (leave: () => unknown): void => {
  if (leftovers.length === 0) onTestFinished(clear);
  leftovers.push(leave);
};

/** A folder that goes with the test. */
export const folder = (within = tmpdir()): string => {
  const path = mkdtempSync(join(within, "holdfast-"));
  afterwards(() => rmSync(path, { recursive: true, force: true }));
  return path;
};
