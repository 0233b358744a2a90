/** The figures of a soak, and the rules it broke. */
import type { Sights } from "../kit/sights.ts";
import type { Report } from "../suite.ts";
import type { Verdict } from "./judge.ts";
import type { Begun, Told } from "./ledgers.ts";
import { heapLimit, rssLimit, walLimit, type Settings } from "./settings.ts";
import type { Seen } from "./soak.suite.ts";
import { clearlyGrows, trendOf, type Trend } from "./trend.ts";
import type { Vitals } from "./vitals.ts";

export const figuresOf = (settings: Settings, seen: Seen, told: Told, begun: Begun, verdict: Verdict, sights: Sights): Report => {
  const memory = [...memoryOf("worker", seen.worker, settings), ...memoryOf("client", seen.client, settings)];
  const latency = latencyOf(told);
  const repeated = begun.times.reduce((total, times) => total + Math.max(0, times - 1), 0);
  return {
    figures: {
      minutes: round(settings.ms / 60_000),
      runs: seen.started,
      "runs/s": round(seen.started / (settings.ms / 1_000)),
      kills: seen.kills,
      "steps begun": begun.count,
      "repeated before their record": repeated,
      "rerun after their record": verdict.again.length,
      lost: verdict.lost.length,
      wrong: verdict.wrong.length,
      uneven: verdict.uneven.length,
      ...sights.figures,
      "processes ended": seen.breaches.filter((breach) => / ended (by itself|with)/.test(breach)).length,
      "times asked for stuck runs": seen.asked,
      stuck: verdict.stuck.length,
      ...Object.fromEntries(memory.flatMap(({ figures }) => Object.entries(figures))),
      "WAL at most, MB": round(seen.wal / 1e6),
      "bytes a run": Math.round(seen.bytes / seen.started),
      ...latency.figures,
      "lag of the worker's loop at most, ms": round(Math.max(0, ...seen.worker.map(({ lag }) => lag))),
    },
    breaches: [
      ...seen.breaches,
      ...sights.breaches,
      ...told.errors,
      ...verdict.lost,
      ...verdict.wrong,
      ...verdict.again,
      ...verdict.uneven,
      ...verdict.stuck.map((stuck) => `stuck at the end: ${JSON.stringify(stuck)}`),
      ...memory.flatMap(({ breaches }) => breaches),
      ...(seen.wal > walLimit ? [`the WAL grew to ${seen.wal} bytes, more than ${walLimit}`] : []),
      ...(settings.long && latency.slower ? [`it slowed down: ${JSON.stringify(latency.figures)}`] : []),
    ],
  };
};

type Part = { readonly figures: Readonly<Record<string, number | string>>; readonly breaches: readonly string[] };

/** What became of the memory of one process after its warm-up. */
const memoryOf = (who: string, all: readonly Vitals[], { warm, leastHeap, leastRss }: Settings): Part[] => {
  const vitals = all.slice(Math.ceil(all.length * warm));
  const last = vitals.at(-1);
  if (vitals.length < 5 || !last) return [{ figures: {}, breaches: [`the ${who} told its vitals only ${all.length} times`] }];
  const part = (what: string, of: (vitals: Vitals) => number, limit: number, least: number): Part => {
    const trend = trendOf(vitals.map((one) => ({ at: one.at, value: of(one) })));
    return {
      figures: { [`${what} of the ${who}, MB`]: round(of(last) / 1e6), [`${what} of the ${who}, MB/h`]: shown(trend) },
      breaches: clearlyGrows(trend, limit, least) ? [`the ${what} of the ${who} grows by ${shown(trend)} MB/h`] : [],
    };
  };
  return [part("heap", ({ heap }) => heap, heapLimit, leastHeap), part("RSS", ({ rss }) => rss, rssLimit, leastRss)];
};

const shown = ({ slope, error }: Trend): string => `${(slope / 1e6).toFixed(2)} ± ${(error / 1e6).toFixed(2)}`;

/** From start to result beyond the run's own sleep and its wait for a signal: of the first tenth of the runs and of the last. */
const latencyOf = ({ took }: Told): { readonly figures: Readonly<Record<string, number>>; readonly slower: boolean } => {
  const tenth = Math.max(1, Math.floor(took.length / 10));
  const first = took.slice(0, tenth).toSorted();
  const last = took.slice(-tenth).toSorted();
  const at = (sorted: Float64Array, part: number): number =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0);
  return {
    figures: {
      "p50 of the first tenth, ms": at(first, 0.5),
      "p50 of the last tenth, ms": at(last, 0.5),
      "p99 of the first tenth, ms": at(first, 0.99),
      "p99 of the last tenth, ms": at(last, 0.99),
    },
    // Far more than a machine that others share makes of it.
    slower: at(last, 0.5) > 5 * at(first, 0.5) + 50,
  };
};

const round = (value: number): number => Math.round(value * 10) / 10;
