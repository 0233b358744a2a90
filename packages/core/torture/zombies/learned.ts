/** Whether those that lost a run while they stood still were told, and when. */
import type { Effect } from "../kit/effects.ts";
import type { LeaseChange, RunTruth, Written } from "../kit/observer.ts";
import type { Stop } from "./stops.ts";
import { mostHeld } from "./workflows.ts";

const nameOf = ({ run, lease }: { readonly run: string; readonly lease: number }): string => `${run} ${lease}`;

export type Learned = {
  /** Holds that lost their lease. */
  readonly lost: number;
  /** Of these, the ones whose signal never fired. */
  readonly untold: readonly Effect[];
  /** Ms from the moment a process went on until its holds were told. */
  readonly times: readonly number[];
};

/** Only a run's first hold lasts until it is told; the others may have answered while nobody had missed their process. */
export const learnedOf = (
  effects: readonly Effect[],
  records: readonly Written[],
  { stops, releasedAt }: { readonly stops: readonly Stop[]; readonly releasedAt: number },
): Learned => {
  const holds = effects.filter(({ key, lease }) => key === "hold" && lease === 1);
  const recorded = new Map(
    records.filter(({ kind, key }) => kind === "step" && key === "hold").map(({ run, lease }) => [run, lease]),
  );
  const told = new Map(holds.filter(({ what }) => what === "aborted").map((effect) => [nameOf(effect), effect]));
  const lost = holds.filter(({ what, run, lease }) => what === "began" && lease < (recorded.get(run) ?? 0));
  const times = [...told.values()].flatMap(({ pid, at }) => {
    const went = stops.findLast((stop) => stop.pid === pid && stop.continuedAt <= at + 5);
    return went ? [Math.max(0, at - went.continuedAt)] : [];
  });
  const began = new Map(holds.filter(({ what }) => what === "began").map((effect) => [nameOf(effect), effect.at]));
  // Let go at the end of the suite, or at its own end after so long a standstill, before it was told.
  const isOver = (effect: Effect): boolean => effect.at >= releasedAt || effect.at >= (began.get(nameOf(effect)) ?? 0) + mostHeld;
  const released = new Set(holds.filter((effect) => effect.what === "answered" && isOver(effect)).map(nameOf));
  const untold = lost.filter((effect) => !told.has(nameOf(effect)) && !released.has(nameOf(effect)));
  return { lost: lost.length, untold, times };
};

/** A function that began after its run was taken over: how long after that, and after its process went on, in ms. */
export type Stale = Effect & { readonly late: number; readonly awake: number | undefined };

/** Functions that began after their run's lease was somebody else's. The clock of one machine orders them; 50 ms are let pass for the way to the ledger. */
export const begunStale = (
  effects: readonly Effect[],
  {
    changes,
    runs,
    stops,
  }: { readonly changes: readonly LeaseChange[]; readonly runs: readonly RunTruth[]; readonly stops: readonly Stop[] },
): Stale[] => {
  const keys = new Map(runs.map(({ id, key }) => [id, key]));
  const since = new Map<string, number>();
  for (const { run, lease, at } of changes) since.set(`${run} ${lease}`, at);
  return effects.flatMap((effect) => {
    const { what, run, lease, at, pid } = effect;
    const late = at - (since.get(`${keys.get(run)} ${lease + 1}`) ?? Infinity);
    if (what !== "began" || late <= 50) return [];
    const went = stops.findLast((stop) => stop.pid === pid && stop.continuedAt <= at + 5);
    return [{ ...effect, late, awake: went && at - went.continuedAt }];
  });
};
