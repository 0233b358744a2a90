/**
 * `bun run bench [row …] [--write]`: how fast and how small the core is, each figure beside the physical limit of the same run, each row in a
 * process of its own. `--write` keeps the figures in `bench/baseline.json` and in the tables of the docs.
 */
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { head, line, type Figure } from "./figure.ts";
import { writeTables } from "./tables.ts";

const rows = ["alone", "many", "latency", "children", "resume", "finished", "sleeping", "replay", "block", "cold"] as const;

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: { write: { type: "boolean" } },
});
const chosen = positionals.length === 0 ? rows : rows.filter((row) => positionals.includes(row));
const unknown = positionals.filter((name) => !rows.some((row) => row === name));
if (unknown.length > 0) throw new Error(`There is no row ${unknown.join(", ")}. There are: ${rows.join(", ")}.`);

const measure = async (row: string): Promise<Figure[]> => {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "rows", `${row}.ts`)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const text = await child.stdout.text();
  if ((await child.exited) !== 0) throw new Error(`The row ${row} failed.`);
  return text
    .trim()
    .split("\n")
    .map((each) => JSON.parse(each) as Figure);
};

const machine = `Bun ${Bun.version}, ${cpus().length} × ${cpus()[0]?.model ?? "?"}, WAL, synchronous=FULL`;
console.log(`${machine}\n\n${head}`);
const figures: Record<string, Figure[]> = {};
for (const row of chosen) {
  const measured = await measure(row);
  figures[row] = measured;
  for (const figure of measured) console.log(line(figure));
}
if (values.write) await writeTables(machine, figures);
