/**
 * Jobs on their way to the server: tried until they are durable, or until it is known what keeps them from it. A batch that cannot be done as it is goes by run, and a
 * run that cannot be done as it is goes job by job, so that one bad job takes nobody with it but what its run has asked for since.
 */
import type { Pace } from "../contract.ts";
import { nap } from "../pace.ts";
import type { Batch } from "./batch.ts";
import type { Verdict } from "./dialect.ts";
import { byRun, type Job, type Limits } from "./work.ts";

export type Server = {
  /**
   * `isDoubtful` says of a job whether an earlier try of it may have been committed; `isOutdated` whether the database has become another one since they
   * were asked for.
   */
  readonly commit: (jobs: readonly Job[], isDoubtful: (job: Job) => boolean, isOutdated: () => boolean) => Promise<Batch>;
  readonly judge: (error: unknown) => Verdict;
};

/** What became of jobs. What it names is not written, in the order in which it was asked for; the others are done. */
export type Outcome =
  | { readonly kind: "done" }
  /** Somebody keeps a lock that these need. */
  | { readonly kind: "blocked"; readonly jobs: readonly Job[]; readonly error: unknown }
  /** The first of these cannot be done: they are all of one run. */
  | { readonly kind: "defect"; readonly jobs: readonly Job[]; readonly error: unknown }
  /** The database cannot do these now. */
  | { readonly kind: "trouble"; readonly jobs: readonly Job[]; readonly error: unknown }
  /** The ground they stand on is gone. */
  | { readonly kind: "outdated"; readonly jobs: readonly Job[] };

export type Blocked = Extract<Outcome, { kind: "blocked" }>;

/** What the group knows and does. */
type Ground = {
  readonly age: () => number;
  readonly isClosed: () => boolean;
  readonly isTroubled: () => boolean;
  readonly settle: (jobs: readonly Job[], batch: Batch) => void;
  /** The first of these jobs of a run cannot be done. */
  readonly refuse: (jobs: readonly Job[], error: unknown) => void;
};

/** `askedIn` is the age in which they were asked for. */
export type Carry = (jobs: readonly Job[], askedIn: number) => Promise<Outcome>;

const done: Outcome = { kind: "done" };

export const createCarry = (server: Server, pace: Pace, limits: Limits, ground: Ground): Carry => {
  /** Jobs of which an earlier try may have been committed. */
  const doubtful = new WeakSet<Job>();

  const carry: Carry = async (jobs, askedIn) => {
    const outcome = await attempt(jobs, askedIn);
    if (outcome.kind !== "defect" || jobs.length === 1) return outcome;
    const runs = byRun(jobs);
    return runs.length > 1 ? byTurns(runs, askedIn) : inOrder(jobs, askedIn);
  };

  const attempt: Carry = async (jobs, askedIn) => {
    const startedAt = pace.monotonic();
    const isOutdated = (): boolean => ground.age() !== askedIn;
    for (let tries = 1; ; tries++) {
      try {
        ground.settle(jobs, await server.commit(jobs, (job) => doubtful.has(job), isOutdated));
        return done;
      } catch (error) {
        const verdict = ground.isClosed() ? "trouble" : server.judge(error);
        if (verdict === "rewound" || isOutdated()) return { kind: "outdated", jobs };
        if (verdict === "lost") for (const job of jobs) doubtful.add(job);
        if (verdict === "defect" || verdict === "blocked") return { kind: verdict, jobs, error };
        const isLong = verdict === "lost" ? tries > 2 : pace.monotonic() - startedAt > limits.busy;
        if (verdict === "trouble" || isLong || ground.isTroubled()) return { kind: "trouble", jobs, error };
        await nap(pace, 1 + pace.chance() * 4 * tries);
      }
    }
  };

  /** Runs, one after the other: what keeps one of them does not keep the others, unless it is the database. */
  const byTurns = async (runs: readonly (readonly Job[])[], askedIn: number): Promise<Outcome> => {
    let blocked: Blocked | undefined;
    for (const [index, run] of runs.entries()) {
      const outcome = await carry(run, askedIn);
      switch (outcome.kind) {
        case "done":
          break;
        case "blocked":
          blocked = { ...outcome, jobs: [...(blocked?.jobs ?? []), ...outcome.jobs] };
          break;
        case "defect":
          ground.refuse(outcome.jobs, outcome.error);
          break;
        case "trouble":
        case "outdated":
          return { ...outcome, jobs: [...(blocked?.jobs ?? []), ...outcome.jobs, ...runs.slice(index + 1).flat()] };
      }
    }
    return blocked ?? done;
  };

  /** Jobs of one run, one after the other: what keeps one of them keeps those behind it. */
  const inOrder: Carry = async (jobs, askedIn) => {
    for (const [index, job] of jobs.entries()) {
      const outcome = await attempt([job], askedIn);
      if (outcome.kind !== "done") return { ...outcome, jobs: jobs.slice(index) };
    }
    return done;
  };

  return carry;
};
