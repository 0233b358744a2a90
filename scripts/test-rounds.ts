// `bun run test:20`: the whole suite, round after round, to find tests that pass only mostly. A round that failed shows its output.
import { closingLine, runSuite, sum } from "./suite.ts";
import type { Tally } from "./suite.ts";

const rounds = Number(process.argv[2] ?? 20);
const columns = (...cells: readonly (string | number)[]) => cells.map((cell) => String(cell).padStart(9)).join("");
const tallies: Tally[] = [];

console.log(columns("round", "passed", "failed", "skipped", "seconds"));
for (let round = 1; round <= rounds; round++) {
  const start = performance.now();
  const outcome = await runSuite([], { quiet: true });
  tallies.push(outcome);
  if (outcome.failed > 0) console.log(outcome.output);
  console.log(columns(round, outcome.passed, outcome.failed, outcome.skipped, ((performance.now() - start) / 1000).toFixed(1)));
}

const total = sum(tallies);
const clean = tallies.filter(({ failed }) => failed === 0).length;
console.log(`\n${clean} of ${rounds} rounds without a failure`);
console.log(closingLine(total));
process.exit(clean === rounds ? 0 : 1);
