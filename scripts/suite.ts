// One run of `bun test` and what it came to. The runner's closing lines are read from its stderr, which is passed on as it comes.

const root = `${import.meta.dir}/..`;

export type Tally = { readonly passed: number; readonly failed: number; readonly skipped: number };

/** `failures` names the tests that failed, each with its file. */
export type Outcome = Tally & { readonly output: string; readonly failures: readonly string[] };

/** Runs the suite with these arguments of `bun test`. Anything but a clean, complete end counts as at least one failure. */
export const runSuite = async (
  args: readonly string[],
  { quiet = false, env = {} }: { readonly quiet?: boolean; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Outcome> => {
  // A test of two tenths of a second may take ten on a machine that others share: the limit is there for what hangs.
  const runner = Bun.spawn([process.execPath, "test", "--parallel", "--timeout=120000", ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: quiet ? "ignore" : "inherit",
    stderr: "pipe",
  });
  const output = await readThrough(runner.stderr, quiet);
  const clean = (await runner.exited) === 0;
  const tally = readTally(output);
  const ran = tally.passed + tally.failed > 0;
  return { ...tally, failed: clean && ran ? tally.failed : Math.max(1, tally.failed), output, failures: readFailures(output) };
};

/** Adds tallies up, as over packages or rounds. */
export const sum = (tallies: readonly Tally[]): Tally => ({
  passed: tallies.reduce((total, { passed }) => total + passed, 0),
  failed: tallies.reduce((total, { failed }) => total + failed, 0),
  skipped: tallies.reduce((total, { skipped }) => total + skipped, 0),
});

/** The line that every test command of this repository ends with. */
export const closingLine = ({ passed, failed, skipped }: Tally): string =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;

const readThrough = async (stream: ReadableStream<Uint8Array>, quiet: boolean): Promise<string> => {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    if (!quiet) process.stderr.write(chunk);
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
};

/** A heading names the file of the lines below it. The runner repeats failed tests at its end, below none. */
const readFailures = (output: string): string[] => {
  const failures = new Set<string>();
  let file = "";
  for (const line of Bun.stripANSI(output).split("\n")) {
    if (/^\d+ tests? failed:$/.test(line)) break;
    if (/^\S+\.test\.ts:$/.test(line)) file = line.slice(0, -1);
    else if (line.startsWith("(fail) ")) failures.add(`${file}: ${line.slice("(fail) ".length)}`);
  }
  return [...failures];
};

// " 12 pass", " 1 skip", " 0 fail" … "Ran 13 tests across 2 files."; no such end means that the runner died on the way.
const readTally = (output: string): Tally => {
  const plain = Bun.stripANSI(output);
  const closing = /((?:^ \d+ .*\n)+)^Ran \d+ tests? across/gm;
  const lines = [...plain.matchAll(closing)].at(-1)?.[1] ?? "";
  const count = (word: string) => Number(new RegExp(`^ (\\d+) ${word}`, "m").exec(lines)?.[1] ?? 0);
  return { passed: count("pass"), failed: Math.max(count("fail"), count("error")), skipped: count("skip") + count("todo") };
};
