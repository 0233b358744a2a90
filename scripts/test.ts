// `bun run test [arguments of bun test]`: the whole suite, with coverage of the core held above a floor. Arguments choose tests, and
// then no floor applies. Ends with "N passed, N failed"; the exit code is 0 only when all passed, some ran and the floor held.
import { percent, readCoverage, total } from "./coverage.ts";
import { closingLine, runSuite } from "./suite.ts";

const floor = 90;

const floorHolds = async (): Promise<boolean> => {
  const files = await readCoverage();
  const share = percent(total(files));
  console.log(`\nLine coverage of packages/core/src: ${share.toFixed(2)} % (at least ${floor} % is asked for)`);
  if (share >= floor) return true;
  console.log(`COVERAGE TOO LOW. Files below ${floor} %:`);
  for (const [file, coverage] of files) {
    if (coverage.lines > 0 && percent(coverage) < floor) console.log(`  ${percent(coverage).toFixed(0).padStart(3)} %  ${file}`);
  }
  return false;
};

const args = process.argv.slice(2);
const whole = args.length === 0;
const outcome = await runSuite(whole ? ["--coverage"] : args);
const held = !whole || outcome.failed > 0 || (await floorHolds());
console.log(`\n${closingLine(outcome)}`);
process.exit(outcome.failed === 0 && held ? 0 : 1);
