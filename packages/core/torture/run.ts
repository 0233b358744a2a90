/**
 * `bun run torture [suite …] [--slice] [--seed N] [--write]`: everything the core must survive, with ledgers of its own. Prints a table
 * of figures; the exit code is 0 only when no rule was broken. `--write` keeps the figures of whole suites in which nothing was broken
 * or skipped, in `figures.json` and in the page on proof.
 */
import { parseArgs } from "node:util";
import { carryOut, defaultSeed } from "./carry-out.ts";
import { keepFigures } from "./figures.ts";
import { suites } from "./suites.ts";
import type { Report, Suite } from "./suite.ts";

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: { seed: { type: "string" }, slice: { type: "boolean" }, write: { type: "boolean" } },
});

const seed = Number(values.seed ?? defaultSeed);
if (!Number.isSafeInteger(seed)) throw new Error(`--seed takes a whole number, not ${values.seed}`);

if (values.write && (values.slice || process.env["HOLDFAST_SOAK_MINUTES"] !== undefined))
  throw new Error("--write keeps the figures of whole suites; take --slice and HOLDFAST_SOAK_MINUTES away.");

const chosen = positionals.length === 0 ? suites : positionals.map(byName);

function byName(name: string): Suite {
  const found = suites.find((suite) => suite.name === name);
  if (!found) throw new Error(`There is no suite "${name}". There are: ${suites.map((suite) => suite.name).join(", ")}.`);
  return found;
}

let broken = 0;
console.log("| suite | figures | broken rules | seconds |\n| --- | --- | ---: | ---: |");
for (const suite of chosen) {
  const startedAt = performance.now();
  const say = (line: string): void => console.error(`  ${suite.name}: ${line}`);
  const report = await carryOut(suite, { seed, size: values.slice ? "slice" : "whole", say }).catch((error: unknown): Report => ({
    figures: {},
    breaches: [`the suite itself failed: ${Bun.inspect(error)}`],
  }));
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
  const figures = Object.entries(report.figures).map(([what, figure]) => `${what} ${figure.toLocaleString("en-US")}`);
  console.log(`| ${suite.name} | ${figures.join(", ")} | ${report.breaches.length} | ${seconds} |`);
  for (const why of report.skipped ?? []) console.log(`  skipped: ${why}`);
  for (const breach of report.breaches.slice(0, 20)) console.log(`  BROKEN (seed ${seed}): ${breach}`);
  broken += report.breaches.length;
  if (values.write && report.breaches.length === 0 && (report.skipped ?? []).length === 0)
    await keepFigures(suite, report, { seed, seconds });
}
process.exit(broken === 0 ? 0 : 1);
