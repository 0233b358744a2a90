/**
 * Group commit: all writes of one turn of the event loop, over all runs, become one transaction.
 *
 *   submit ──► queue ──end of turn──► beforeCommit (bodies run ahead, more joins) ──► one transaction ──► all are told
 *                ▲                          ▲                                             │
 *                │                          └──── they ask for more: at once, for a spell ┤
 *                ├──────────── busy: again in 1–3 ms, nothing is lost ◄───────────────────┤
 *                └──────────── trouble: refusable writes reject, the others wait ◄────────┘
 *
 * A crash before the commit leaves nothing of the batch; a crash after it leaves all of it.
 */
import * as Fault from "../model/fault.ts";
import type { Pace, Told } from "./contract.ts";
import { machinePace } from "./pace.ts";
import type { Lease, Row } from "./rows.ts";

/** `run` is the one it writes for. Its writes build on each other: after one that cannot be done, none is. */
export type Job =
  /** Says what is to be written, so that many can be written together. `told` never throws. */
  | { readonly kind: "record"; readonly run: number; readonly lease: Lease; readonly row: Row; readonly told: Told }
  | {
      readonly kind: "work";
      readonly run: number | undefined;
      readonly work: () => unknown;
      readonly refusable: boolean;
      readonly resolve: (answer: unknown) => void;
      readonly reject: (error: unknown) => void;
    };

const isRefusable = (job: Job): boolean => job.kind === "work" && job.refusable;

const answerJob = (job: Job, answer: unknown): void => {
  if (job.kind === "record") job.told(answer === true ? "kept" : "fenced");
  else job.resolve(answer);
};

const rejectJob = (job: Job, error: unknown): void => {
  if (job.kind === "record") job.told({ refused: error });
  else job.reject(error);
};

export type Verdict = { readonly kind: "busy" | "trouble"; readonly error: Error } | { readonly kind: "defect" };

export type Database = {
  /** Does all the work in one transaction, at once, and answers in order. */
  readonly commit: (jobs: readonly Job[]) => unknown[];
  readonly judge: (error: unknown) => Verdict;
  /** Called before each try after trouble. */
  readonly recover: () => void;
  /** Writes something and takes it back: how the end of trouble is noticed while nobody writes. */
  readonly probe: () => void;
  readonly beforeCommit: () => void;
  /** Called when the event loop gives us our turn: the world may have changed since. */
  readonly beforeSpell: () => void;
};

export type Limits = {
  /** How much goes into one transaction: a record weighs 1, any other job 4. It holds the loop for about 1 µs for each. */
  readonly weight: number;
  /** How long, in ms, another process may keep us waiting before that is trouble. */
  readonly busy: number;
  /** How long, in ms, one commit may follow the other before the event loop has its turn. */
  readonly spell: number;
};

export const usual: Limits = { weight: 2_500, busy: 10_000, spell: 4 };

export type Group = {
  readonly submit: <T>(work: () => T, refusable: boolean, run?: number) => Promise<T>;
  /** A job that is told of by its callbacks, without a promise. */
  readonly push: (job: Job) => void;
  /** Calls at once after a commit that leaves nothing waiting: what was asked for before is durable, and nothing comes between. */
  readonly after: <T>(work: () => T) => Promise<T>;
  readonly touch: () => void;
  readonly trouble: () => Error | undefined;
  /** A read met trouble: writes go on only after the database has recovered. */
  readonly ail: (error: Error) => void;
  /** Resolves when nothing waits any more, or when nothing can be written. */
  readonly idle: () => Promise<void>;
  /** Rejects what still waits, and whatever is asked for from now on. */
  readonly close: () => void;
};

const troubleDelays = [50, 100, 250, 500, 1_000];

export const createGroup = (database: Database, limits: Limits = usual, pace: Pace = machinePace): Group => {
  let queue: Job[] = [];
  let scheduled = false;
  let flushing = false;
  let flushedAt = 0;
  let resting: (() => void) | undefined;
  let trouble: Error | undefined;
  let failures = 0;
  let busySince: number | undefined;
  let closed = false;
  const idlers: (() => void)[] = [];
  const broken = new Map<number, unknown>();
  const probe: Job = {
    kind: "work",
    work: database.probe,
    refusable: true,
    run: undefined,
    resolve: () => {},
    reject: () => {},
  };

  const touch = (): void => {
    if (scheduled || closed) return;
    scheduled = true;
    if (!flushing) pace.soon(flush);
  };

  const restFor = (ms: number): void => {
    resting?.();
    resting = pace.later(ms, () => {
      resting = undefined;
      touch();
    });
  };

  const settle = (jobs: readonly Job[], answers: readonly unknown[]): void => {
    trouble = undefined;
    busySince = undefined;
    failures = 0;
    let index = 0;
    for (const job of jobs) answerJob(job, answers[index++]);
  };

  const putBack = (jobs: readonly Job[]): void => {
    queue = [...jobs, ...queue];
  };

  const push = (job: Job): void => {
    if (closed) return rejectJob(job, closing());
    queue.push(job);
    touch();
  };

  const onTrouble = (jobs: readonly Job[], error: Error): void => {
    trouble = error;
    putBack(jobs.filter((job) => !isRefusable(job)));
    for (const job of jobs) if (isRefusable(job)) rejectJob(job, error);
    restFor(troubleDelays[Math.min(failures++, troubleDelays.length - 1)] ?? 1_000);
  };

  const onBusy = (jobs: readonly Job[], error: Error): void => {
    busySince ??= pace.monotonic();
    if (pace.monotonic() - busySince >= limits.busy) return onTrouble(jobs, error);
    putBack(jobs);
    restFor(1 + pace.chance() * 2);
  };

  /** One bad job must not take the others of its turn with it: each is tried by itself, in order. */
  const apart = (jobs: readonly Job[]): void => {
    for (const [index, job] of jobs.entries()) {
      if (job.run !== undefined && broken.has(job.run)) rejectJob(job, broken.get(job.run));
      else if (!attempt([job], jobs.slice(index + 1))) return;
    }
  };

  /** Those of the jobs whose run has had none that could not be done; the others are refused like that one. */
  const unbroken = (jobs: readonly Job[]): readonly Job[] =>
    jobs.filter((job) => {
      if (job.run === undefined || !broken.has(job.run)) return true;
      rejectJob(job, broken.get(job.run));
      return false;
    });

  /** The job cannot be done, and with it nothing that its run has asked for since. */
  const refuse = (job: Job, error: unknown): void => {
    if (job.run === undefined) return rejectJob(job, error);
    broken.set(job.run, error);
    const gone = [job, ...queue.filter(({ run }) => run === job.run)];
    queue = queue.filter(({ run }) => run !== job.run);
    // What somebody asks for when he hears of it is no part of it any more.
    for (const each of gone) rejectJob(each, error);
  };

  /** Answers whether the jobs are done with. When they are to be tried again, so are those behind them. */
  const attempt = (jobs: readonly Job[], behind: readonly Job[] = []): boolean => {
    let answers: readonly unknown[];
    try {
      if (trouble !== undefined) database.recover();
      answers = database.commit(jobs);
    } catch (error) {
      const verdict = database.judge(error);
      if (verdict.kind !== "defect") putBack(unbroken(behind));
      switch (verdict.kind) {
        case "busy":
          onBusy(jobs, verdict.error);
          return false;
        case "trouble":
          onTrouble(jobs, verdict.error);
          return false;
        case "defect":
          if (jobs.length > 1) apart(jobs);
          else for (const job of jobs) refuse(job, error);
          return true;
      }
    }
    settle(jobs, answers);
    return true;
  };

  const takeSome = (): Job[] => {
    let weight = 0;
    const end = queue.findIndex((job) => (weight += job.kind === "record" ? 1 : 4) > limits.weight);
    const some = queue;
    queue = end < 0 ? [] : queue.slice(Math.max(1, end));
    if (end >= 0) some.length = Math.max(1, end);
    return some;
  };

  const isAskedForMore = (): boolean => scheduled && resting === undefined;

  /** The next commit is taken to last as long as the one before. */
  const isTimeForAnother = (until: number): boolean => {
    const now = pace.monotonic();
    const lasted = now - flushedAt;
    return now + lasted < until;
  };

  const flush = (): void => {
    const until = pace.monotonic() + limits.spell;
    flushing = true;
    database.beforeSpell();
    try {
      do flushOnce();
      while (isAskedForMore() && isTimeForAnother(until));
    } finally {
      flushing = false;
      if (scheduled) pace.soon(flush);
    }
  };

  const flushOnce = (): void => {
    scheduled = false;
    flushedAt = pace.monotonic();
    if (closed) return;
    database.beforeCommit();
    if (resting === undefined) {
      if (queue.length > 0) attempt(takeSome());
      else if (trouble !== undefined) attempt([probe]);
    }
    broken.clear();
    if (queue.length > 0 && resting === undefined) touch();
    if (queue.length === 0 || trouble !== undefined) for (const idler of idlers.splice(0)) idler();
  };

  return {
    submit: <T>(work: () => T, refusable: boolean, run?: number) =>
      new Promise<T>((resolve, reject) => {
        push({ kind: "work", work, refusable, run, resolve: resolve as (answer: unknown) => void, reject });
      }),
    push,
    after: <T>(work: () => T) =>
      new Promise<T>((resolve, reject) => {
        const alone = (): void => {
          if (queue.length > 0) return wait();
          try {
            resolve(work());
          } catch (error) {
            // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- whatever the user's function threw
            reject(error);
          }
        };
        const wait = (): void => {
          push({ kind: "work", work: () => undefined, refusable: false, run: undefined, resolve: alone, reject });
        };
        wait();
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
