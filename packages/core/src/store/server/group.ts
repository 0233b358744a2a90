/**
 * Group commit over a network: all writes of one turn, over all runs, become one transaction, and several transactions are under way.
 *
 *   submit ─► queue ─end of turn─► beforeCommit (bodies run ahead) ─► those whose run has nothing under way ─► one transaction ─► told
 *               ▲                                                                                                 │
 *               ├── a conflict, or the connection is gone: the same again, for every write is safe to repeat ◄────┤
 *               ├── trouble: refusable writes reject, the others wait ◄───────────────────────────────────────────┤
 *               └── the database is another one: nothing that was asked for before is written ◄───────────────────┤
 *                                                                                                                 │
 *   the lane: each run by itself, beside the flights ◄── somebody keeps a lock that it needs: the others fly on ◄─┘
 *
 * What a run asks for is committed in the order in which it was asked for: it is in one transaction at a time. So it is in one place, and engaged, from when it
 * leaves the queue until it is told or back at the queue's head:
 *
 *   | the run is       | what it asks for | close               | outdate                 | trouble                             | idle             |
 *   | in a flight      | stays in queue   | the try is the last | nothing more is written | it met it: to the head of the queue | waits            |
 *   | in the lane      | joins it there   | rejected            | outdated                | stays, and rests                    | waits for `busy` |
 *   | tried from there | stays in queue   | the try is the last | nothing more is written | it met it: to the head of the queue | waits for `busy` |
 *   | held by a gate   | stays in queue   | rejected            | outdated                | stays                               | waits            |
 *
 * A gate stays in the queue until its run is in no other place: what is discarded while it is open is in the queue, and nowhere else.
 */
import * as Fault from "../../model/fault.ts";
import type { Pace } from "../contract.ts";
import { jittered } from "../pace.ts";
import type { Batch } from "./batch.ts";
import { createCarry, type Blocked, type Outcome, type Server as Carrier } from "./carry.ts";
import { createHold } from "./gate.ts";
import { another } from "./incarnation.ts";
import { createLane } from "./lane.ts";
import { answerJob, following, isRefusable, outdateJob, rejectJob, split, usual } from "./work.ts";
import type { Hold, Job, Limits, Queued, Wish } from "./work.ts";

export type Server = Carrier & {
  readonly faultOf: (error: unknown) => Error;
  /** Of these runs, the rows that somebody has locked just now. Does not wait for them. */
  readonly locked: (runs: readonly number[]) => Promise<ReadonlySet<number>>;
  /** Rejects while the database takes no writes. */
  readonly probe: () => Promise<void>;
  readonly beforeCommit: () => void;
  /** A commit brought something that others may want to know. */
  readonly tell: () => void;
};

export type Group = {
  readonly push: (job: Job) => void;
  readonly submit: <T>(work: Wish) => Promise<T>;
  /** A gate behind all that was asked for this run up to this moment. */
  readonly hold: (run: number) => Hold;
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

  const letGo = (run: number | undefined): void => {
    if (run !== undefined) engaged.delete(run);
    touch();
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
      const free = lane.sift(some);
      if (free.length > 0) void fly(free, age);
    }
    rouseIdlers();
  };

  const rouseIdlers = (): void => {
    if (idlers.length === 0 || (trouble === undefined && (flights > 0 || !lane.isStuck(queue)))) return;
    for (const idler of idlers.splice(0)) idler();
  };

  /** Until it is over with each of them, or it is in the lane. */
  const fly = async (jobs: readonly Job[], askedIn: number): Promise<void> => {
    flights++;
    const startedAt = pace.monotonic();
    try {
      for (let left = jobs; left.length > 0;) {
        const blocked = await attempt(left, askedIn);
        left = blocked ? await lane.take(blocked, startedAt, () => isOver(askedIn)) : [];
      }
    } finally {
      flights--;
      touch();
    }
  };

  const isOver = (askedIn: number): boolean => closed || age !== askedIn;

  /** Answers with what a lock keeps. With the others it is over, and their runs are let go. */
  const attempt = async (jobs: readonly Job[], askedIn: number): Promise<Blocked | undefined> => {
    const outcome = await carry(jobs, askedIn);
    const kept = new Set<number | undefined>();
    if (outcome.kind === "blocked") for (const { run } of outcome.jobs) kept.add(run);
    else conclude(outcome);
    for (const { run } of jobs) if (!kept.has(run)) letGo(run);
    return outcome.kind === "blocked" ? outcome : undefined;
  };

  const conclude = (outcome: Exclude<Outcome, Blocked>): void => {
    switch (outcome.kind) {
      case "done":
        return;
      case "defect":
        return refuse(outcome.jobs, outcome.error);
      case "trouble":
        return onTrouble(outcome.jobs, server.faultOf(outcome.error));
      case "outdated":
        return outcome.jobs.forEach((job) => outdateJob(job, another()));
    }
  };

  const settle = (jobs: readonly Job[], { answers, tell }: Batch): void => {
    most = Math.min(limits.weight, most * 2);
    trouble = undefined;
    failures = 0;
    for (const [index, job] of jobs.entries()) answerJob(job, answers[index]);
    if (tell) server.tell();
  };

  /** Written or not, a job whose answer is not known is done again; whoever may be refused is told that it may have happened. */
  const onTrouble = (jobs: readonly Job[], error: Error): void => {
    trouble = error;
    // What was too much to get across in time is tried in smaller parts.
    most = Math.max(1, most / 2);
    const isRefused = (job: Job): boolean => closed || isRefusable(job);
    queue = [...jobs.filter((job) => !isRefused(job)), ...queue];
    for (const job of jobs) if (isRefused(job)) rejectJob(job, error);
    restFor(nextRest());
    rouseIdlers();
  };

  /** The first of them cannot be done, and with it nothing that its run has asked for since. */
  const refuse = (jobs: readonly Job[], error: unknown): void => {
    const runs = new Set(jobs.flatMap(({ run }) => run ?? []));
    const isGone = ({ run }: Queued): boolean => run !== undefined && runs.has(run);
    const gone = [...jobs, ...queue.filter(isGone)];
    queue = queue.filter((job) => !isGone(job));
    // What somebody asks for when he hears of it is no part of it any more.
    const fault = server.faultOf(error);
    for (const job of gone) rejectJob(job, fault);
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

  const carry = createCarry(server, pace, limits, {
    age: () => age,
    isClosed: () => closed,
    isTroubled: () => trouble !== undefined,
    settle,
    refuse,
  });

  const lane = createLane(
    {
      locked: server.locked,
      attempt: async (jobs, stay) => {
        const askedIn = age;
        for (let blocked = await attempt(jobs, askedIn); blocked; blocked = await attempt(blocked.jobs, askedIn))
          if (!isOver(askedIn)) return stay(blocked);
      },
      follow: (runs) => {
        const { some, left } = following(queue, runs);
        queue = left;
        return some;
      },
      release: letGo,
      isResting: () => resting !== undefined,
      faultOf: server.faultOf,
      rouse: rouseIdlers,
    },
    pace,
    limits,
  );

  return {
    push,
    submit: <T>(work: Wish) =>
      new Promise<T>((resolve, reject) => {
        push({ kind: "work", ...work, resolve: resolve as (answer: unknown) => void, reject });
      }),
    hold: createHold({
      waiting: () => queue,
      keep: (left) => void (queue = left),
      push,
      letGo,
      touch,
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
      const kept = lane.empty();
      for (const { run } of kept) letGo(run);
      for (const job of [...kept, ...queue.splice(0)]) outdateJob(job, another());
    },
    close: () => {
      closed = true;
      resting?.();
      for (const job of [...lane.empty(), ...queue.splice(0)]) rejectJob(job, trouble ?? closing());
      for (const idler of idlers.splice(0)) idler();
    },
  };
};

const closing = (): Fault.Fault => Fault.make("runtime_closed", "The runtime is closed: nothing more is written.");
