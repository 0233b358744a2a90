/** What is asked of the database in one turn, before it is known how it is to be said to it. */
import type { Told } from "../contract.ts";
import type { Lease, NewRun, Row } from "../rows.ts";
import type { Desk } from "./desk.ts";

/** What has to be on the desk before a piece of work can be done. Runs and messages are locked, in the order of their keys. */
export type Needs = {
  readonly runs?: readonly number[];
  /** The children of this run that are to end with it. */
  readonly orphansOf?: number;
  /** A run to be inserted, unless there is one with its id. */
  readonly birth?: NewRun;
  /** Whether a record stands at this place. */
  readonly stands?: { readonly run: number; readonly seq: number };
  readonly signal?: number;
  /** About how long the text is that it writes, where that may be much. */
  readonly bytes?: number;
  /** Whether a message of the run with this name and key is there. */
  readonly dedupe?: { readonly run: number; readonly name: string; readonly key: string };
};

/** A record of a run's history: many become one statement, which fences each. `told` never throws. */
export type RecordJob = {
  readonly kind: "record";
  readonly run: number;
  readonly lease: Lease;
  readonly row: Row;
  readonly told: Told;
};

/** `act` may be called again when the transaction is. */
export type WorkJob = {
  readonly kind: "work";
  /** Orders it among the others of this run. */
  readonly run: number | undefined;
  readonly needs: Needs;
  readonly act: (desk: Desk) => unknown;
  readonly refusable: boolean;
  /** What it answers when its lease is lost. */
  readonly fenced: unknown;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
};

/** A piece of work as it is handed over. */
export type Wish = Pick<WorkJob, "run" | "needs" | "act" | "refusable" | "fenced">;

export type Job = RecordJob | WorkJob;

/** Holds up what a run asks for from now on, once all it asked for before is durable. */
export type Gate = {
  readonly kind: "gate";
  readonly run: number;
  readonly open: () => void;
  readonly reject: (error: unknown) => void;
};

/** A gate in the hands of whoever put it there. */
export type Hold = {
  /** Resolves once all that the run asked for before is durable: from then on nothing more of it is written until this is released. */
  readonly opened: Promise<void>;
  /** Opened or not, it holds up nothing any more. */
  readonly release: () => void;
  /** What the run has asked for since is forgotten, without a word; other gates of it are told. */
  readonly discard: () => void;
};

export type Queued = Job | Gate;

export type Limits = {
  /** How much goes into one transaction: a record weighs 1, any other job 4, and what is large more. */
  readonly weight: number;
  /** How many transactions are under way at once. */
  readonly flights: number;
  /** How long, in ms, conflicts may keep what was asked before that is trouble, and a lock whoever may be refused. */
  readonly busy: number;
};

export const usual: Limits = { weight: 4_000, flights: 3, busy: 5_000 };

/** Bytes that weigh as much as a record. */
const heavy = 16_384;

/** How much of a transaction a job is. */
const weightOf = (job: Job): number =>
  job.kind === "record"
    ? 1 + (job.row.value?.length ?? 0) / heavy
    : 4 + ((job.needs.birth?.input?.length ?? 0) + (job.needs.bytes ?? 0)) / heavy;

/**
 * Of what waits, in order, as much as this weight allows of what has its run to itself; gates on the way are opened. What stays behind holds up the rest of its
 * run. Runs with something under way are engaged.
 */
export const split = (
  queue: readonly Queued[],
  engaged: Set<number>,
  most: number,
): { readonly some: readonly Job[]; readonly left: Queued[] } => {
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
  return { some, left };
};

/** What these runs have asked for, up to the first gate of each, and what waits beside it. */
export const following = (
  queue: readonly Queued[],
  runs: ReadonlySet<number>,
): { readonly some: readonly Job[]; readonly left: Queued[] } => {
  const some: Job[] = [];
  const left: Queued[] = [];
  const heldUp = new Set<number>();
  for (const job of queue) {
    if (job.kind === "gate") heldUp.add(job.run);
    if (job.kind !== "gate" && job.run !== undefined && runs.has(job.run) && !heldUp.has(job.run)) some.push(job);
    else left.push(job);
  }
  return { some, left };
};

/** Jobs by their runs, each in the order in which it was asked for; what is of no run stands by itself. */
export const byRun = (jobs: readonly Job[]): Job[][] => [...Map.groupBy(jobs, (job) => job.run ?? job).values()];

/** The runs whose rows a job needs, as far as that is known before it is done. */
export const rowsOf = (job: Job): readonly number[] => {
  if (job.kind === "record") return [job.run];
  const { runs = [], orphansOf } = job.needs;
  return orphansOf === undefined ? runs : [...runs, orphansOf];
};

export const isRefusable = (job: Job): boolean => job.kind === "work" && job.refusable;

export const answerJob = (job: Job, answer: unknown): void => {
  if (job.kind === "record") job.told(answer === true ? "kept" : "fenced");
  else job.resolve(answer);
};

/** Nothing of it is written, for the ground it stands on is gone: a lease is as good as lost, and who may ask again is told why. */
export const outdateJob = (job: Queued, error: unknown): void => {
  if (job.kind === "record") job.told("fenced");
  else if (job.kind === "gate" || job.refusable) job.reject(error);
  else job.resolve(job.fenced);
};

export const rejectJob = (job: Queued, error: unknown): void => {
  if (job.kind === "record") job.told({ refused: error });
  else job.reject(error);
};
