/** The rows that cross the seam between the engine and a store, already free of any dialect. */
import type { Row } from "../model/records.ts";
import type { Status } from "../model/states.ts";

export type { Row };

/** What becomes of a child when its parent is at its end. */
export type Orphan = "cancel" | "keep";

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
  readonly orphan: Orphan | null;
  readonly correlation: string | null;
  readonly deadline: number | null;
  readonly createdAt: number;
  readonly endedAt: number | null;
};

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

export type Sent = { readonly kind: "sent" } | { readonly kind: "known" } | { readonly kind: "ended"; readonly status: Status };

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
