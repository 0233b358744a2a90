/** Carries out one suite: a folder for it, its seed, and everything given back afterwards. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Order, Report, Suite } from "./suite.ts";

export const defaultSeed = 20_261_125;

export const carryOut = async (suite: Suite, order: Pick<Order, "seed" | "size" | "say">): Promise<Report> => {
  const folder = mkdtempSync(join(tmpdir(), `holdfast-${suite.name}-`));
  const releases: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    return await suite.run({ ...order, folder, afterwards: (release) => void releases.push(release) });
  } finally {
    for (const release of releases.toReversed()) await release();
  }
};
