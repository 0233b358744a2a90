/**
 * The lane beside the flights, for what needs a row that somebody else keeps locked: it holds up its own run, and nobody else's.
 *
 *   a batch was blocked ─► which of its rows are locked? ─┬─ those of some runs: these come here, the others fly on at once
 *                                                         └─ none that one could see: all come here, and each run is tried by itself
 *   asked for later, of a row that is known to be locked, or of a run that is here ─► comes here
 *
 *   a round ─► which rows are locked now? ─► the runs that need none of them, one after the other ─► when there are none: the next in turn waits for its lock ─┐
 *     ▲                                                                                                                                                       │
 *     └─────────────── a pause ◄── still blocked: to the end of the line ◄── written, refused, put back, outdated: gone from here ◄───────────────────────────┘
 *
 * A run that is here stays engaged, and its jobs stay in their order. One run is tried at a time, on one connection. Who may be refused waits for no longer
 * than `limits.busy`. In trouble the lane rests with the flights; what met it is back at the head of the queue.
 */
import type { Pace } from "../contract.ts";
import { nap } from "../pace.ts";
import type { Blocked } from "./carry.ts";
import { byRun, isRefusable, rejectJob, rowsOf, type Job, type Limits } from "./work.ts";

export type Lane = {
  /** Takes in what is behind a lock, and answers with what is not. */
  readonly take: (blocked: Blocked, since: number, isOver: () => boolean) => Promise<readonly Job[]>;
  /** The same by what is known already. */
  readonly sift: (jobs: readonly Job[]) => readonly Job[];
  /** Nothing is here but what has been kept for long, and who waits behind it. */
  readonly isStuck: (queue: readonly { readonly run: number | undefined }[]) => boolean;
  /** All that is not being tried just now is gone from here. */
  readonly empty: () => readonly Job[];
};

/** What the group does. */
type Ground = {
  /** Of these runs, the rows that somebody has locked. Does not wait for them. */
  readonly locked: (runs: readonly number[]) => Promise<ReadonlySet<number>>;
  /** `stay` is called with what is still blocked; with the others it is over. */
  readonly attempt: (jobs: readonly Job[], stay: (blocked: Blocked) => void) => Promise<void>;
  /** What these runs have asked for since. */
  readonly follow: (runs: ReadonlySet<number>) => readonly Job[];
  readonly release: (run: number | undefined) => void;
  readonly isResting: () => boolean;
  readonly faultOf: (error: unknown) => Error;
  /** Who waits for the group to be idle may go. */
  readonly rouse: () => void;
};

/** What a run, or one job of none, has waiting here since then. */
type Kept = { readonly run: number | undefined; readonly since: number; jobs: readonly Job[] };

/** Ms between two rounds. */
const pause = 50;

const nothing: ReadonlySet<number> = new Set();

export const createLane = (ground: Ground, pace: Pace, limits: Limits): Lane => {
  let line: Kept[] = [];
  let trying: Kept | undefined;
  let isOpen = false;
  /** Rows that were locked when they were last looked at. */
  let locked = nothing;
  /** What was last said of a lock. */
  let said: unknown;
  const since = new WeakMap<Job, number>();

  const needsLocked = (jobs: readonly Job[]): boolean => jobs.some((job) => rowsOf(job).some((row) => locked.has(row)));

  const lookAt = async (jobs: readonly Job[]): Promise<ReadonlySet<number>> => {
    const rows = [...new Set(jobs.flatMap(rowsOf))];
    // What cannot be told now is seen when it is tried.
    return rows.length === 0 ? nothing : ground.locked(rows).catch(() => nothing);
  };

  const add = (runs: readonly (readonly Job[])[], from: number): void => {
    for (const jobs of runs) {
      for (const job of jobs) since.set(job, from);
      line.push({ run: jobs[0]?.run, since: from, jobs });
    }
    if (!isOpen) void keepOn();
  };

  const keepOn = async (): Promise<void> => {
    isOpen = true;
    while (line.length > 0) {
      if (!ground.isResting()) await round();
      ground.rouse();
      if (line.length > 0) await nap(pace, pause);
    }
    isOpen = false;
    locked = nothing;
  };

  const round = async (): Promise<void> => {
    join();
    locked = await lookAt(line.flatMap(({ jobs }) => jobs));
    let isAnyFree = false;
    for (let left = line.length; left > 0 && !ground.isResting(); left--) {
      refuseLate();
      const kept = line.shift();
      if (!kept) return;
      if (needsLocked(kept.jobs)) line.push(kept);
      else {
        isAnyFree = true;
        await attempt(kept);
      }
    }
    const next = isAnyFree || ground.isResting() ? undefined : line.shift();
    // It stands in line for the lock like others: who only ever looks may come upon a lock of somebody's each time.
    if (next) await attempt(next);
  };

  /** What is asked for later comes behind what is here. */
  const join = (): void => {
    const runs = new Set(line.flatMap(({ run }) => run ?? []));
    const joining = Map.groupBy(runs.size === 0 ? [] : ground.follow(runs), ({ run }) => run);
    for (const kept of line) {
      const jobs = joining.get(kept.run) ?? [];
      for (const job of jobs) since.set(job, pace.monotonic());
      kept.jobs = [...kept.jobs, ...jobs];
    }
  };

  const isLate = (from: number): boolean => pace.monotonic() - from > limits.busy;

  const refuseLate = (): void => {
    for (const kept of line) {
      const late = kept.jobs.filter((job) => isRefusable(job) && isLate(since.get(job) ?? kept.since));
      kept.jobs = kept.jobs.filter((job) => !late.includes(job));
      for (const job of late) rejectJob(job, ground.faultOf(said));
      if (kept.jobs.length === 0) ground.release(kept.run);
    }
    line = line.filter(({ jobs }) => jobs.length > 0);
  };

  const attempt = async (kept: Kept): Promise<void> => {
    trying = kept;
    await ground.attempt(kept.jobs, ({ jobs, error }) => {
      said = error;
      line.push({ ...kept, jobs });
    });
    trying = undefined;
  };

  return {
    take: async ({ jobs, error }, from, isOver) => {
      said = error;
      const runs = byRun(jobs);
      const seen = runs.length > 1 ? await lookAt(jobs) : nothing;
      if (isOver()) return jobs;
      locked = new Set([...locked, ...seen]);
      const behind = runs.filter(needsLocked);
      add(behind.length > 0 ? behind : runs, from);
      return behind.length > 0 ? runs.filter((run) => !behind.includes(run)).flat() : [];
    },
    sift: (jobs) => {
      if (locked.size === 0) return jobs;
      const runs = byRun(jobs);
      const behind = runs.filter(needsLocked);
      if (behind.length === 0) return jobs;
      add(behind, pace.monotonic());
      return runs.filter((run) => !behind.includes(run)).flat();
    },
    isStuck: (queue) => {
      const here = trying ? [trying, ...line] : line;
      const runs = new Set(here.map(({ run }) => run));
      return here.every((kept) => isLate(kept.since)) && queue.every(({ run }) => run !== undefined && runs.has(run));
    },
    empty: () => line.splice(0).flatMap(({ jobs }) => jobs),
  };
};
