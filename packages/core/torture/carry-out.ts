/** Carries out one suite on one place: a folder for it, its seed, and everything given back afterwards. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { missing, nameOf, type On } from "./kit/place.ts";
import type { Order, Report, Suite } from "./suite.ts";

export const defaultSeed = 20_261_125;

/** Where a suite is carried out: everywhere it can be, but for what is not wanted. */
export const placesOf = ({ on = ["sqlite"] }: Suite, wanted: readonly On[]): readonly On[] =>
  on.filter((place) => wanted.length === 0 || wanted.includes(place));

/** As it is called in tables: by its name, and by its place where that is a server. */
export const labelOf = ({ name }: Pick<Suite, "name">, on: On): string => (on === "sqlite" ? name : `${name} on ${nameOf[on]}`);

export const carryOut = async (suite: Suite, order: Pick<Order, "seed" | "size" | "say" | "on">): Promise<Report> => {
  const why = suite.ownServers ? undefined : await missing(order.on);
  if (why !== undefined) return { figures: {}, breaches: [], skipped: [`nothing of it was carried out: ${why}`] };
  const folder = mkdtempSync(join(tmpdir(), `holdfast-${suite.name}-`));
  const releases: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    return await suite.run({ ...order, folder, afterwards: (release) => void releases.push(release) });
  } finally {
    for (const release of releases.toReversed()) await release();
  }
};
