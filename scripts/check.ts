// `bun run check` without its tests: everything that can be known by reading the code. All checks run; the failed ones speak.
import { existsSync } from "node:fs";

const root = `${import.meta.dir}/..`;
const embedMigrations = "scripts/embed-migrations.ts";

const checks: Readonly<Record<string, readonly string[]>> = {
  format: ["run", "oxfmt", "--check"],
  lint: ["run", "oxlint"],
  types: ["run", "tsc"],
  "unused code": ["run", "knip"],
  ...(existsSync(`${root}/${embedMigrations}`) && { "embedded migrations": [embedMigrations, "--check"] }),
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
