// Line coverage of the core, from the lcov file that `bun test --coverage` leaves.
// The runner knows only the files that some test imported; a file with code that none did counts here with every line uncovered.

const root = `${import.meta.dir}/..`;
const sources = "packages/core/src";

export type Coverage = { readonly lines: number; readonly covered: number };

export const percent = ({ lines, covered }: Coverage): number => (lines === 0 ? 0 : (100 * covered) / lines);

/** Coverage by file of the core's sources; without a report nothing is covered. */
export const readCoverage = async (): Promise<ReadonlyMap<string, Coverage>> => {
  const report = Bun.file(`${root}/coverage/lcov.info`);
  const measured = readLcov((await report.exists()) ? await report.text() : "");
  const files = [...new Bun.Glob(`${sources}/**/*.ts`).scanSync(root)].filter((file) => !/\.(gen|d)\.ts$/.test(file));
  const covered = files.map(async (file) => [file, measured.get(file) ?? (await uncovered(file))] as const);
  return new Map((await Promise.all(covered)).toSorted(([a], [b]) => (a < b ? -1 : 1)));
};

export const total = (files: ReadonlyMap<string, Coverage>): Coverage => ({
  lines: [...files.values()].reduce((sum, { lines }) => sum + lines, 0),
  covered: [...files.values()].reduce((sum, { covered }) => sum + covered, 0),
});

const readLcov = (text: string): Map<string, Coverage> => {
  const records = text.split("end_of_record").filter((record) => record.includes("SF:"));
  const field = (record: string, name: string) => new RegExp(`^${name}:(.*)$`, "m").exec(record)?.[1] ?? "";
  return new Map(
    records.map((record) => [field(record, "SF"), { lines: Number(field(record, "LF")), covered: Number(field(record, "LH")) }]),
  );
};

const uncovered = async (file: string): Promise<Coverage> => {
  const code = new Bun.Transpiler({ loader: "ts" }).transformSync(await Bun.file(`${root}/${file}`).text());
  return { lines: code.split("\n").filter((line) => /\w/.test(line)).length, covered: 0 };
};
