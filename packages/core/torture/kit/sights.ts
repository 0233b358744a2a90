/**
 * The ledger of sights: a body or a function writes down what it must never see. It lies beside the ledger of effects, outside of the processes that die.
 *
 *   swapped    a branch was given the result of another branch
 *   redrawn    a draw of the body differs from the one that its step's function was given
 *   leaked     code of a run saw an async context that it had not entered itself, or lost its own
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { Context } from "../../src/index.ts";

const kinds = ["swapped", "redrawn", "leaked"] as const;
type What = (typeof kinds)[number];

type Sight = { readonly what: What; readonly run: string; readonly told: string };

const fileOf = (ledger: string): string => `${ledger}.sights`;

let left = 1_000;

/** Writes down a sight. A process that sees the same over and over stops at a thousand. */
export const sight = (ctx: Context.Context, what: What, told: string): void => {
  const ledger = process.env["LEDGER"];
  if (ledger === undefined) throw new Error("The environment variable LEDGER names the ledger.");
  if (left-- > 0) appendFileSync(fileOf(ledger), `\n${JSON.stringify({ what, run: Context.id(ctx), told } satisfies Sight)}\n`);
};

export type Sights = { readonly figures: Readonly<Record<What, number>>; readonly breaches: readonly string[] };

/** All sights of these ledgers: there must be none. */
export const judgeSights = (...ledgers: readonly string[]): Sights => {
  const lines = ledgers.map(fileOf).flatMap((file) => (existsSync(file) ? readFileSync(file, "utf8").split("\n") : []));
  // A kill may tear a line.
  const seen = lines.filter((line) => line.endsWith("}")).map((line) => JSON.parse(line) as Sight);
  const of = (kind: What): readonly Sight[] => seen.filter(({ what }) => what === kind);
  return {
    figures: { swapped: of("swapped").length, redrawn: of("redrawn").length, leaked: of("leaked").length },
    breaches: kinds.flatMap((kind) =>
      of(kind)
        .slice(0, 5)
        .map(({ what, run, told }) => `${what}: run ${run}: ${told}`),
    ),
  };
};
