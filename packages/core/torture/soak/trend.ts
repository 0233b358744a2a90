/** A trend: the straight line that fits a row of measurements best, and how sure its slope is. */

export type Point = { readonly at: number; readonly value: number };

/** Per hour, `at` being ms. `error` is the standard error of the slope. */
export type Trend = { readonly slope: number; readonly error: number; readonly hours: number };

const hour = 3_600_000;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

export const trendOf = (points: readonly Point[]): Trend => {
  const count = points.length;
  if (count < 3) return { slope: 0, error: Infinity, hours: 0 };
  const x = points.map(({ at }) => (at - points[0]!.at) / hour);
  const [meanX, meanY] = [sum(x) / count, sum(points.map(({ value }) => value)) / count];
  const spread = sum(x.map((one) => (one - meanX) ** 2));
  const slope = sum(points.map(({ value }, index) => (x[index]! - meanX) * (value - meanY))) / spread;
  const rest = sum(points.map(({ value }, index) => (value - meanY - slope * (x[index]! - meanX)) ** 2));
  return { slope, error: Math.sqrt(rest / (count - 2) / spread), hours: x.at(-1)! };
};

/** True when the line rises by more than `limit` an hour beyond doubt, and has risen by more than `least` over what was measured. */
export const clearlyGrows = ({ slope, error, hours }: Trend, limit: number, least: number): boolean =>
  slope - 3 * error > limit && slope * hours > least;
