/** The least and the most that the numbers of `Runtime.open` may be, on every database. Times are in ms, sizes in bytes. */
export const bounds = {
  concurrency: { least: 1, most: 100_000 },
  hot: { least: 0, most: 1_000_000 },
  payload: { least: 1, most: 268_435_456 },
  lease: { least: 500, most: 86_400_000 },
  crashes: { least: 1, most: 1_000_000 },
  weight: { least: 0.01, most: 100 },
} as const;
