/**
 * `bun run torture [suite …] [--on sqlite|postgres|mysql] [--slice] [--seed N] [--write]`: everything the core must survive, with ledgers of its own. Prints a table
 * of figures; the exit code is 0 only when no rule was broken. A suite that can is carried out on each kind of database. `--write` keeps the figures of whole suites in which nothing was broken
 * or skipped, in `figures.json` and in the page on proof.
 */
import { parseArgs } from "node:util";
import { carryOut, defaultSeed, labelOf, placesOf } from "./carry-out.ts";
import { keepFigures } from "./figures.ts";
import { kinds, type On } from "./kit/place.ts";
import { suites } from "./suites.ts";
import type { Report, Suite } from "./suite.ts";

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: {
    seed: { type: "string" },
    slice: { type: "boolean" },
    write: { type: "boolean" },
    on: { type: "string", multiple: true },
  },
});

const seed = Number(values.seed ?? defaultSeed);
if (!Number.isSafeInteger(seed)) throw new Error(`--seed takes a whole number, not ${values.seed}`);

if (values.write && (values.slice || process.env["HOLDFAST_SOAK_MINUTES"] !== undefined))
  throw new Error("--write keeps the figures of whole suites; take --slice and HOLDFAST_SOAK_MINUTES away.");

const wanted = (values.on ?? []).map(kindNamed);
const chosen = positionals.length === 0 ? suites : positionals.map(byName);

function byName(name: string): Suite {
  const found = suites.find((suite) => suite.name === name);
  if (!found) throw new Error(`There is no suite "${name}". There are: ${suites.map((suite) => suite.name).join(", ")}.`);
  return found;
}

function kindNamed(name: string): On {
  const found = kinds.find((kind) => kind === name);
  if (!found) throw new Error(`--on takes ${kinds.join(", ")}, not ${name}.`);
  return found;
}

const parts = chosen.flatMap((suite) => placesOf(suite, wanted).map((on) => ({ suite, on, label: labelOf(suite, on) })));
if (parts.length === 0) throw new Error(`None of these suites is carried out on ${wanted.join(" or ")}.`);

let broken = 0;
console.log("| suite | figures | broken rules | seconds |\n| --- | --- | ---: | ---: |");
for (const { suite, on, label } of parts) {
  const startedAt = performance.now();
  const say = (line: string): void => console.error(`  ${label}: ${line}`);
  const report = await carryOut(suite, { seed, size: values.slice ? "slice" : "whole", on, say }).catch(
    (error: unknown): Report => ({
      figures: {},
      breaches: [`the suite itself failed: ${Bun.inspect(error)}`],
    }),
  );
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
  const figures = Object.entries(report.figures).map(([what, figure]) => `${what} ${figure.toLocaleString("en-US")}`);
  console.log(`| ${label} | ${figures.join(", ")} | ${report.breaches.length} | ${seconds} |`);
  for (const why of report.skipped ?? []) console.log(`  skipped: ${why}`);
  for (const breach of report.breaches.slice(0, 20)) console.log(`  BROKEN (seed ${seed}): ${breach}`);
  broken += report.breaches.length;
  if (values.write && report.breaches.length === 0 && (report.skipped ?? []).length === 0)
    await keepFigures(label, report, { seed, seconds });
}
process.exit(broken === 0 ? 0 : 1);
