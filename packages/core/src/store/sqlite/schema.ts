/** The tables on SQLite. `drizzle/sqlite` is made from this file; WITHOUT ROWID and STRICT are put in there by hand. */
import { isNotNull, isNull, sql, type SQL } from "drizzle-orm";
import { type AnySQLiteColumn, index, integer, primaryKey, real, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { RecordKind } from "../../model/records.ts";
import type { Status } from "../../model/states.ts";
import type { BreakerRow, Fate, MoveRow, Reason } from "../rows.ts";

/**
 * True of the states that few of many runs are in. A query goes along their index only when it says this very condition. It is asked at
 * each change of a run, so it is two comparisons: a list of words is a table that SQLite builds anew each time.
 */
export const isSeldom = (status: AnySQLiteColumn): SQL => sql`${status} <> 'running' and ${status} <> 'completed'`;
export const mayBeMany: ReadonlySet<Status> = new Set(["running", "completed"]);

/** At no end, with nothing that will wake it, and in a state that needs something. */
export const isAdrift = (run: Readonly<Record<"endedAt" | "wakeAt" | "worker" | "status", AnySQLiteColumn>>): SQL =>
  sql`${run.endedAt} is null and ${run.wakeAt} is null and ${run.worker} is null and ${run.status} <> 'waiting' and ${run.status} <> 'paused' and ${run.status} <> 'blocked'`;

/** Due now or later, and sharing the workers with others. */
export const isShared = (run: Readonly<Record<"tenant" | "wakeAt", AnySQLiteColumn>>): SQL =>
  sql`${run.tenant} is not null and ${run.wakeAt} is not null`;

export const runs = sqliteTable(
  "holdfast_runs",
  {
    key: integer("key").primaryKey(),
    id: text("id").notNull(),
    workflow: text("workflow").notNull(),
    version: integer("version").notNull(),
    status: text("status").$type<Status>().notNull(),
    lease: integer("lease").notNull(),
    worker: integer("worker"),
    wakeAt: integer("wake_at"),
    strikes: integer("strikes").notNull().default(0),
    /** The last seq when the run was claimed: whether it got on since is told by its history. */
    mark: integer("mark").notNull().default(0),
    /** Grows with everything that wants the run's attention: a signal, a cancel, a pause, a child at its end. */
    mail: integer("mail").notNull().default(0),
    cancel: text("cancel"),
    pause: integer("pause", { mode: "boolean" }).notNull().default(false),
    reason: text("reason", { mode: "json" }).$type<Reason>(),
    parent: integer("parent"),
    parentKey: text("parent_key"),
    orphan: text("orphan").$type<Fate>(),
    correlation: text("correlation"),
    deadline: integer("deadline"),
    createdAt: integer("created_at").notNull(),
    endedAt: integer("ended_at"),
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

export const history = sqliteTable(
  "holdfast_history",
  {
    run: integer("run").notNull(),
    seq: integer("seq").notNull(),
    kind: text("kind").$type<RecordKind>().notNull(),
    key: text("key"),
    value: text("value"),
    attempt: integer("attempt"),
    issued: integer("issued").notNull(),
    due: integer("due"),
    at: integer("at").notNull(),
  },
  (row) => [primaryKey({ columns: [row.run, row.seq] })],
);

export const signals = sqliteTable(
  "holdfast_signals",
  {
    key: integer("key").primaryKey({ autoIncrement: true }),
    run: integer("run").notNull(),
    name: text("name").notNull(),
    /** The sender's key: a second signal of the run with the same name and key is the same signal. */
    dedupe: text("dedupe"),
    value: text("value"),
    at: integer("at").notNull(),
    takenAt: integer("taken_at"),
    /** The record that took it; null where an older release did. */
    takenSeq: integer("taken_seq"),
  },
  (signal) => [
    index("holdfast_signals_pending").on(signal.run, signal.name, signal.key).where(isNull(signal.takenAt)),
    index("holdfast_signals_taken").on(signal.run, signal.key).where(isNotNull(signal.takenAt)),
    uniqueIndex("holdfast_signals_dedupe").on(signal.run, signal.dedupe, signal.name).where(isNotNull(signal.dedupe)),
  ],
);

export const states = sqliteTable("holdfast_states", {
  run: integer("run").primaryKey(),
  value: text("value"),
  at: integer("at").notNull(),
});

export const tags = sqliteTable("holdfast_tags", { tag: text("tag").notNull(), run: integer("run").notNull() }, (tag) => [
  primaryKey({ columns: [tag.tag, tag.run] }),
  index("holdfast_tags_run").on(tag.run),
]);

export const workers = sqliteTable("holdfast_workers", {
  key: integer("key").primaryKey({ autoIncrement: true }),
  /** Tells whether a pid means anything here: the boot and the pid namespace. */
  machine: text("machine").notNull(),
  pid: integer("pid").notNull(),
  born: text("born").notNull(),
  host: text("host").notNull(),
  execute: integer("execute", { mode: "boolean" }).notNull(),
  beat: integer("beat").notNull().default(0),
  /** How long, in ms, it may be silent: its own word, that every looker goes by. */
  lease: integer("lease").notNull().default(30_000),
  openedAt: integer("opened_at").notNull(),
  /** The newest schema that its release knows: what it could not go on with must wait until it is gone. */
  knows: integer("knows"),
  /** The version of the user's program, and that of this library. */
  release: text("release"),
  library: text("library"),
  /** JSON: pairs of a name and a version. */
  workflows: text("workflows"),
  capacity: integer("capacity"),
  weight: real("weight").notNull().default(1),
  /** It has no room: runs that rest in its memory do not wait for it. */
  full: integer("full", { mode: "boolean" }).notNull().default(false),
  /** JSON: how busy it was a while ago. */
  load: text("load"),
});

export const breakers = sqliteTable("holdfast_breakers", {
  name: text("name").primaryKey(),
  state: text("state").$type<BreakerRow["state"]>().notNull(),
  successes: integer("successes").notNull().default(0),
  failures: integer("failures").notNull().default(0),
  rejects: integer("rejects").notNull().default(0),
  windowAt: integer("window_at").notNull(),
  openedAt: integer("opened_at"),
  retryAt: integer("retry_at"),
  probe: integer("probe"),
  probeAt: integer("probe_at"),
});

/** One row, while the database is being moved elsewhere or filled from elsewhere, and after it was. */
export const moves = sqliteTable("holdfast_moves", {
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
  at: integer("at").notNull(),
});

/** Who does what only one is to do. The term grows with each change of the worker, and what is written under an older one is refused. */
export const leaders = sqliteTable("holdfast_leaders", {
  name: text("name").primaryKey(),
  worker: integer("worker"),
  term: integer("term").notNull(),
  since: integer("since").notNull(),
  /** What a leader leaves to the next one. */
  memo: text("memo"),
});
