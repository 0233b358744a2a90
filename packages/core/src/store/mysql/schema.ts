/**
 * The tables on MySQL and MariaDB. `drizzle/mysql` is made from this file; there, by hand, indexes stand inside their tables, so that each statement
 * can be repeated, and texts are compared by their bytes.
 */
import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  customType,
  double,
  index,
  int,
  longtext,
  mysqlTable,
  primaryKey,
  uniqueIndex,
  varchar,
} from "drizzle-orm/mysql-core";
import type { RecordKind } from "../../model/records.ts";
import type { Status } from "../../model/states.ts";
import type { BreakerRow, Fate, MoveRow } from "../rows.ts";

/** Keys and moments: whole numbers below 2^53. */
const whole = (name: string) => bigint(name, { mode: "number" });

/** Names that people give, as the bytes of their UTF-8: every collation that both servers know takes some two names for one. */
const bytes = customType<{ data: string; config: { length: number } }>({ dataType: (config) => `varbinary(${config?.length})` });
const name = (column: string) => bytes(column, { length: 768 });
const longName = (column: string) => bytes(column, { length: 2_048 });

/** One of our own words. */
const word = (column: string) => varchar(column, { length: 16 });

export const runs = mysqlTable(
  "holdfast_runs",
  {
    key: whole("key").primaryKey().autoincrement(),
    id: name("id").notNull(),
    workflow: name("workflow").notNull(),
    version: int("version").notNull(),
    status: word("status").$type<Status>().notNull(),
    lease: int("lease").notNull(),
    worker: whole("worker"),
    /**
     * Which of its worker's claims took it: so a claim whose answer was lost is known when it is made again. Before its first claim it is below
     * zero, by chance: so a statement that makes runs knows which it made.
     */
    claim: whole("claim"),
    wakeAt: whole("wake_at"),
    strikes: int("strikes").notNull().default(0),
    /** The last seq when the run was claimed: whether it got on since is told by its history. */
    mark: int("mark").notNull().default(0),
    /** Grows with everything that wants the run's attention: a signal, a cancel, a pause, a child at its end. */
    mail: int("mail").notNull().default(0),
    /** JSON. */
    cancel: longtext("cancel"),
    pause: boolean("pause").notNull().default(false),
    /** JSON. */
    reason: longtext("reason"),
    parent: whole("parent"),
    parentKey: longName("parent_key"),
    orphan: word("orphan").$type<Fate>(),
    correlation: longtext("correlation"),
    deadline: whole("deadline"),
    createdAt: whole("created_at").notNull(),
    endedAt: whole("ended_at"),
    /** The worker in whose memory it rests, where that worker wants it back. */
    home: whole("home"),
    /** With whom it shares the workers: a customer, a kind of job. */
    tenant: name("tenant"),
    /** Its tenant as long as it has a wake time: there are no indexes on some of the rows. */
    share: name("share").generatedAlwaysAs(sql`(case when wake_at is null then null else tenant end)`, { mode: "stored" }),
  },
  (run) => [
    uniqueIndex("holdfast_runs_id").on(run.id),
    index("holdfast_runs_due").on(run.workflow, run.version, run.wakeAt),
    index("holdfast_runs_share").on(run.workflow, run.version, run.share, run.wakeAt),
    index("holdfast_runs_worker").on(run.worker),
    index("holdfast_runs_parent").on(run.parent),
    index("holdfast_runs_status").on(run.status, run.key),
  ],
);

export const history = mysqlTable(
  "holdfast_history",
  {
    run: whole("run").notNull(),
    seq: int("seq").notNull(),
    kind: word("kind").$type<RecordKind>().notNull(),
    key: longName("key"),
    value: longtext("value"),
    attempt: int("attempt"),
    issued: int("issued").notNull(),
    due: whole("due"),
    at: whole("at").notNull(),
  },
  (row) => [primaryKey({ columns: [row.run, row.seq] })],
);

export const signals = mysqlTable(
  "holdfast_signals",
  {
    key: whole("key").primaryKey().autoincrement(),
    run: whole("run").notNull(),
    name: name("name").notNull(),
    /** The sender's key: a second signal of the run with the same name and key is the same signal. */
    dedupe: name("dedupe"),
    value: longtext("value"),
    at: whole("at").notNull(),
    takenAt: whole("taken_at"),
    /** The record that took it; null where an older release did. */
    takenSeq: int("taken_seq"),
  },
  (signal) => [
    index("holdfast_signals_pending").on(signal.run, signal.name, signal.takenAt, signal.key),
    uniqueIndex("holdfast_signals_dedupe").on(signal.run, signal.dedupe, signal.name),
  ],
);

export const states = mysqlTable("holdfast_states", {
  run: whole("run").primaryKey(),
  value: longtext("value"),
  at: whole("at").notNull(),
});

export const tags = mysqlTable("holdfast_tags", { tag: name("tag").notNull(), run: whole("run").notNull() }, (tag) => [
  primaryKey({ columns: [tag.tag, tag.run] }),
  index("holdfast_tags_run").on(tag.run),
]);

export const workers = mysqlTable(
  "holdfast_workers",
  {
    key: whole("key").primaryKey().autoincrement(),
    /** Tells whether a pid means anything here: the boot and the pid namespace. */
    machine: longtext("machine").notNull(),
    pid: int("pid").notNull(),
    born: longtext("born").notNull(),
    host: longtext("host").notNull(),
    execute: boolean("execute").notNull(),
    beat: int("beat").notNull().default(0),
    /** How long, in ms, it may be silent: its own word, that every looker goes by. */
    lease: int("lease").notNull().default(30_000),
    openedAt: whole("opened_at").notNull(),
    /** The newest schema that its release knows: what it could not go on with must wait until it is gone. */
    knows: int("knows"),
    /** The version of the user's program, and that of this library. */
    release: longtext("release"),
    library: longtext("library"),
    /** JSON: pairs of a name and a version. */
    workflows: longtext("workflows"),
    capacity: int("capacity"),
    weight: double("weight").notNull().default(1),
    /** It has no room: runs that rest in its memory do not wait for it. */
    full: boolean("full").notNull().default(false),
    /** JSON: how busy it was a while ago. */
    load: longtext("load"),
  },
  /** A second index on the key, whose entries are locked while the rows themselves stay free for beats. */
  (worker) => [index("holdfast_workers_shield").on(worker.key)],
);

export const breakers = mysqlTable("holdfast_breakers", {
  name: name("name").primaryKey(),
  state: word("state").$type<BreakerRow["state"]>().notNull(),
  successes: int("successes").notNull().default(0),
  failures: int("failures").notNull().default(0),
  rejects: int("rejects").notNull().default(0),
  windowAt: whole("window_at").notNull(),
  openedAt: whole("opened_at"),
  retryAt: whole("retry_at"),
  probe: whole("probe"),
  probeAt: whole("probe_at"),
});

/** Who does what only one is to do. The term grows with each change of the worker, and what is written under an older one is refused. */
export const leaders = mysqlTable("holdfast_leaders", {
  name: name("name").primaryKey(),
  worker: whole("worker"),
  term: int("term").notNull(),
  since: whole("since").notNull(),
  /** What a leader leaves to the next one. */
  memo: longtext("memo"),
});

/** What processes tell each other: each counts up a row of its own, and a row that is added tells once. Rows that are old are thrown away. */
export const news = mysqlTable("holdfast_news", {
  key: whole("key").primaryKey().autoincrement(),
  told: whole("told").notNull(),
  at: whole("at").notNull(),
});

/** One row, while the database is being moved elsewhere or filled from elsewhere, and after it was. */
export const moves = mysqlTable("holdfast_moves", {
  key: int("key").primaryKey(),
  role: word("role").$type<MoveRow["role"]>().notNull(),
  state: word("state").$type<MoveRow["state"]>().notNull(),
  /** The name of the other place. */
  other: longtext("other").notNull(),
  /** Which move it is, known at both places. */
  token: varchar("token", { length: 64 }).notNull(),
  /** Counts the processes that took the move up: only the last one may write. */
  turn: int("turn").notNull().default(0),
  written: int("written").notNull().default(0),
  at: whole("at").notNull(),
});

/** One row: the incarnation in which keys are given. */
export const incarnation = mysqlTable("holdfast_incarnation", {
  one: int("one").primaryKey(),
  incarnation: longtext("incarnation").notNull(),
});
