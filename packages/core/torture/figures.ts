/** Keeps what the suites found: in `figures.json`, and in the table of the docs. */
import { join } from "node:path";
import { putBetweenMarks } from "../../../scripts/marks.ts";
import { suites } from "./suites.ts";
import type { Report, Suite } from "./suite.ts";

type Kept = Pick<Report, "figures"> & { readonly seed: number; readonly seconds: number; readonly skipped: readonly string[] };

const file = join(import.meta.dir, "figures.json");
const page = join(import.meta.dir, "../../../docs/proof.md");

export const keepFigures = async (
  suite: Suite,
  report: Report,
  { seed, seconds }: { readonly seed: number; readonly seconds: number },
): Promise<void> => {
  const before = (await Bun.file(file).exists()) ? ((await Bun.file(file).json()) as Record<string, Kept>) : {};
  const kept = { ...before, [suite.name]: { seed, seconds, figures: report.figures, skipped: report.skipped ?? [] } };
  await Bun.write(file, `${JSON.stringify(kept, null, 2)}\n`);
  await putBetweenMarks(page, "torture", tableOf(kept));
};

const tableOf = (kept: Readonly<Record<string, Kept>>): string => {
  const lines = suites.flatMap(({ name, title }) => {
    const of = kept[name];
    if (!of) return [];
    const figures = Object.entries(of.figures).map(([what, figure]) => `${what} ${figure.toLocaleString("en-US")}`);
    return [`| \`${name}\` | ${title} | ${figures.join(", ")} | ${Math.round(of.seconds).toLocaleString("en-US")} s |`];
  });
  return `| suite | what it does | figures of its whole size | took |\n| --- | --- | --- | ---: |\n${lines.join("\n")}`;
};
