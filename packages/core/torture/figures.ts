/** Keeps what the suites found: in `figures.json`, and in the table of the docs. */
import { join } from "node:path";
import { putBetweenMarks } from "../../../scripts/marks.ts";
import { labelOf, placesOf } from "./carry-out.ts";
import { suites } from "./suites.ts";
import type { Report } from "./suite.ts";

type Kept = Pick<Report, "figures"> & { readonly seed: number; readonly seconds: number; readonly skipped: readonly string[] };

const file = join(import.meta.dir, "figures.json");
const page = join(import.meta.dir, "../../../docs/proof.md");

export const keepFigures = async (
  label: string,
  report: Report,
  { seed, seconds }: { readonly seed: number; readonly seconds: number },
): Promise<void> => {
  const before = (await Bun.file(file).exists()) ? ((await Bun.file(file).json()) as Record<string, Kept>) : {};
  const kept = { ...before, [label]: { seed, seconds, figures: report.figures, skipped: report.skipped ?? [] } };
  await Bun.write(file, `${JSON.stringify(kept, null, 2)}\n`);
  await putBetweenMarks(page, "torture", tableOf(kept));
};

const tableOf = (kept: Readonly<Record<string, Kept>>): string => {
  const labels = suites.flatMap((suite) => placesOf(suite, []).map((on) => ({ suite, label: labelOf(suite, on) })));
  const lines = labels.flatMap(({ suite: { name, title }, label }) => {
    const of = kept[label];
    if (!of) return [];
    const figures = Object.entries(of.figures).map(([what, figure]) => `${what} ${figure.toLocaleString("en-US")}`);
    const shown = label.replace(name, `\`${name}\``);
    return [`| ${shown} | ${title} | ${figures.join(", ")} | ${Math.round(of.seconds).toLocaleString("en-US")} s |`];
  });
  return `| suite | what it does | figures of its whole size | took |\n| --- | --- | --- | ---: |\n${lines.join("\n")}`;
};
