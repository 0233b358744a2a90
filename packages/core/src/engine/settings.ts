/** Every default, in one place. `Runtime.open` settles the user's options over them. Times are in ms, sizes in bytes. */
import type { Retry } from "../model/backoff.ts";

export type Settings = {
  /** Runs executed at the same time by this process. A run that waits is none of them. */
  readonly concurrency: number;
  /** Parked runs kept in memory, so that they go on without a replay. */
  readonly hot: number;
  /** Retries of a step that says nothing else. */
  readonly retry: Retry;
  /** The largest value: an input, a result, a signal, a published state. */
  readonly payload: number;
  /** How long a silent worker keeps its runs. */
  readonly lease: number;
  /** How often a worker says that it lives. */
  readonly heartbeat: number;
  /** How often a process looks for what no hint told it of. */
  readonly poll: number;
  /** How often it looks whether the others live. */
  readonly others: number;
  /** How often it looks for what is seldom there: blocked runs to be tried, runs that were lost on their way into memory. */
  readonly rare: number;
  /** A wait up to this long keeps the run in memory; a longer one parks it. */
  readonly moment: number;
  /** A step that runs longer than this is recorded as running. */
  readonly visible: number;
  /** How long a body may rest on something Holdfast cannot see before it is said. */
  readonly patience: number;
  /** Crashes of its process after which a run that got nowhere is put aside. */
  readonly crashes: number;
  /** Who gets a run that is due: whoever has room, or for a moment the worker in whose memory it rests. */
  readonly strategy: "spread" | "sticky";
  /** How much of the work this worker takes, beside the weight of others. */
  readonly weight: number;
  /** How long `close` lets steps finish before it aborts them. */
  readonly drain: number;
  /** How long a function that was told to stop keeps its run from ending. */
  readonly grace: number;
};

export const defaults: Settings = {
  concurrency: 256,
  hot: 1_000,
  retry: { attempts: 5, delay: 1_000, factor: 2, ceiling: 60_000, jitter: "full" },
  payload: 1_048_576,
  lease: 30_000,
  heartbeat: 5_000,
  poll: 200,
  others: 200,
  rare: 5_000,
  moment: 100,
  visible: 1_000,
  patience: 1_000,
  crashes: 5,
  strategy: "spread",
  weight: 1,
  drain: 10_000,
  grace: 30_000,
};

/** Claims without progress from which on a run is executed apart from other suspects. */
export const suspectAt = 2;
/** How long, at most, something is left as it was last seen while it is in use: a breaker, runs that are due and could not be taken. */
export const fresh = 1_000;
/** Records read at once when a run is replayed. */
export const page = 1_000;
/** Rejections a cancelled body may swallow before it is let rest for good. */
export const mostSwallowed = 100;
/** How long, in ms, a run that is due waits for the worker in whose memory it rests. */
export const headStart = 100;
/** How long, in ms, a worker leaves work to others that have room before it takes more. */
export const courtesy = 10;
/** Once this part of its places is taken a worker leaves runs that it starts to others that had no more than this part of their own taken lately. */
export const startShare = 0.5;
/** How long, in ms, `close` waits for a database that does not answer to take the worker off the list. */
export const farewell = 5_000;
/** Parts of the work, workflows and tenants, that one claim takes runs of at most. */
export const mostParts = 16;
/** Tenants that are looked at for one claim. */
export const tenantsAtOnce = 32;
/** How often, in ms, the leader looks for runs that no worker can execute. */
export const survey = 60_000;
/** How often, in ms, it is looked whether the database takes writes, for the log to say so. */
export const ailing = 1_000;
/** How often, in ms, it is looked at what asks this machine alone: whether a neighbour is gone, what the heartbeat thread says. */
export const local = 200;
/** How long, in ms, after its end the heartbeat thread is started again: at first, and at most when it ends again and again. */
export const firstRestart = 1_000;
export const lastRestart = 60_000;
/** How long, in ms, after it began a wait for a result looks whether its run goes on by itself, and how often after that. */
export const firstStandingLook = 1_000;
export const rareStandingLook = 60_000;
