/** One run in memory: its place in the history, the operations its body waits for, and what is under way. */
import type { Logger } from "pino";
import { decode } from "../model/codec.ts";
import type { Failure } from "../model/failure.ts";
import type { Fault } from "../model/fault.ts";
import type { Drawn, Place } from "../model/places.ts";
import { isLoose, type Row } from "../model/records.ts";
import type { Reason, RunRow, SignalRow } from "../store/rows.ts";
import type { Strand } from "./caller.ts";
import type { Untyped } from "./definition.ts";
import type { Engine } from "./engine.ts";
import type { Operation, Plan } from "./operation.ts";
import type { Entry } from "./record.ts";
import { recordedIn, type Recorded } from "./recorded.ts";
import { scopeUnder, type Scope } from "./scope.ts";

export type Outcome =
  /** `output` is checked and encoded. */
  | { readonly kind: "returned"; readonly output: string | null }
  | { readonly kind: "threw"; readonly error: unknown }
  | { readonly kind: "unwound"; readonly error: unknown; readonly undo: readonly UndoFailure[] };

export type UndoFailure = { readonly key: string; readonly failure: Failure };

/** A step that has been done and says how it is undone. */
export type Undoable = { readonly operation: Operation; readonly value: unknown };

/** A record on its way to the body; a live one brings what the body is given. */
export type Delivery = { readonly row: Row; readonly answer: Answer | undefined };
export type Answer = { readonly kind: "value"; readonly value: unknown } | { readonly kind: "error"; readonly error: Error };

/** Messages that nobody took, and children at their end, oldest first. */
export type Found = {
  readonly signals: readonly SignalRow[];
  readonly children: { readonly parentKey: string; readonly id: string; readonly row: Row }[];
};

/** Looks for messages and ended children. */
export type Mailbox = {
  /** Reads under way that may give the body something. */
  reading: number;
  collectAgain: boolean;
  /** What a look has found and the body was not given yet. */
  found: Found | undefined;
  /** True once it was said that a message may have gone to a wait that the body has given up. */
  warnedOfWait: boolean;
  /** Messages that were given to the body, as long as a look into the mailbox may still find them. */
  readonly taken: Map<number, "writing" | "written">;
};

/** An operation that gets its key later, and the code that asked for it. */
export type Unkeyed = { readonly operation: Operation; readonly path: string; readonly asker: Strand };

export type Computing = {
  /** By the monotonic clock: until when the run stays in memory although it is parked, and when it left. */
  pinnedUntil: number;
  evictedAt: number;
  /** Until then, by the monotonic clock, a run that was refused before starts nothing. */
  refusedUntil: number | undefined;
  /** Draws that were made while it was parked, to be noted when it is executed again. */
  readonly lateDraws: Entry[];
  /** Recorded draws that were made again, by their seqs. */
  readonly redrawn: Set<number>;
  /** Operations that get their keys when the replay is through, in the order in which they were asked for. */
  readonly unkeyed: Unkeyed[];
  unkeyedCount: number;
  /** Keys of records without a place that were found for an ask after other work: no other operation gets one. */
  readonly found: Set<string>;
  /** What was rejected in the recorded run when it was asked for, because its branch had been called off: it is rejected there again. */
  readonly rejections: Map<Operation, Drawn>;
  /** When this life was given each record of the loaded history, by the monotonic clock. */
  readonly givenTimes: Map<number, number>;
};

export const computingOf = (execution: Execution): Computing =>
  (execution.computing ??= {
    pinnedUntil: 0,
    evictedAt: 0,
    refusedUntil: undefined,
    lateDraws: [],
    redrawn: new Set(),
    unkeyed: [],
    unkeyedCount: 0,
    found: new Set(),
    rejections: new Map(),
    givenTimes: new Map(),
  });

export type Execution = {
  readonly engine: Engine;
  readonly key: number;
  readonly id: string;
  readonly definition: Untyped;
  readonly correlation: string;
  readonly tenant: string | null;
  readonly createdAt: number;
  readonly deadline: number | null;
  readonly parent: { readonly key: number; readonly stepKey: string } | undefined;
  readonly input: string | null;
  /** Tells every random source of the run apart from those of other runs. */
  readonly root: Scope;
  lease: number;
  mail: number;
  strikes: number;
  /** `evicted`: parked, and only what the body computes still holds it in memory. */
  phase: "executing" | "parking" | "parked" | "evicted" | "settling" | "over";
  /** True once the body has asked for something after work that is not durable, in this life or an earlier one. */
  computes: boolean;
  /** What only a run has whose body computes. */
  computing: Computing | undefined;
  started: boolean;
  /** True while it waits for its turn. */
  awake: boolean;

  /** Records not delivered yet, in order; `cursor` is the next. */
  inbox: Delivery[];
  cursor: number;
  /** The seqs of transactions whose commit is under way, and what was recorded after them. */
  readonly pledged: Set<number>;
  withheld: Delivery[];
  /** The last seq of the history that was loaded: up to there it is a replay. */
  loaded: number;
  /** True while the body runs because of a record. What it asks for at another time follows work that is not durable. */
  moving: boolean;
  /** The seq of the last record that the body was given. */
  given: number;
  /** When that was, by the monotonic clock, where the history has places. */
  givenAt: number;
  readonly recorded: Recorded;
  /** So many of `recorded.askOrder` have been asked again. */
  asks: number;
  /** What the body asked for and cannot be told apart from something else: the run is blocked once its functions have finished. */
  refused: { readonly reason: Reason; readonly place: Place | undefined } | undefined;
  /** The last seq given to a record; committed up to; seen by the body up to. */
  seq: number;
  durable: number;
  seen: number;
  /** When the last record the body saw was made. */
  seenAt: number;

  readonly operations: Map<string, Operation>;
  readonly keys: Map<string, number>;
  readonly branches: Map<string, number>;
  readonly patches: Map<string, boolean>;
  /** Results that a retry kept, by their keys, until the body asks for them. */
  readonly loose: Map<string, Row>;
  /** Operations that the clock decides about, and some that it did. */
  readonly timed: Set<Operation>;
  fresh: Operation[];
  held: Operation[];
  flights: number;
  readonly mailbox: Mailbox;

  outcome: Outcome | undefined;
  unwinding: boolean;
  readonly undoable: Undoable[];
  cancelAsked: string | undefined;
  cancelled: boolean;
  timedOut: boolean;
  swallowed: number;
  paused: boolean;
  hasChildren: boolean;
  /** The record that does not fit what the body has asked so far. It may need time for work of its own (an import, a digest). */
  stalled: Delivery | undefined;
  rests: number;
  noted: boolean;
  /** The last step the body was given, for people. */
  lastKey: string | undefined;
  callOff: (() => void) | undefined;
  /** The moment `callOff` belongs to. */
  alarm: number | null;
  /** The plan of steps that say nothing of their own, once there is one. */
  plain: Plan | undefined;
  /** The logger of the body, once it asked for it. */
  logger: Logger | undefined;
  chance: (() => number) | undefined;
  /** Gives the body its next record, in a first execution and in a replay. */
  readonly give: { live: (() => boolean) | undefined; again: (() => boolean) | undefined };
  /** Who wants to know when the run is cancelled. */
  readonly onCancel: ((fault: Fault) => void)[];
};

export const createExecution = (engine: Engine, definition: Untyped, run: RunRow, rows: readonly Row[]): Execution => {
  const ordered = rows.some(isLoose) ? rows.filter((row) => !isLoose(row)) : rows;
  const [first] = ordered;
  const last = rows.at(-1)?.seq ?? 0;
  const isNew = rows.length === 1;
  const recorded = recordedIn(engine, rows, ordered);
  return {
    engine,
    key: run.key,
    id: run.id,
    definition,
    correlation: run.correlation ?? run.id,
    tenant: run.tenant,
    createdAt: run.createdAt,
    deadline: run.deadline,
    parent: run.parent !== null && run.parentKey !== null ? { key: run.parent, stepKey: run.parentKey } : undefined,
    input: first?.value ?? null,
    root: scopeUnder(undefined),
    lease: run.lease,
    mail: run.mail,
    strikes: run.strikes,
    phase: "executing",
    computes: recorded.places !== undefined,
    computing: undefined,
    started: false,
    awake: false,
    inbox: isNew ? [] : ordered.slice(1).map((row) => ({ row, answer: undefined })),
    cursor: 0,
    pledged: new Set(),
    withheld: [],
    loaded: last,
    moving: false,
    given: 0,
    givenAt: recorded.places === undefined ? 0 : engine.clock.monotonic(),
    recorded,
    asks: 0,
    refused: undefined,
    seq: last,
    durable: last,
    seen: 0,
    seenAt: recorded.origins[0]?.birth ?? run.createdAt,
    operations: new Map(),
    keys: new Map(),
    branches: new Map(),
    patches: new Map(),
    loose: ordered === rows ? noLoose : looseIn(rows),
    timed: new Set(),
    fresh: [],
    held: [],
    flights: 0,
    mailbox: { reading: 0, collectAgain: false, found: undefined, warnedOfWait: false, taken: new Map() },
    outcome: undefined,
    unwinding: false,
    undoable: [],
    cancelAsked: isNew ? undefined : cancelIn(rows),
    cancelled: false,
    timedOut: !isNew && rows.some(({ kind, due }) => kind === "cancel" && due !== null),
    swallowed: 0,
    paused: run.pause,
    hasChildren: false,
    stalled: undefined,
    rests: 0,
    noted: run.reason !== null,
    lastKey: undefined,
    callOff: undefined,
    alarm: null,
    plain: undefined,
    logger: undefined,
    chance: undefined,
    give: { live: undefined, again: undefined },
    onCancel: [],
  };
};

const noLoose = new Map<string, Row>();

const looseIn = (rows: readonly Row[]): Map<string, Row> =>
  new Map(rows.flatMap((row) => (isLoose(row) && row.key !== null ? [[row.key, row]] : [])));

export const hasMore = (execution: Execution): boolean => execution.cursor < execution.inbox.length;

/** A cancel that an earlier execution has recorded is not recorded again. */
const cancelIn = (rows: readonly Row[]): string | undefined => {
  const row = rows.find(({ kind }) => kind === "cancel");
  return row && String(decode(row.value));
};

/** True while records of an earlier execution are still to be delivered: nothing the body asks for has an effect. */
export const isReplaying = (execution: Execution): boolean => {
  const next = execution.inbox[execution.cursor];
  return next !== undefined && next.row.seq <= execution.loaded;
};

/** True while this process may still write for the run. */
export const isAlive = (execution: Execution): boolean => execution.phase === "executing";

/** True while a function of the run's may start here: nobody has stopped it, and its lease is sure. */
export const mayStart = ({ paused, engine }: Execution): boolean => !paused && !engine.closing && engine.holds();
