/** Percentiles, for times that are told and never asserted. */
export const percentile = (values: readonly number[], share: number): number | "none" => {
  const sorted = values.toSorted((a, b) => a - b);
  const found = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return found === undefined ? "none" : Math.round(found);
};
