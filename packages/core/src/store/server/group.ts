/**
 * Group commit over a network: all writes of one turn, over all runs, become one transaction, and several transactions are under way.
 *
 *   submit ─► queue ─end of turn─► beforeCommit (bodies run ahead) ─► those whose run has nothing under way ─► one transaction ─► told
 *               ▲                                                                                                 │
 *               ├── a conflict, or the connection is gone: the same again, for every write is safe to repeat ◄────┤
 *               └── trouble: refusable writes reject, the others wait ◄───────────────────────────────────────────┘
 *
 * What a run asks for is committed in the order in which it was asked for: it is in one transaction at a time.
 */
import * as Fault from "../../model/fault.ts";
import type { Pace } from "../contract.ts";
import { nap } from "../pace.ts";
import type { Batch } from "./batch.ts";
import type { Verdict } from "./dialect.ts";
import { answerJob, failing, isRefusable, rejectJob, weightOf, type Job, type Queued, type WorkJob } from "./work.ts";

export type Server = {
  /** `isDoubtful` says of a job whether an earlier try of it may have been committed. */
  readonly commit: (jobs: readonly Job[], isDoubtful: (job: Job) => boolean) => Promise<Batch>;
  readonly judge: (error: unknown) => Verdict;
  readonly faultOf: (error: unknown) => Error;
  /** Rejects while the database takes no writes. */
  readonly probe: () => Promise<void>;
  readonly beforeCommit: () => void;
  /** A commit brought something that others may want to know. */
  readonly tell: () => void;
};

export type Limits = {
  /** How much goes into one transaction: a record weighs 1, any other job 4, and what is large more. */
  readonly weight: number;
  /** How many transactions are under way at once. */
  readonly flights: number;
  /** How long, in ms, conflicts or lost connections may keep a write before that is trouble. */
  readonly busy: number;
};

export const usual: Limits = { weight: 4_000, flights: 3, busy: 5_000 };

export type Group = {
  readonly push: (job: Job) => void;
  readonly submit: <T>(work: Pick<WorkJob, "run" | "needs" | "act" | "refusable">) => Promise<T>;
  /** Resolves once all that was asked for this run is durable; nothing more of it is written until what it answers with is called. */
  readonly hold: (run: number) => Promise<() => void>;
  readonly touch: () => void;
  readonly trouble: () => Error | undefined;
  /** A read met trouble. */
  readonly ail: (error: Error) => void;
  /** Resolves when nothing waits or is under way any more, or when nothing can be written. */
  readonly idle: () => Promise<void>;
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
  const idlers: (() => void)[] = [];
  /** Jobs of which an earlier try may have been committed. */
  const doubtful = new WeakSet<Job>();

  const touch = (): void => {
    if (scheduled || closed) return;
    scheduled = true;
    pace.soon(flush);
  };

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

  /** In order, whatever has its run to itself. What stays behind holds up the rest of its run. */
  const takeSome = (): Job[] => {
    const some: Job[] = [];
    const left: Queued[] = [];
    const heldUp = new Set<number>();
    let weight = 0;
    for (const job of queue) {
      const isBlocked = job.run !== undefined && (engaged.has(job.run) || heldUp.has(job.run));
      if (isBlocked || (weight > 0 && weight >= most)) {
        left.push(job);
        if (job.run !== undefined) heldUp.add(job.run);
      } else if (job.kind === "gate") {
        if (some.some(({ run }) => run === job.run)) {
          left.push(job);
          heldUp.add(job.run);
        } else {
          engaged.add(job.run);
          job.open();
        }
      } else {
        some.push(job);
        weight += weightOf(job);
      }
    }
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
      await carry(jobs);
    } finally {
      flights--;
      for (const { run } of jobs) release(run);
      touch();
    }
  };

  /** Until the jobs are durable, refused, or put back. */
  const carry = async (jobs: readonly Job[], behind: () => readonly Job[] = () => []): Promise<"done" | "put back"> => {
    const startedAt = pace.monotonic();
    for (let tries = 1; ; tries++) {
      try {
        const { answers, tell } = await server.commit(jobs, (job) => doubtful.has(job));
        settle(jobs, answers, tell);
        return "done";
      } catch (error) {
        const verdict = closed ? "trouble" : server.judge(error);
        if (verdict === "lost") for (const job of jobs) doubtful.add(job);
        // Somebody keeps a lock that one of them needs: each goes by itself, and those before it are not kept waiting.
        if (verdict === "defect" || (verdict === "blocked" && jobs.length > 1)) return apart(jobs, error);
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
    restFor(troubleDelays[Math.min(failures++, troubleDelays.length - 1)] ?? 1_000);
    rouseIdlers();
  };

  /** One bad job must not take the others of its turn with it: each is tried by itself, in order. */
  const apart = async (jobs: readonly Job[], error: unknown): Promise<"done" | "put back"> => {
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
      if ((await carry([alone], behind)) === "put back") return "put back";
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
      restFor(troubleDelays[Math.min(failures++, troubleDelays.length - 1)] ?? 1_000);
    } finally {
      probing = false;
    }
  };

  return {
    push,
    submit: <T>(work: Pick<WorkJob, "run" | "needs" | "act" | "refusable">) =>
      new Promise<T>((resolve, reject) => {
        push({ kind: "work", ...work, resolve: resolve as (answer: unknown) => void, reject });
      }),
    hold: (run) =>
      new Promise((resolve, reject) => {
        push({
          kind: "gate",
          run,
          reject,
          open: () =>
            resolve(() => {
              release(run);
              touch();
            }),
        });
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
    close: () => {
      closed = true;
      resting?.();
      for (const job of queue.splice(0)) rejectJob(job, trouble ?? closing());
      for (const idler of idlers.splice(0)) idler();
    },
  };
};

const closing = (): Fault.Fault => Fault.make("runtime_closed", "The runtime is closed: nothing more is written.");
