/**
 * What the engine asks of a database, by noun. Every write verb is one guarded change that says whether it happened, is safe to
 * repeat, and resolves once it is durable. The writes of one turn of the event loop share one commit, in the order in
 * which they were asked for.
 *
 * A write marked *refusable* rejects with a `storage_…` fault when the database cannot take it. Every other write waits until
 * the database is well again: it belongs to work that is already acknowledged.
 */
import type { Opening } from "./migration.ts";
import type {
  Beat,
  BreakerRow,
  Claim,
  Due,
  Filter,
  GoingOn,
  Head,
  Known,
  LeaderRow,
  Lease,
  NewRun,
  NewSignal,
  NewWorker,
  Part,
  Reason,
  Row,
  RunRow,
  Sent,
  SignalRow,
  Started,
  TakenSignal,
  TransactionWork,
  WorkerRow,
} from "./rows.ts";
import type { Settings } from "../model/durability/report.ts";
import type { EndStatus, Status } from "../model/states.ts";

export type { Claim, Due, Filter, Known, Part, TransactionWork };

/** How a run leaves a worker without being at its end. `mail` is the count the worker knows: when there is more, it wakes at once. */
export type Rest = {
  readonly status: "queued" | "waiting" | "paused" | "blocked";
  readonly wakeAt: number | null;
  readonly mail: number;
  readonly reason: Reason | null;
  /** It rests in the worker's memory, and the worker wants it back. */
  readonly home: boolean;
  readonly now: number;
};

/** `parent` waits for this run and is nudged; `orphans` says that the run has children to cancel. */
export type End = { readonly status: EndStatus; readonly row: Row; readonly parent: number | null; readonly orphans: boolean };

export type Runs = {
  /** Refusable. Inserts the run and its `started` record, or answers with the run that has the id already. */
  readonly start: (run: NewRun) => Promise<Started>;
  /**
   * Takes due runs for a worker: `running`, lease one higher. Strikes count the claims since the run last got on, so that a run
   * that kills its process is found out. Answers with the runs as they now are; none when the worker was declared dead.
   */
  readonly claim: (claim: Claim) => Promise<readonly RunRow[]>;
  /** Gives the lease back. False when the lease was no longer the run's. */
  readonly rest: (lease: Lease, rest: Rest) => Promise<boolean>;
  /** Makes a run that rests under this lease due now: its body got on by itself. False when it was taken since, or does not wait. */
  readonly rouse: (lease: Lease, now: number) => Promise<boolean>;
  /** Moves the wake time of a run that rests under this lease, if it is still `from`. False when it was taken or woken since. */
  readonly postpone: (lease: Lease, wake: { readonly from: number; readonly to: number | null }) => Promise<boolean>;
  /** Ends the run: its last record, its state, a nudge for its parent and, when asked, a cancel for its children. */
  readonly settle: (lease: Lease, end: End) => Promise<boolean>;
  /** Forgets the strikes of a run that got on, so that the next suspect has its turn. */
  readonly forgive: (lease: Lease) => Promise<boolean>;
  /** Writes the note people see on a running run; null clears it. */
  readonly note: (lease: Lease, reason: Reason | null) => Promise<boolean>;
  /** Refusable. Asks for a cancel, for a person. False when the run is at its end. */
  readonly cancel: (run: number, reason: string, now: number) => Promise<boolean>;
  /** Asks for a cancel of every child that is to end with its parent, and marks those that nothing else has asked (`Fate`). */
  readonly cancelChildren: (lease: Lease, reason: string, now: number) => Promise<boolean>;
  /** Refusable. Stops a run from going on. False when it is at its end or asked to cancel. */
  readonly pause: (run: number) => Promise<boolean>;
  /** Refusable. Lets a paused, blocked or quarantined run go on, strikes forgotten. False when it is none of them. */
  readonly resume: (run: number, now: number) => Promise<boolean>;
  /** Refusable. Lets runs go on, all of them in one transaction. False, and nothing is written, when one has moved since it was read. */
  readonly reopen: (runs: readonly GoingOn[], now: number) => Promise<boolean>;
  /** Refusable. A new run with these records as its history, due now. */
  readonly fork: (run: NewRun, rows: readonly Row[]) => Promise<Started>;
  /** Wakes the blocked runs of the workflows named but those excepted, so that they are tried with the code at hand. */
  readonly unblock: (known: readonly Known[], now: number, except: readonly number[]) => Promise<number>;

  readonly byId: (id: string) => Promise<RunRow | undefined>;
  readonly byKey: (key: number) => Promise<RunRow | undefined>;
  /** The runs that a worker holds: how it learns of cancels, pauses and mail from other processes. */
  readonly heldBy: (worker: number) => Promise<readonly Pick<RunRow, "key" | "lease" | "mail" | "cancel" | "pause">[]>;
  /** For each of these workflows, if it has runs with a wake time, when the first is due. What is due now is counted up to a number. */
  readonly nextDue: (known: readonly Known[], now: number, upTo: number) => Promise<readonly Due[]>;
  /** The same for every workflow that has runs with a wake time, whoever knows it. */
  readonly allDue: (now: number, upTo: number) => Promise<readonly Due[]>;
  /** The next tenants of a workflow in the order of their names, so many after one, with the moment at which each has a run due. */
  readonly tenants: (
    known: Known,
    after: string,
    limit: number,
  ) => Promise<readonly { readonly tenant: string; readonly wakeAt: number }[]>;
  /** Newest first. */
  readonly list: (filter: Filter) => Promise<readonly RunRow[]>;
  readonly tags: (run: number) => Promise<readonly string[]>;
  /** For each of these runs its state and the seq of its last record. One that is not there is left out. */
  readonly heads: (keys: readonly number[]) => Promise<readonly Head[]>;
  /** Which of these runs are at an end. */
  readonly ended: (keys: readonly number[]) => Promise<readonly number[]>;
  /** Of the children that steps of a parent wait for, those at an end: how a parent learns what became of them. */
  readonly endedChildren: (
    parent: number,
    steps: readonly string[],
  ) => Promise<readonly { readonly parentKey: string; readonly row: Row; readonly id: string }[]>;
  /**
   * Runs for which nothing will ever happen. Must be empty, always. A message or the end of a child counts as overlooked when it came before `before` (ms) and
   * the run waits for nothing else.
   */
  readonly stuck: (before: number) => Promise<readonly { readonly id: string; readonly status: Status; readonly why: string }[]>;
};

/** What became of a record: it is durable, it was refused because the lease was no longer the run's, or the database cannot take it. */
export type Told = (outcome: "kept" | "fenced" | { readonly refused: unknown }) => void;

export type History = {
  /**
   * Appends a record under a lease and tells what became of it, right after the commit. The records of a turn, over all runs, go in as few
   * statements of many rows, ahead of the turn's other writes: no other write of the same turn depends on their order.
   */
  readonly record: (lease: Lease, row: Row, told: Told) => void;
  /** Appends a record under a lease. False when the lease was no longer the run's. */
  readonly append: (lease: Lease, row: Row) => Promise<boolean>;
  /** Appends a record and starts a child with it. `found` when the child was there already, `taken` when the child's id belongs to a run that is not this child: nothing is written. */
  readonly appendChild: (lease: Lease, row: Row, child: NewRun) => Promise<"held" | "found" | "fenced" | "taken">;
  /** Records after a seq, in order. */
  readonly read: (run: number, after: number, limit: number) => Promise<readonly Row[]>;
  /** The first records of each of these runs, in order, at one look. */
  readonly readFirst: (runs: readonly number[], limit: number) => Promise<readonly (readonly Row[])[]>;
  /** The last record, if the run has one. */
  readonly last: (run: number) => Promise<Row | undefined>;
};

export type Signals = {
  /** Refusable. Keeps a message until the run takes it, and wakes the run. A name and key that the run was sent before are not kept again. */
  readonly send: (signal: NewSignal) => Promise<Sent>;
  /** Records that the run took the message, once. False when the lease was no longer the run's, or another record has taken it. */
  readonly take: (lease: Lease, row: Row, signal: number) => Promise<boolean>;
  /** The messages of these names that nobody took, oldest first. */
  readonly pending: (run: number, names: readonly string[], limit: number) => Promise<readonly SignalRow[]>;
  /** The messages that the run took, oldest first. */
  readonly taken: (run: number) => Promise<readonly TakenSignal[]>;
};

export type States = {
  readonly publish: (lease: Lease, value: string | null, now: number) => Promise<boolean>;
  readonly read: (run: number) => Promise<{ readonly value: string | null } | undefined>;
};

export type Workers = {
  /** Refusable. */
  readonly register: (worker: NewWorker) => Promise<number>;
  /** Says that the worker lives, and how busy it is unless that is null. False when it was declared dead. */
  readonly beat: (worker: number, load: string | null) => Promise<boolean>;
  /** Says whether the worker has room. */
  readonly fill: (worker: number, full: boolean) => Promise<void>;
  readonly list: () => Promise<readonly WorkerRow[]>;
  /** Declares a worker dead, if its beat is still the one that was seen: its runs are due now, under a new lease number. */
  readonly bury: (worker: number, beat: number, now: number) => Promise<boolean>;
  /** Beats from a thread, every so many ms. Undefined where none can, or where nobody else can reach the database. */
  readonly beatApart: (worker: number, every: number) => Beat | undefined;
  /** Refusable. Takes the worker off the list. Runs it still holds are due now, under a new lease number and without a strike. */
  readonly leave: (worker: number, now: number) => Promise<void>;
};

export type Leaders = {
  /** Leads from now on, under a new term, if whoever did is on the list of workers no more. Answers with who leads. */
  readonly take: (name: string, worker: number, now: number) => Promise<LeaderRow>;
  /** Leaves a memo, if this worker still leads in this term. */
  readonly keep: (name: string, leader: { readonly worker: number; readonly term: number }, memo: string) => Promise<boolean>;
  readonly read: (name: string) => Promise<LeaderRow | undefined>;
};

export type Breakers = {
  readonly read: (name: string) => Promise<BreakerRow | undefined>;
  /**
   * Adds what was counted since the last time, and answers with the row. While the breaker is closed a new window starts when the
   * old one is over. The one write that is not safe to repeat: a call counted twice is one call too many, and nothing else.
   */
  readonly count: (
    name: string,
    counts: { readonly successes: number; readonly failures: number; readonly rejects: number },
    windowMs: number,
    now: number,
  ) => Promise<BreakerRow>;
  /** Moves the breaker, if it is still in the state that was seen and, where a `probe` says so, still that worker's to say. */
  readonly move: (
    name: string,
    from: BreakerRow["state"],
    to: "open" | "closed",
    change: { readonly retryAt: number | null; readonly now: number; readonly probe: number | null },
  ) => Promise<boolean>;
  /** Refusable. A person's word, whatever the state: open until a moment, or closed with everything forgotten. Answers with the row. */
  readonly force: (
    name: string,
    to: { readonly kind: "open"; readonly retryAt: number } | { readonly kind: "closed" },
    now: number,
  ) => Promise<BreakerRow>;
  /**
   * Takes the one probe of a breaker whose waiting time is over. A probe whose worker is on the list no more, or that is older
   * than `patience` ms, can be taken again.
   */
  readonly probe: (name: string, worker: number, patience: number, now: number) => Promise<boolean>;
  /** Wakes a run that waits behind a breaker, if it is still at rest as this lease left it. */
  readonly wake: (lease: Lease, now: number) => Promise<boolean>;
};

export type { Beat } from "./rows.ts";

/** How often, in ms, a process looks: for what no hint told it of, whether the others live, and for what is seldom there. */
export type Looks = { readonly poll: number; readonly others: number; readonly rare: number };

export type Store = {
  readonly runs: Runs;
  readonly history: History;
  readonly signals: Signals;
  readonly states: States;
  readonly workers: Workers;
  readonly leaders: Leaders;
  readonly breakers: Breakers;
  /**
   * Runs the user's function and appends the record in one transaction of the user's own database. `unknown` when the database failed
   * in the middle of it: whether it was committed is told by the history, once that can be read.
   */
  readonly transact: (database: unknown, work: TransactionWork) => Promise<"kept" | "fenced" | "unknown">;
  /** Starts a run inside a transaction that the user holds open: at once where the database answers at once. */
  readonly startWithin: (tx: unknown, run: NewRun) => Started | Promise<Started>;
  /** Asks for a commit at the end of this turn even when nothing is written yet, so that `beforeCommit` is called. */
  readonly touch: () => void;
  /** True at most once after each time another process may have written. */
  readonly changed: () => boolean;
  /** Calls back soon after another process wrote, and again until the call answers that it saw a change. A hint: `changed` is the truth. Answers with a function that stops it. */
  readonly watch: (wake: () => boolean) => () => void;
  /** What keeps the database from taking writes, if anything does. */
  readonly trouble: () => Error | undefined;
  /** What the database promises, asked now. A setting that it does not tell is unknown. */
  readonly durability: () => Promise<Settings>;
  /** What people call the database: the path of a file, `:memory:`, a URL without its password. */
  readonly name: string;
  /** False when nobody else can reach the database. */
  readonly shared: boolean;
  /** How often, in ms, it is worth a look; undefined where that is left to whoever looks. */
  readonly looks: Looks | undefined;
  /** The time of the database in ms since 1970, never ahead of it; undefined where it has no other than the machine. */
  readonly now: (() => number) | undefined;
  /** Writes what waits, if the database takes it, and lets go of it. What is asked for later rejects with `runtime_closed`. */
  readonly close: () => Promise<void>;
};

/** When a store does what it does later, and by what chance. */
export type Pace = {
  /** Calls at the end of this turn of the event loop. */
  readonly soon: (call: () => void) => void;
  /** Calls after so many ms. Answers with a function that calls it off. */
  readonly later: (ms: number, call: () => void) => () => void;
  /** Ms that never go back. */
  readonly monotonic: () => number;
  readonly chance: () => number;
};

export type Hooks = {
  /** Called at the start of each commit, so that bodies run ahead and what they ask for joins it. */
  readonly beforeCommit: () => void;
  /** Called with what the database promises before anything is written to it. What it throws refuses to open. */
  readonly beforeWriting?: (name: string, settings: Settings) => void;
  /** Called when a write met a database that was moved to another place: nothing is written here ever again. */
  readonly onMoved?: (fault: Error) => void;
  /**
   * Called in the moment in which it is noticed that the database is another one than before, which may lack what was durable: every lease is lost, and
   * so is this process's place among the workers. What was asked for and is not written comes to nothing; from here on the new one is written to.
   */
  readonly rewound?: () => void;
  /** That of the machine, when nothing else is said. */
  readonly pace?: Pace;
  /** How long, in ms, a silent worker keeps its runs: no question to a server may take more than a part of it. */
  readonly lease?: number;
  /** What is to become of the schema. */
  readonly schema?: Opening;
};
