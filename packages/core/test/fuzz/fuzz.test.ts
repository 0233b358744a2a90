// Random programs, random moments of death: a body that is replayed asks and sees the same, nothing recorded is done again, all end.
import fc from "fast-check";
import { expect, test } from "bun:test";
import { within } from "../kit/within.ts";
import { on } from "../kit/world.ts";
import { drive, type Breach, type Drive } from "./drive.ts";
import { computing, program, smaller, type Node } from "./program.ts";

/** Behind a server a program takes ten times as long. */
const runs = Number(process.env["HOLDFAST_FUZZ_RUNS"] ?? (on === "sqlite" ? 1_000 : 100));
const seed = Number(process.env["HOLDFAST_FUZZ_SEED"] ?? 20_261_123);
/** Programs that share a world, and its crashes. */
const together = 20;

const fuzz = (programs: ReadonlyMap<string, Node>, at: number): Promise<Drive> => within((world) => drive(world, programs, at));

/** The smallest program that still breaks a rule, tried with a few seeds each. */
const shrink = async (
  node: Node,
): Promise<{ readonly node: Node; readonly breaches: readonly Breach[]; readonly seed: number } | undefined> => {
  for (let at = seed; at < seed + 60; at++) {
    const { breaches } = await fuzz(new Map([["alone", node]]), at);
    if (breaches.length === 0) continue;
    for (const less of smaller(node)) {
      const found = await shrink(less);
      if (found) return found;
    }
    return { node, breaches, seed: at };
  }
  return undefined;
};

test(
  `${runs} random programs, seed ${seed}: HOLDFAST_FUZZ_RUNS and HOLDFAST_FUZZ_SEED choose others`,
  async () => {
    const programs = fc.sample(program, { numRuns: runs, seed });
    let begun = 0;
    for (let from = 0; from < runs; from += together) {
      const batch = new Map<string, Node>(programs.slice(from, from + together).map((node, at) => [`p${from + at}`, node]));
      const { breaches, lives } = await fuzz(batch, seed + from);
      begun += lives;
      const [first] = breaches;
      if (!first) continue;
      const node = batch.get(first.run);
      const small = node && process.env["HOLDFAST_FUZZ_SHRINK"] !== undefined ? await shrink(node) : undefined;
      console.log(`fuzz: batch from ${from} of seed ${seed}`, JSON.stringify(small ?? { breaches, node }, null, 1));
      expect({ from, breaches }).toEqual({ from, breaches: [] });
    }
    // Each program is replayed once at its end; what is more are crashes and cold wakes.
    expect(begun).toBeGreaterThan(runs * 2.5);
  },
  Math.max(60_000, runs * (on === "sqlite" ? 300 : 1_500)),
);

test(
  `${runs * 0.2} random programs whose bodies compute between their steps, seed ${seed}`,
  async () => {
    const programs = fc.sample(computing, { numRuns: runs * 0.2, seed });
    const totals = { lives: 0, crashes: 0, refused: 0, blocked: 0 };
    for (let from = 0; from < programs.length; from += together) {
      const batch = new Map<string, Node>(programs.slice(from, from + together).map((node, at) => [`p${from + at}`, node]));
      const driven = await within((world) => drive(world, batch, seed + from, { computing: true }));
      totals.lives += driven.lives;
      totals.crashes += driven.crashes;
      totals.refused += driven.refused;
      totals.blocked += driven.blocked;
      const [first] = driven.breaches;
      if (first)
        console.log(`fuzz: batch from ${from} of seed ${seed}`, JSON.stringify({ first, node: batch.get(first.run) }, null, 1));
      expect({ from, breaches: driven.breaches }).toEqual({ from, breaches: [] });
    }
    console.log("computing programs:", totals);
    expect(totals.lives).toBeGreaterThan(runs * 0.4);
    if (programs.length >= 100) expect(totals.refused).toBeGreaterThan(0);
    expect(totals.refused).toBeLessThan(runs / 8);
    // A known remainder: it is safe, and rare.
    expect(totals.blocked).toBeLessThanOrEqual(Math.ceil(runs / 100));
  },
  Math.max(120_000, runs * (on === "sqlite" ? 600 : 3_000)),
);
