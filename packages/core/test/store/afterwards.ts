/** What is left behind by a test, and taken away after it, last first. */
import { afterEach } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const leftovers: (() => unknown)[] = [];

afterEach(async () => {
  for (const leave of leftovers.splice(0).toReversed()) await leave();
});

export const afterwards = (leave: () => unknown): void => void leftovers.push(leave);

/** A folder that goes with the test. */
export const folder = (within = tmpdir()): string => {
  const path = mkdtempSync(join(within, "holdfast-"));
  afterwards(() => rmSync(path, { recursive: true, force: true }));
  return path;
};
