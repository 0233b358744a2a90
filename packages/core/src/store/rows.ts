/** The rows that cross the seam between the engine and a store, already free of any dialect. */
import type { Row } from "../model/records.ts";
import type { Status } from "../model/states.ts";

export type { Row };

/** What becomes of a child when its parent is at its end. */
export type Orphan = "cancel" | "keep";

/** The same in a row: `cancelled` says that the end of its parent, and nothing else, has asked the child to cancel. */
export type Fate = Orphan | "cancelled";

/** Why a run stands still: for a person to read, and for `Run.get`. */
export type Reason = { readonly code: string; readonly message: string; readonly [detail: string]: unknown };

/** A run without its input and output, which are records of its history. */
export type RunRow = {
  readonly key: number;
  readonly id: string;
  readonly workflow: string;
  readonly version: number;
  readonly status: Status;
  readonly lease: number;
  readonly worker: number | null;
  readonly wakeAt: number | null;
  readonly strikes: number;
  readonly mail: number;
  readonly cancel: string | null;
  readonly pause: boolean;
  readonly reason: Reason | null;
  readonly parent: number | null;
  readonly parentKey: string | null;
  readonly orphan: Fate | null;
  readonly correlation: string | null;
  readonly deadline: number | null;
  /** With whom it shares the workers: a customer, a kind of job. */
  readonly tenant: string | null;
  readonly createdAt: number;
  readonly endedAt: number | null;
};

/** How far a run has come: what tells that it has changed. */
export type Head = { readonly key: number; readonly status: Status; readonly seq: number };

/** The right to write for a run: the fence compares the number. */
export type Lease = { readonly run: number; readonly number: number };

export type NewRun = {
  readonly id: string;
  readonly workflow: string;
  readonly version: number;
  readonly input: string | null;
  readonly at: number;
  /** The worker that executes the run from its first moment; null leaves it to whoever claims it at `wakeAt`. */
  readonly worker: number | null;
  readonly wakeAt: number | null;
  readonly parent: number | null;
  readonly parentKey: string | null;
  readonly orphan: Orphan | null;
  readonly correlation: string | null;
  readonly deadline: number | null;
  readonly tenant: string | null;
  readonly tags: readonly string[];
};

export type Started =
  /** `here` is false when the worker meant to execute it was declared dead: then the run is due for everybody. */
  | { readonly kind: "created"; readonly key: number; readonly here: boolean }
  | { readonly kind: "existing"; readonly run: RunRow; readonly sameInput: boolean };

export type SignalRow = {
  readonly key: number;
  readonly name: string;
  readonly value: string | null;
  readonly at: number;
};

export type NewSignal = {
  readonly run: number;
  readonly name: string;
  readonly dedupe: string | null;
  readonly value: string | null;
  readonly at: number;
};

/** `known`: a message of this name and key was sent before. `conflict`: it was, with another value. */
export type Sent = { readonly kind: "sent" | "known" | "conflict" } | { readonly kind: "ended"; readonly status: Status };

/** A message that a record took. `seq` is that record's; null where an older release took it. */
export type TakenSignal = { readonly key: number; readonly name: string; readonly takenAt: number; readonly seq: number | null };

/** A run that goes on after its end: without some records, with others, and with messages back in its mailbox. */
export type Reopening = {
  readonly kind: "reopen";
  /** As the run was read. It is the guard. */
  readonly lease: Lease;
  readonly drop: readonly number[];
  readonly add: readonly Row[];
  /** The messages that records took which are dropped: they are in the mailbox again, in their old places. */
  readonly back: readonly { readonly signal: number; readonly seq: number }[];
};

/** A run that the end of its parent has asked to cancel, and that has not begun to: it is asked no more. */
export type Sparing = { readonly kind: "spare"; readonly lease: Lease };

export type GoingOn = Reopening | Sparing;

/** A workflow in one of its versions. */
export type Known = { readonly name: string; readonly version: number };

/** How busy a worker was at a moment. */
export type Load = {
  readonly at: number;
  /** Processors in use: 1 is one of them, all the time. */
  readonly cpu: number;
  /** Memory of the process, in bytes. */
  readonly memory: number;
  /** How late its event loop was at worst since the last time, in ms. */
  readonly lag: number;
  /** Runs in execution, and runs that rest in its memory. */
  readonly executing: number;
  readonly hot: number;
  /** The most runs that were in execution at once since the time before. */
  readonly busiest: number;
  /** What gives its heartbeats: a thread, or the event loop while there is no thread. Undefined for one of an older release. */
  readonly heartbeat?: "thread" | "loop" | undefined;
};

export type WorkerRow = {
  readonly key: number;
  readonly machine: string;
  readonly pid: number;
  readonly born: string;
  readonly host: string;
  readonly execute: boolean;
  readonly beat: number;
  /** How long, in ms, the worker may be silent before it is declared dead: its own setting, whoever looks. */
  readonly lease: number;
  readonly openedAt: number;
  /** The version of the user's program, and that of this library. */
  readonly release: string | null;
  readonly library: string | null;
  /** What it knows; null where an older release did not say. */
  readonly workflows: readonly Known[] | null;
  /** Runs that it executes at the same time. */
  readonly capacity: number | null;
  readonly weight: number;
  /** It has no room: runs that rest in its memory do not wait for it. */
  readonly full: boolean;
  readonly load: Load | null;
  /** What it leads, and in which term. */
  readonly leads: readonly { readonly name: string; readonly term: number }[];
};

/** What a worker says of itself when it comes. */
export type NewWorker = Omit<WorkerRow, "key" | "beat" | "full" | "load" | "leads">;

/** Beats that a thread does for a worker. */
export type Beat = {
  /** Ms since the last beat that was accepted began. `Infinity` before the first. */
  readonly age: () => number;
  /** True once after the worker was declared dead. */
  readonly refused: () => boolean;
  /** True once after a beat met a database that is being moved, or was. */
  readonly fenced: () => boolean;
  readonly beatFor: (worker: number) => void;
  /** With the next beat it is said how busy the worker is. */
  readonly tell: (load: string) => void;
  readonly stop: () => void;
  /** Resolves with the reason when the thread ends without being told to: it beats no more. */
  readonly died: Promise<Error>;
};

/** Who does what only one is to do. */
export type LeaderRow = {
  readonly name: string;
  readonly worker: number | null;
  /** Grows by one with each change of the worker. */
  readonly term: number;
  readonly since: number;
  /** What a leader leaves to the next one. */
  readonly memo: string | null;
};

/** A breaker. Counts are those of the window that began at `windowAt`; while it is not closed they go on from those that opened it. */
export type BreakerRow = {
  readonly name: string;
  readonly state: "closed" | "open" | "half-open";
  readonly successes: number;
  readonly failures: number;
  readonly rejects: number;
  readonly windowAt: number;
  /** Since when it is not closed. */
  readonly openedAt: number | null;
  /** When a probe is let through. */
  readonly retryAt: number | null;
  /** The worker that probes; null when nobody does, or when that worker is on the list no more. */
  readonly probe: number | null;
  readonly probeAt: number | null;
};

/**
 * What a database says of its move. A source is copied from (`copying`), closed for writing while the rest is copied (`moving`), closed for good
 * (`moved`), or opened again (`abandoning`). A destination is not whole yet (`arriving`), or is (`arrived`). A backup is kept.
 */
export type MoveRow = {
  readonly role: "source" | "destination" | "backup";
  readonly state: "copying" | "moving" | "moved" | "abandoning" | "arriving" | "arrived" | "kept";
  readonly other: string;
  readonly token: string;
  readonly turn: number;
};

/** Runs to be taken: of one workflow, and of one tenant where it says so. */
export type Part = Known & { readonly tenant: string | null };

export type Claim = {
  readonly worker: number;
  readonly parts: readonly Part[];
  readonly now: number;
  /** How many are taken of each part. */
  readonly each: number;
  /** How long, in ms, a run that is due waits for the worker in whose memory it rests, if that lives and has room. */
  readonly headStart: number;
  /** A run that was claimed this often without getting on is a suspect: it is taken only while no other suspect is executed. */
  readonly suspectAt: number;
  /** Blocked runs that the worker has tried already: it leaves them to others. */
  readonly unfit: readonly number[];
};

/** A workflow that has runs with a wake time. */
export type Due = Known & {
  /** When the first of them is due. */
  readonly wakeAt: number;
  /** How many are due, as far as was to be counted. */
  readonly count: number;
  /** True when runs of several tenants share it. */
  readonly isShared: boolean;
};

/** Work of the user's inside one transaction with a record of ours. */
export type TransactionWork = {
  readonly lease: Lease;
  readonly row: (value: unknown) => Row;
  readonly run: (tx: unknown) => unknown;
  /**
   * Called in the moment in which it cannot be told any more whether the commit happened. What was asked for under the lease since the row was made, and is
   * not written yet, never is; what is asked for from within this call is.
   */
  readonly doubt: () => void;
};

/** Which runs a list shows. */
export type Filter = {
  readonly workflow: string | undefined;
  readonly statuses: readonly Status[] | undefined;
  readonly tag: string | undefined;
  readonly parent: number | undefined;
  readonly from: number | undefined;
  readonly until: number | undefined;
  readonly before: number | undefined;
  readonly limit: number;
};
