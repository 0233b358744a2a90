// `bun run test [arguments of bun test]`: the whole suite, with coverage of the core held above a floor; then the scenarios once more on
// PostgreSQL, which is started where none answers, and on MySQL, where one answers. Arguments choose tests, and then neither floor nor second round applies. Ends with what failed and "N passed, N failed"; the exit code is 0 only when all passed, some ran and the floor held.
import { percent, readCoverage, total } from "./coverage.ts";
import { isThere as isMysqlThere } from "../packages/core/test/store/mysql.kit.ts";
import { findPostgres } from "./postgres.ts";
import { closingLine, runSuite, sum, type Tally } from "./suite.ts";

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

/** What must hold on every database, said once: these are run on each. */
const scenarios = [
  ...["face", "replay", "chain", "breaker", "ordinary", "fuzz"].map((folder) => `${folder}/`),
  ...["damaged", "doubt", "forgotten", "late-rest"].map((name) => `engine/${name}.test.ts`),
  "smoke.test.ts",
].map((path) => `packages/core/test/${path}`);

type Round = Tally & { readonly failures: readonly string[] };

const nothing: Round = { passed: 0, failed: 0, skipped: 0, failures: [] };

const scenariosOn = async (on: "postgres" | "mysql", isThere: boolean): Promise<Round> => {
  if (!isThere) return nothing;
  const outcome = await runSuite(scenarios, { env: { HOLDFAST_TEST_ON: on } });
  return { ...outcome, failures: outcome.failures.map((failure) => `on ${on}: ${failure}`) };
};

const postgres = await findPostgres();
if (postgres.url === undefined) delete process.env["HOLDFAST_TEST_POSTGRES"];
else process.env["HOLDFAST_TEST_POSTGRES"] = postgres.url;

const args = process.argv.slice(2);
const whole = args.length === 0;
try {
  const outcome = await runSuite(whole ? ["--coverage"] : args);
  const held = !whole || outcome.failed > 0 || (await floorHolds());
  const rounds: Round[] = [outcome];
  if (whole)
    rounds.push(await scenariosOn("postgres", postgres.url !== undefined), await scenariosOn("mysql", await isMysqlThere()));
  const all = sum(rounds);
  // At the very end, where it is found also when only the end of a long output is kept.
  for (const failure of rounds.flatMap(({ failures }) => failures)) console.log(`FAILED ${failure}`);
  console.log(`\n${closingLine(all)}`);
  process.exitCode = all.failed === 0 && held ? 0 : 1;
} finally {
  await postgres.stop();
}
process.exit();
