/**
 * A body that rests may still compute beside what it waits for (a digest, an import), and nothing shows that from outside. If its process dies then,
 * another worker must replay the run. So a run that parks without a near wake time gets one, and this worker moves it away while it lives.
 *
 *   parked ─► wake after 5 s ─► (4 s) wake after 60 s ─► (50 s) the wake time it really has, or none
 *                                                     └► a body that has computed before: twice as long, each time
 */
import type { Lease } from "../store/rows.ts";
import type { Engine } from "./engine.ts";

/** A run at rest whose wake time is not its own. Moments are by the monotonic clock, `wakeAt` and `due` by the wall clock. */
type Watched = {
  readonly lease: Lease;
  readonly due: number | null;
  readonly computes: boolean;
  readonly parkedAt: number;
  readonly wakeAt: number;
};

type Queue = { readonly after: number; readonly runs: Watched[]; head: number };

export type LookingAgain = { readonly early: Queue; readonly late: Queue; isSet: boolean };

const firstWake = 5_000;
const secondWake = 60_000;

export const createLookingAgain = (): LookingAgain => ({
  early: { after: 4_000, runs: [], head: 0 },
  late: { after: 50_000, runs: [], head: 0 },
  isSet: false,
});

/** When a run that parks now is looked at again, if that is before it is due. */
export const safeWake = (now: number, due: number | null): number | null =>
  due === null || due > now + firstWake ? now + firstWake : due;

/** Follows a run that has been parked with a wake time that is not its own. */
export const watch = (engine: Engine, run: Omit<Watched, "parkedAt">): void => {
  engine.lookingAgain.early.runs.push({ ...run, parkedAt: engine.clock.monotonic() });
  schedule(engine);
};

const schedule = (engine: Engine): void => {
  const { lookingAgain, clock } = engine;
  const next = Math.min(momentOf(lookingAgain.early), momentOf(lookingAgain.late));
  if (lookingAgain.isSet || next === Infinity || engine.closed) return;
  lookingAgain.isSet = true;
  clock.after(Math.max(100, next - clock.monotonic()), () => {
    lookingAgain.isSet = false;
    if (engine.closed) return;
    const now = clock.monotonic();
    for (const run of takeRipe(lookingAgain.early, now)) moveOn(engine, run);
    for (const run of takeRipe(lookingAgain.late, now)) giveOwn(engine, run);
    schedule(engine);
  });
};

const momentOf = ({ runs, head, after }: Queue): number => (runs[head]?.parkedAt ?? Infinity) + after;

const takeRipe = (queue: Queue, now: number): Watched[] => {
  const { runs, head, after } = queue;
  let end = head;
  while ((runs[end]?.parkedAt ?? Infinity) + after <= now) end++;
  const ripe = runs.slice(head, end);
  queue.head = end;
  if (end > 1_000 || end === runs.length) {
    runs.splice(0, end);
    queue.head = 0;
  }
  return ripe;
};

const moveOn = (engine: Engine, run: Watched): void => {
  const later = run.wakeAt - firstWake + secondWake;
  const to = run.due === null ? later : Math.min(run.due, later);
  move(engine, run, to, () => {
    if (to === run.due) return;
    engine.lookingAgain.late.runs.push({ ...run, wakeAt: to });
    schedule(engine);
  });
};

const giveOwn = (engine: Engine, run: Watched): void => {
  if (run.computes) double(engine, run);
  else move(engine, run, run.due, () => {});
};

/** Always a wake time again, twice as far away: what computes for long is late by no more than it took. */
const double = (engine: Engine, run: Watched): void => {
  const { clock } = engine;
  const age = clock.monotonic() - run.parkedAt;
  const later = clock.now() + 2 * age;
  const to = run.due === null ? later : Math.min(run.due, later);
  move(engine, run, to, () => {
    if (to !== run.due) clock.after(age, () => engine.closed || double(engine, { ...run, wakeAt: to }));
  });
};

/** A run that was taken or woken since is left alone. */
const move = (engine: Engine, { lease, wakeAt }: Watched, to: number | null, then: () => void): void => {
  const { executing, store, logger } = engine;
  if (executing.has(lease.run)) return;
  store.runs.postpone(lease, { from: wakeAt, to }).then(
    (moved) => {
      if (moved) then();
    },
    (error: unknown) =>
      engine.closed || logger.warn({ run: lease.run, err: error }, "failed to move a wake time; the run is looked at once more"),
  );
};
