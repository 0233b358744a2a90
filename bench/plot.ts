/** A plot as SVG: one line over a few values, with the figure at each point. */

export type Plot = {
  readonly title: string;
  /** What the values on the two axes are. */
  readonly across: string;
  readonly up: string;
  readonly points: readonly { readonly at: number; readonly value: number }[];
};

const [width, height, left, right, top, bottom] = [640, 320, 64, 24, 48, 56];
/** Room at both ends for the words of the first and the last point. */
const inset = 36;

/** Values lie apart by their place in the row: they grow tenfold from one to the next. */
export const svg = ({ title, across, up, points }: Plot): string => {
  const most = niceAbove(Math.max(...points.map(({ value }) => value)));
  const x = (index: number): number =>
    left + inset + ((width - left - right - 2 * inset) * index) / Math.max(1, points.length - 1);
  const y = (value: number): number => height - bottom - ((height - top - bottom) * value) / most;
  const text = (at: readonly [number, number], words: string, more = ""): string =>
    `<text x="${Math.round(at[0])}" y="${Math.round(at[1])}" ${more}>${words}</text>`;
  const grid = [0, 0.25, 0.5, 0.75, 1].map(
    (part) =>
      `<line x1="${left}" x2="${width - right}" y1="${y(most * part)}" y2="${y(most * part)}" stroke="#d0d7de"/>${text([left - 8, y(most * part) + 4], short(most * part), 'text-anchor="end" fill="#57606a"')}`,
  );
  const dots = points.map(
    ({ at, value }, index) =>
      `<circle cx="${x(index)}" cy="${y(value)}" r="4" fill="#0969da"/>${text([x(index), y(value) - 10], short(value), 'text-anchor="middle" fill="#1f2328"')}${text([x(index), height - bottom + 18], at.toLocaleString("en-US"), 'text-anchor="middle" fill="#57606a"')}`,
  );
  const path = points
    .map(({ value }, index) => `${index === 0 ? "M" : "L"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`)
    .join(" ");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="${title}">
<rect width="${width}" height="${height}" fill="#ffffff"/>
${text([left, 22], `${title} (${up})`, 'font-size="14" font-weight="600" fill="#1f2328"')}
${grid.join("\n")}
<path d="${path}" fill="none" stroke="#0969da" stroke-width="2"/>
${dots.join("\n")}
${text([(width + left - right) / 2, height - 12], across, 'text-anchor="middle" fill="#57606a"')}
</svg>
`;
};

/** The next of 1, 2, 2.5, 5 and their tenfolds. */
const niceAbove = (value: number): number => {
  const tenfold = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  return ([1, 2, 2.5, 5, 10].find((step) => step * tenfold >= value * 1.08) ?? 20) * tenfold;
};

const short = (value: number): string => {
  if (value >= 10_000) return `${Math.round(value / 1_000)}k`;
  if (value >= 1_000) return `${(value / 1_000).toFixed(1)}k`;
  return value >= 10 || value === 0 ? String(Math.round(value)) : value.toFixed(1);
};
