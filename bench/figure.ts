/** A figure of the benchmark, beside its limit, and what it is to reach. */

/** A bound on the figure itself, or on its ratio to what raw `bun:sqlite` does in the same run. */
export type Goal = { readonly of: "value" | "ratio" } & ({ readonly least: number } | { readonly most: number });

export type Figure = {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** The physical limit, measured in the same run. */
  readonly raw?: { readonly value: number; readonly unit: string };
  /** Figure to limit: the median of the pairs, where they were measured in turn. */
  readonly ratio?: number;
  readonly goal?: Goal;
};

export const reached = ({ value, ratio, goal }: Figure): boolean | undefined => {
  if (goal === undefined) return undefined;
  const measured = goal.of === "value" ? value : ratio;
  if (measured === undefined) return undefined;
  return "least" in goal ? measured >= goal.least : measured <= goal.most;
};

export const quantile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? 0;

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** A figure beside its limit from pairs that were measured in turn, so that a machine that changes its speed changes both. */
export const paired = (
  figure: Omit<Figure, "value" | "raw" | "ratio">,
  pairs: readonly { readonly value: number; readonly raw: number }[],
  rawUnit: string,
): Figure => ({
  ...figure,
  value: median(pairs.map(({ value }) => value)),
  raw: { value: median(pairs.map(({ raw }) => raw)), unit: rawUnit },
  ratio: median(pairs.map(({ value, raw }) => value / raw)),
});

const shown = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toFixed(value >= 10 ? 1 : 2);

const bound = (goal: Goal | undefined): string => {
  if (goal === undefined) return "";
  const of = goal.of === "ratio" ? "ratio " : "";
  return "least" in goal ? `${of}≥ ${goal.least.toLocaleString("en-US")}` : `${of}≤ ${goal.most.toLocaleString("en-US")}`;
};

const verdict = (figure: Figure): string => {
  const is = reached(figure);
  return is === undefined ? "" : is ? "yes" : "**no**";
};

export const head =
  "| what | Holdfast | raw `bun:sqlite`, same run | ratio | to reach | reached |\n| --- | ---: | ---: | ---: | --- | --- |";

export const line = (figure: Figure): string => {
  const { what, value, unit, raw, ratio, goal } = figure;
  const limit = raw === undefined ? "" : `${shown(raw.value)} ${raw.unit}`;
  const part = ratio === undefined ? "" : ratio.toFixed(2);
  return `| ${what} | ${shown(value)} ${unit} | ${limit} | ${part} | ${bound(goal)} | ${verdict(figure)} |`;
};
