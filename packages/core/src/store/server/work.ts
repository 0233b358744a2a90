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
  /** Whether a message of the run with this key is there. */
  readonly dedupe?: { readonly run: number; readonly key: string };
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
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
};

export type Job = RecordJob | WorkJob;

/** Holds up what a run asks for from now on, once all it asked for before is durable. */
export type Gate = {
  readonly kind: "gate";
  readonly run: number;
  readonly open: () => void;
  readonly reject: (error: unknown) => void;
};

export type Queued = Job | Gate;

/** Bytes that weigh as much as a record. */
const heavy = 16_384;

/** How much of a transaction a job is. */
export const weightOf = (job: Job): number =>
  job.kind === "record"
    ? 1 + (job.row.value?.length ?? 0) / heavy
    : 4 + ((job.needs.birth?.input?.length ?? 0) + (job.needs.bytes ?? 0)) / heavy;

export const isRefusable = (job: Job): boolean => job.kind === "work" && job.refusable;

export const answerJob = (job: Job, answer: unknown): void => {
  if (job.kind === "record") job.told(answer === true ? "kept" : "fenced");
  else job.resolve(answer);
};

/** The same job, and `call` hears of it when it cannot be done. */
export const failing = (job: Job, call: () => unknown): Job => {
  const heard = (error: unknown): void => {
    call();
    rejectJob(job, error);
  };
  return job.kind === "work"
    ? { ...job, reject: heard }
    : { ...job, told: (outcome) => (typeof outcome === "object" ? heard(outcome.refused) : job.told(outcome)) };
};

export const rejectJob = (job: Queued, error: unknown): void => {
  if (job.kind === "record") job.told({ refused: error });
  else job.reject(error);
};
