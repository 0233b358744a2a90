/**
 * Group commit: all writes of one turn of the event loop, over all runs, become one transaction.
 *
 *   submit ──► queue ──setImmediate──► beforeCommit (bodies run ahead, more joins) ──► one transaction ──► promises resolve
 *                ▲                                                                        │
 *                ├──────────── busy: again in 1–3 ms, nothing is lost ◄───────────────────┤
 *                └──────────── trouble: refusable writes reject, the others wait ◄────────┘
 *
 * A crash before the commit leaves nothing of the batch; a crash after it leaves all of it.
 */

export type Job = {
  readonly work: () => unknown;
  readonly refusable: boolean;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
};

export type Verdict = { readonly kind: "busy" } | { readonly kind: "trouble"; readonly error: Error } | { readonly kind: "defect" };

export type Database = {
  /** Does all the work in one transaction, at once, and answers in order. */
  readonly commit: (jobs: readonly Job[]) => unknown[];
  readonly judge: (error: unknown) => Verdict;
  /** Called before the first try after trouble. */
  readonly recover: () => void;
  readonly beforeCommit: () => void;
};

export type Group = {
  readonly submit: <T>(work: () => T, refusable: boolean) => Promise<T>;
  readonly touch: () => void;
  readonly trouble: () => Error | undefined;
  /** Resolves when nothing waits any more. */
  readonly idle: () => Promise<void>;
  readonly close: () => void;
};

const mostJobs = 2_000;
const troubleDelays = [50, 100, 250, 500, 1_000];

export const createGroup = (database: Database): Group => {
  let queue: Job[] = [];
  let scheduled = false;
  let resting: ReturnType<typeof setTimeout> | undefined;
  let trouble: Error | undefined;
  let failures = 0;
  let closed = false;
  let idlers: (() => void)[] = [];

  const touch = (): void => {
    if (scheduled || closed) return;
    scheduled = true;
    setImmediate(flush);
  };

  const restFor = (ms: number): void => {
    resting = setTimeout(() => {
      resting = undefined;
      touch();
    }, ms);
  };

  const settle = (jobs: readonly Job[], answers: readonly unknown[]): void => {
    trouble = undefined;
    failures = 0;
    for (const [index, job] of jobs.entries()) job.resolve(answers[index]);
  };

  const putBack = (jobs: readonly Job[]): void => {
    queue = [...jobs, ...queue];
  };

  const onTrouble = (jobs: readonly Job[], error: Error): void => {
    trouble = error;
    putBack(jobs.filter((job) => !job.refusable));
    for (const job of jobs) if (job.refusable) job.reject(error);
    restFor(troubleDelays[Math.min(failures++, troubleDelays.length - 1)] ?? 1_000);
  };

  /** One bad job must not take the others of its turn with it: each is tried by itself. */
  const apart = (jobs: readonly Job[]): void => {
    for (const [index, job] of jobs.entries()) if (!attempt([job])) return putBack(jobs.slice(index + 1));
  };

  const attempt = (jobs: readonly Job[]): boolean => {
    try {
      if (trouble !== undefined) database.recover();
      settle(jobs, database.commit(jobs));
      return true;
    } catch (error) {
      const verdict = database.judge(error);
      switch (verdict.kind) {
        case "busy":
          putBack(jobs);
          restFor(1 + Math.random() * 2);
          return false;
        case "trouble":
          onTrouble(jobs, verdict.error);
          return false;
        case "defect":
          if (jobs.length > 1) apart(jobs);
          else jobs[0]?.reject(error);
          return true;
      }
    }
  };

  const flush = (): void => {
    scheduled = false;
    if (closed) return;
    database.beforeCommit();
    if (resting === undefined && queue.length > 0) {
      const jobs = queue.length > mostJobs ? queue.splice(0, mostJobs) : queue;
      if (jobs === queue) queue = [];
      attempt(jobs);
    }
    if (queue.length > 0 && resting === undefined) touch();
    if (queue.length === 0) for (const idler of idlers.splice(0)) idler();
  };

  return {
    submit: <T>(work: () => T, refusable: boolean) =>
      new Promise<T>((resolve, reject) => {
        queue.push({ work, refusable, resolve: resolve as (answer: unknown) => void, reject });
        touch();
      }),
    touch,
    trouble: () => trouble,
    idle: () =>
      new Promise((resolve) => {
        idlers.push(resolve);
        touch();
      }),
    close: () => {
      closed = true;
      clearTimeout(resting);
      for (const idler of idlers.splice(0)) idler();
      idlers = [];
    },
  };
};
