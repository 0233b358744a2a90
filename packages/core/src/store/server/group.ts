/**
 * Group commit over a network: all writes of one turn, over all runs, become one transaction, and several transactions are under way.
 *
 *   submit ─► queue ─end of turn─► beforeCommit (bodies run ahead) ─► those whose run has nothing under way ─► one transaction ─► told
 *               ▲                                                                                                 │
 *               ├── a conflict, or the connection is gone: the same again, for every write is safe to repeat ◄────┤
 *               ├── trouble: refusable writes reject, the others wait ◄───────────────────────────────────────────┤
 *               └── the database is another one: nothing that was asked for before is written ◄───────────────────┘
 *
 * What a run asks for is committed in the order in which it was asked for: it is in one transaction at a time.
 */
import * as Fault from "../../model/fault.ts";
import type { Pace } from "../contract.ts";
import { jittered, nap } from "../pace.ts";
import type { Batch } from "./batch.ts";
import type { Verdict } from "./dialect.ts";
import { another } from "./incarnation.ts";
import { answerJob, failing, isRefusable, outdateJob, rejectJob, split, usual } from "./work.ts";
import type { Hold, Job, Limits, Queued, Wish } from "./work.ts";

export type Server = {
  /**
   * `isDoubtful` says of a job whether an earlier try of it may have been committed; `isOutdated` whether the database has become another one since they
   * were asked for.
   */
  readonly commit: (jobs: readonly Job[], isDoubtful: (job: Job) => boolean, isOutdated: () => boolean) => Promise<Batch>;
  readonly judge: (error: unknown) => Verdict;
  readonly faultOf: (error: unknown) => Error;
  /** Rejects while the database takes no writes. */
  readonly probe: () => Promise<void>;
  readonly beforeCommit: () => void;
  /** A commit brought something that others may want to know. */
  readonly tell: () => void;
};

export type Group = {
  readonly push: (job: Job) => void;
  readonly submit: <T>(work: Wish) => Promise<T>;
  /** Resolves once all that was asked for this run is durable; nothing more of it is written until it is released. */
  readonly hold: (run: number) => Promise<Hold>;
  readonly touch: () => void;
  readonly trouble: () => Error | undefined;
  /** A read met trouble. */
  readonly ail: (error: Error) => void;
  /** Resolves when nothing waits or is under way any more, or when nothing can be written. */
  readonly idle: () => Promise<void>;
  /** The database is another one by now: what was asked for before this moment, and is not written, never is. */
  readonly outdate: () => void;
  readonly close: () => void;
};

const troubleDelays = [50, 100, 250, 500, 1_000];

export const createGroup = (server: Server, pace: Pace, limits: Limits = usual): Group => {
  let queue: Queued[] = [];
  /** Runs with something under way, or held. */
  const engaged = new Set<number>();
  let flights = 0;
  let most = limits.weight;
  let scheduled = false;
  let resting: (() => void) | undefined;
  let trouble: Error | undefined;
  let failures = 0;
  let probing = false;
  let closed = false;
  /** How often what was asked for came to nothing. */
  let age = 0;
  const idlers: (() => void)[] = [];
  /** Jobs of which an earlier try may have been committed. */
  const doubtful = new WeakSet<Job>();

  const touch = (): void => {
    if (scheduled || closed) return;
    scheduled = true;
    pace.soon(flush);
  };

  /** By chance, so that many processes do not come back all at once. */
  const nextRest = (): number => jittered(pace, troubleDelays[Math.min(failures++, troubleDelays.length - 1)] ?? 1_000);

  const restFor = (ms: number): void => {
    resting?.();
    resting = pace.later(ms, () => {
      resting = undefined;
      touch();
    });
  };

  const push = (job: Queued): void => {
    if (closed) return rejectJob(job, closing());
    queue.push(job);
    touch();
  };

  const release = (run: number | undefined): void => {
    if (run !== undefined) engaged.delete(run);
  };

  const letGo = (run: number): void => {
    release(run);
    touch();
  };

  const forget = (run: number): void => {
    queue = queue.filter((job) => job.run !== run || (job.kind !== "gate" && isRefusable(job)));
  };

  const takeSome = (): readonly Job[] => {
    const { some, left } = split(queue, engaged, most);
    queue = left;
    return some;
  };

  const flush = (): void => {
    scheduled = false;
    if (closed) return;
    server.beforeCommit();
    if (resting === undefined && trouble !== undefined && queue.length === 0) void probe();
    for (let left = resting === undefined ? limits.flights - flights : 0; left > 0 && queue.length > 0; left--) {
      const some = takeSome();
      if (some.length === 0) break;
      for (const { run } of some) if (run !== undefined) engaged.add(run);
      void fly(some);
    }
    rouseIdlers();
  };

  const rouseIdlers = (): void => {
    if ((queue.length === 0 && flights === 0) || trouble !== undefined) for (const idler of idlers.splice(0)) idler();
  };

  const fly = async (jobs: readonly Job[]): Promise<void> => {
    flights++;
    try {
      await carry(jobs, age);
    } finally {
      flights--;
      for (const { run } of jobs) release(run);
      touch();
    }
  };

  /** Until the jobs are durable, refused, put back, or outdated, which leaves as little to do as the one before. */
  const carry = async (
    jobs: readonly Job[],
    askedIn: number,
    behind: () => readonly Job[] = () => [],
  ): Promise<"done" | "put back"> => {
    const startedAt = pace.monotonic();
    const isOutdated = (): boolean => age !== askedIn;
    for (let tries = 1; ; tries++) {
      try {
        const { answers, tell } = await server.commit(jobs, (job) => doubtful.has(job), isOutdated);
        settle(jobs, answers, tell);
        return "done";
      } catch (error) {
        const verdict = closed ? "trouble" : server.judge(error);
        if (verdict === "rewound" || isOutdated()) {
          for (const job of [...jobs, ...behind()]) outdateJob(job, another());
          return "put back";
        }
        if (verdict === "lost") for (const job of jobs) doubtful.add(job);
        // Somebody keeps a lock that one of them needs: each goes by itself, and those before it are not kept waiting.
        if (verdict === "defect" || (verdict === "blocked" && jobs.length > 1)) return apart(jobs, askedIn, error);
        const isLong = verdict === "lost" ? tries > 2 : pace.monotonic() - startedAt > limits.busy;
        if (verdict === "blocked") {
          if (isLong && jobs.every(isRefusable)) {
            for (const job of jobs) rejectJob(job, server.faultOf(error));
            return "done";
          }
          await nap(pace, 50);
          continue;
        }
        if (verdict === "trouble" || isLong || trouble !== undefined) {
          onTrouble(jobs, server.faultOf(error), behind());
          return "put back";
        }
        await nap(pace, 1 + pace.chance() * 4 * tries);
      }
    }
  };

  const settle = (jobs: readonly Job[], answers: readonly unknown[], tell: boolean): void => {
    most = Math.min(limits.weight, most * 2);
    trouble = undefined;
    failures = 0;
    for (const [index, job] of jobs.entries()) answerJob(job, answers[index]);
    if (tell) server.tell();
  };

  /** Written or not, a job whose answer is not known is done again; whoever may be refused is told that it may have happened. */
  const onTrouble = (jobs: readonly Job[], error: Error, behind: readonly Job[] = []): void => {
    trouble = error;
    // What was too much to get across in time is tried in smaller parts.
    most = Math.max(1, most / 2);
    if (closed) for (const job of [...jobs, ...behind]) rejectJob(job, error);
    else queue = [...jobs.filter((job) => !isRefusable(job)), ...behind, ...queue];
    if (!closed) for (const job of jobs) if (isRefusable(job)) rejectJob(job, error);
    restFor(nextRest());
    rouseIdlers();
  };

  /** One bad job must not take the others of its turn with it: each is tried by itself, in order. */
  const apart = async (jobs: readonly Job[], askedIn: number, error: unknown): Promise<"done" | "put back"> => {
    const [only] = jobs;
    if (only && jobs.length === 1) {
      refuse(only, error);
      return "done";
    }
    const broken = new Set<number>();
    const isBroken = ({ run }: Job): boolean => run !== undefined && broken.has(run);
    for (const [index, job] of jobs.entries()) {
      if (isBroken(job)) {
        rejectJob(job, error);
        continue;
      }
      const alone = failing(job, () => job.run !== undefined && broken.add(job.run));
      if (doubtful.has(job)) doubtful.add(alone);
      const behind = (): readonly Job[] => {
        const [gone, left] = [true, false].map((is) => jobs.slice(index + 1).filter((each) => isBroken(each) === is));
        for (const each of gone ?? []) rejectJob(each, error);
        return left ?? [];
      };
      if ((await carry([alone], askedIn, behind)) === "put back") return "put back";
    }
    return "done";
  };

  /** The job cannot be done, and with it nothing that its run has asked for since. */
  const refuse = (job: Job, error: unknown): void => {
    const gone = job.run === undefined ? [] : queue.filter(({ run }) => run === job.run);
    queue = queue.filter((each) => !gone.includes(each));
    // What somebody asks for when he hears of it is no part of it any more.
    for (const each of [job, ...gone]) rejectJob(each, error);
  };

  const probe = async (): Promise<void> => {
    if (probing) return;
    probing = true;
    try {
      await server.probe();
      trouble = undefined;
      failures = 0;
    } catch (error) {
      trouble = server.faultOf(error);
      restFor(nextRest());
    } finally {
      probing = false;
    }
  };

  return {
    push,
    submit: <T>(work: Wish) =>
      new Promise<T>((resolve, reject) => {
        push({ kind: "work", ...work, resolve: resolve as (answer: unknown) => void, reject });
      }),
    hold: (run) =>
      new Promise((resolve, reject) => {
        const open = (): void => resolve({ release: () => letGo(run), discard: () => forget(run) });
        push({ kind: "gate", run, reject, open });
      }),
    touch,
    trouble: () => trouble,
    ail: (error) => {
      if (trouble !== undefined || closed) return;
      onTrouble([], error);
    },
    idle: () =>
      new Promise((resolve) => {
        if (closed) return resolve();
        idlers.push(resolve);
        touch();
      }),
    outdate: () => {
      age++;
      for (const job of queue.splice(0)) outdateJob(job, another());
    },
    close: () => {
      closed = true;
      resting?.();
      for (const job of queue.splice(0)) rejectJob(job, trouble ?? closing());
      for (const idler of idlers.splice(0)) idler();
    },
  };
};

const closing = (): Fault.Fault => Fault.make("runtime_closed", "The runtime is closed: nothing more is written.");
