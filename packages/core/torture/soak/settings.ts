/** How long and how hard the soak is, and what counts as growing. `HOLDFAST_SOAK_MINUTES` and `HOLDFAST_SOAK_RATE` set the whole of it. */
import type { Size } from "../suite.ts";

export type Settings = {
  /** How long runs are started, in ms. */
  readonly ms: number;
  /** Runs started a second. */
  readonly rate: number;
  readonly killEvery: number;
  /** Between two vitals of a process, in ms. */
  readonly every: number;
  /** Parked runs that a worker keeps in memory. */
  readonly hot: number;
  /** The part of the time that is warm-up: at least as long as it takes to fill the cache of parked runs, two to three minutes, if there is the time. */
  readonly warm: number;
  /** A heap that has grown by less than this, in bytes, over what was measured does not count as growing, whatever its slope. */
  readonly leastHeap: number;
  readonly leastRss: number;
  /** Long enough to say whether it slows down. */
  readonly long: boolean;
};

const numberOf = (name: string, otherwise: number): number => {
  const value = Number(process.env[name] ?? otherwise);
  if (!(value > 0)) throw new Error(`${name} takes a number above 0, not ${process.env[name]}`);
  return value;
};

const megabyte = 1e6;

/** The slice is too short to tell a slope: only a leak of a KB a run shows in it. Its cache of parked runs is full at once. */
const slice: Settings = {
  ms: 45_000,
  rate: 50,
  killEvery: 10_000,
  every: 2_500,
  hot: 100,
  warm: 0.4,
  leastHeap: 1.5 * megabyte,
  leastRss: 150 * megabyte,
  long: false,
};

/** From ten minutes on there is a slope to tell. */
const whole = (minutes: number): Settings => ({
  ms: minutes * 60_000,
  rate: numberOf("HOLDFAST_SOAK_RATE", 60),
  killEvery: 20_000,
  every: Math.min(10_000, minutes * 1_500),
  hot: 1_000,
  warm: Math.min(0.5, Math.max(0.25, 3 / minutes)),
  leastHeap: minutes >= 10 ? megabyte : 5 * megabyte,
  leastRss: minutes >= 10 ? 32 * megabyte : slice.leastRss,
  long: minutes >= 10,
});

export const settle = (size: Size): Settings => (size === "slice" ? slice : whole(numberOf("HOLDFAST_SOAK_MINUTES", 60)));

/** Bytes an hour that a heap may grow by, and a process. */
export const heapLimit = megabyte;
export const rssLimit = 16 * megabyte;
/** The size that SQLite cuts the WAL back to. */
export const walLimit = 64 * 1_024 * 1_024;
