/** Keeps what was measured: in `bench/baseline.json`, and in the tables of the docs between their marks. */
import { join } from "node:path";
import { putBetweenMarks } from "../scripts/marks.ts";
import { head, line, type Figure } from "./figure.ts";

type Baseline = { readonly machine: string; readonly figures: Readonly<Record<string, readonly Figure[]>> };

const root = join(import.meta.dir, "..");
const baseline = join(import.meta.dir, "baseline.json");

/** The pages with a table of figures, and the rows that each shows; none means all. */
const pages: readonly { readonly file: string; readonly rows?: readonly string[] }[] = [
  { file: "docs/performance.md" },
  { file: "README.md", rows: ["alone", "many", "latency", "resume", "replay"] },
];

/** Rows that were not measured this time stay as they were. */
export const writeTables = async (machine: string, figures: Readonly<Record<string, readonly Figure[]>>): Promise<void> => {
  const file = Bun.file(baseline);
  const before = (await file.exists()) ? ((await file.json()) as Partial<Baseline>) : {};
  const all = { ...before.figures, ...figures };
  await Bun.write(baseline, `${JSON.stringify({ machine, figures: all } satisfies Baseline, null, 2)}\n`);
  for (const { file: page, rows } of pages) {
    const shown = Object.entries(all).flatMap(([row, those]) => (rows === undefined || rows.includes(row) ? those : []));
    await putBetweenMarks(join(root, page), "figures", `${machine}\n\n${[head, ...shown.map(line)].join("\n")}`);
  }
};
