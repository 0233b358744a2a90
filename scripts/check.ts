// `bun run check` without its tests: everything that can be known by reading the code. All checks run; the failed ones speak.
const root = `${import.meta.dir}/..`;

const checks: Readonly<Record<string, readonly string[]>> = {
  format: ["run", "oxfmt", "--check"],
  lint: ["run", "oxlint"],
  types: ["run", "tsc"],
  "types, as a user's project checks them": ["run", "tsc", "-p", "tsconfig.consumer.json"],
  "unused code": ["run", "knip"],
  "embedded migrations": ["scripts/embed-migrations.ts", "--check"],
  "map in OVERVIEW": ["scripts/overview-map.ts", "--check"],
};

const passes = async (name: string, command: readonly string[]): Promise<boolean> => {
  const check = Bun.spawn([process.execPath, ...command], { cwd: root, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [code, out, err] = await Promise.all([check.exited, check.stdout.text(), check.stderr.text()]);
  console.log(`${code === 0 ? "ok    " : "FAILED"} ${name}`);
  if (code !== 0) console.log(`\n${out}${err}`);
  return code === 0;
};

let failed = 0;
for (const [name, command] of Object.entries(checks)) {
  if (!(await passes(name, command))) failed += 1;
}
process.exit(failed === 0 ? 0 : 1);
