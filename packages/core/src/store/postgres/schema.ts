/** The tables on PostgreSQL. `drizzle/postgres` is made from this file; the fill factors are put in there by hand. */
import { isNotNull, isNull, sql, type SQL } from "drizzle-orm";
import {
  type AnyPgColumn,
  bigint,
  boolean,
  doublePrecision,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
} from "drizzle-orm/pg-core";
import type { RecordKind } from "../../model/records.ts";
import type { Status } from "../../model/states.ts";
import type { BreakerRow, Fate, MoveRow } from "../rows.ts";

/** Keys and moments: whole numbers below 2^53. */
const whole = (name: string) => bigint(name, { mode: "number" });

/**
 * True of the states that few of many runs are in. A query goes along their index only when it says this very condition. It is asked at
 * each change of a run, so it is two comparisons.
 */
export const isSeldom = (status: AnyPgColumn): SQL => sql`${status} <> 'running' and ${status} <> 'completed'`;
export const mayBeMany: ReadonlySet<Status> = new Set(["running", "completed"]);

/** At no end, with nothing that will wake it, and in a state that needs something. */
export const isAdrift = (run: Readonly<Record<"endedAt" | "wakeAt" | "worker" | "status", AnyPgColumn>>): SQL =>
  sql`${run.endedAt} is null and ${run.wakeAt} is null and ${run.worker} is null and ${run.status} <> 'waiting' and ${run.status} <> 'paused' and ${run.status} <> 'blocked'`;

/** Due now or later, and sharing the workers with others. */
export const isShared = (run: Readonly<Record<"tenant" | "wakeAt", AnyPgColumn>>): SQL =>
  sql`${run.tenant} is not null and ${run.wakeAt} is not null`;

export const runs = pgTable(
  "holdfast_runs",
  {
    key: whole("key").primaryKey().generatedAlwaysAsIdentity(),
    id: text("id").notNull(),
    workflow: text("workflow").notNull(),
    version: integer("version").notNull(),
    status: text("status").$type<Status>().notNull(),
    lease: integer("lease").notNull(),
    worker: integer("worker"),
    /** Which of its worker's claims took it: so a claim whose answer was lost is known when it is made again. */
    claim: integer("claim"),
    wakeAt: whole("wake_at"),
    strikes: integer("strikes").notNull().default(0),
    /** The last seq when the run was claimed: whether it got on since is told by its history. */
    mark: integer("mark").notNull().default(0),
    /** Grows with everything that wants the run's attention: a signal, a cancel, a pause, a child at its end. */
    mail: integer("mail").notNull().default(0),
    /** JSON: people may write what a text of PostgreSQL does not hold. */
    cancel: text("cancel"),
    pause: boolean("pause").notNull().default(false),
    /** JSON. */
    reason: text("reason"),
    parent: whole("parent"),
    parentKey: text("parent_key"),
    orphan: text("orphan").$type<Fate>(),
    correlation: text("correlation"),
    deadline: whole("deadline"),
    createdAt: whole("created_at").notNull(),
    endedAt: whole("ended_at"),
    /** The worker in whose memory it rests, where that worker wants it back. */
    home: integer("home"),
    /** With whom it shares the workers: a customer, a kind of job. */
    tenant: text("tenant"),
  },
  (run) => [
    uniqueIndex("holdfast_runs_id").on(run.id),
    index("holdfast_runs_due").on(run.workflow, run.version, run.wakeAt).where(isNotNull(run.wakeAt)),
    index("holdfast_runs_share").on(run.workflow, run.version, run.tenant, run.wakeAt).where(isShared(run)),
    index("holdfast_runs_worker").on(run.worker).where(isNotNull(run.worker)),
    index("holdfast_runs_parent").on(run.parent).where(isNotNull(run.parent)),
    /** Empty, but for a defect of Holdfast: what `stuck` looks for. */
    index("holdfast_runs_adrift").on(run.key).where(isAdrift(run)),
    index("holdfast_runs_attention").on(run.status, run.key).where(isSeldom(run.status)),
  ],
);

export const history = pgTable(
  "holdfast_history",
  {
    run: whole("run").notNull(),
    seq: integer("seq").notNull(),
    kind: text("kind").$type<RecordKind>().notNull(),
    key: text("key"),
    value: text("value"),
    attempt: integer("attempt"),
    issued: integer("issued").notNull(),
    due: whole("due"),
    at: whole("at").notNull(),
  },
  (row) => [primaryKey({ columns: [row.run, row.seq] })],
);

export const signals = pgTable(
  "holdfast_signals",
  {
    key: whole("key").primaryKey().generatedAlwaysAsIdentity(),
    run: whole("run").notNull(),
    name: text("name").notNull(),
    /** The sender's key: a second signal of the run with the same name and key is the same signal. */
    dedupe: text("dedupe"),
    value: text("value"),
    at: whole("at").notNull(),
    takenAt: whole("taken_at"),
    /** The record that took it; null where an older release did. */
    takenSeq: integer("taken_seq"),
  },
  (signal) => [
    index("holdfast_signals_pending").on(signal.run, signal.name, signal.key).where(isNull(signal.takenAt)),
    index("holdfast_signals_taken").on(signal.run, signal.key).where(isNotNull(signal.takenAt)),
    uniqueIndex("holdfast_signals_dedupe").on(signal.run, signal.dedupe, signal.name).where(isNotNull(signal.dedupe)),
  ],
);

export const states = pgTable("holdfast_states", {
  run: whole("run").primaryKey(),
  value: text("value"),
  at: whole("at").notNull(),
});

export const tags = pgTable("holdfast_tags", { tag: text("tag").notNull(), run: whole("run").notNull() }, (tag) => [
  primaryKey({ columns: [tag.tag, tag.run] }),
  index("holdfast_tags_run").on(tag.run),
]);

export const workers = pgTable("holdfast_workers", {
  key: whole("key").primaryKey().generatedAlwaysAsIdentity(),
  /** Tells whether a pid means anything here: the boot and the pid namespace. */
  machine: text("machine").notNull(),
  pid: integer("pid").notNull(),
  born: text("born").notNull(),
  host: text("host").notNull(),
  execute: boolean("execute").notNull(),
  beat: integer("beat").notNull().default(0),
  /** How long, in ms, it may be silent: its own word, that every looker goes by. */
  lease: integer("lease").notNull().default(30_000),
  openedAt: whole("opened_at").notNull(),
  /** The newest schema that its release knows: what it could not go on with must wait until it is gone. */
  knows: integer("knows"),
  /** The version of the user's program, and that of this library. */
  release: text("release"),
  library: text("library"),
  /** JSON: pairs of a name and a version. */
  workflows: text("workflows"),
  capacity: integer("capacity"),
  weight: doublePrecision("weight").notNull().default(1),
  /** It has no room: runs that rest in its memory do not wait for it. */
  full: boolean("full").notNull().default(false),
  /** JSON: how busy it was a while ago. */
  load: text("load"),
});

/** Behind a pooler: what each process has told of, for the others to look at. */
export const news = pgTable("holdfast_news", {
  key: whole("key").primaryKey().generatedAlwaysAsIdentity(),
  told: whole("told").notNull(),
  at: whole("at").notNull(),
});

export const breakers = pgTable("holdfast_breakers", {
  name: text("name").primaryKey(),
  state: text("state").$type<BreakerRow["state"]>().notNull(),
  successes: integer("successes").notNull().default(0),
  failures: integer("failures").notNull().default(0),
  rejects: integer("rejects").notNull().default(0),
  windowAt: whole("window_at").notNull(),
  openedAt: whole("opened_at"),
  retryAt: whole("retry_at"),
  probe: integer("probe"),
  probeAt: whole("probe_at"),
});

/** One row, while the database is being moved elsewhere or filled from elsewhere, and after it was. */
export const moves = pgTable("holdfast_moves", {
  key: integer("key").primaryKey(),
  role: text("role").$type<MoveRow["role"]>().notNull(),
  state: text("state").$type<MoveRow["state"]>().notNull(),
  /** The name of the other place. */
  other: text("other").notNull(),
  /** Which move it is, known at both places. */
  token: text("token").notNull(),
  /** Counts the processes that took the move up: only the last one may write. */
  turn: integer("turn").notNull().default(0),
  written: integer("written").notNull().default(0),
  at: whole("at").notNull(),
});

/** Who does what only one is to do. The term grows with each change of the worker, and what is written under an older one is refused. */
export const leaders = pgTable("holdfast_leaders", {
  name: text("name").primaryKey(),
  worker: integer("worker"),
  term: integer("term").notNull(),
  since: whole("since").notNull(),
  /** What a leader leaves to the next one. */
  memo: text("memo"),
});

/** One row: the incarnation in which keys are given. */
export const incarnation = pgTable("holdfast_incarnation", {
  one: integer("one").primaryKey(),
  incarnation: text("incarnation").notNull(),
});
