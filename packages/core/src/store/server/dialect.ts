/** What differs between databases behind a server: how things are said, and what their errors mean. */
import type { BreakerRow, Lease, NewRun, NewSignal, NewWorker, Row } from "../rows.ts";
import type { Claim, Filter, Known } from "../contract.ts";
import type { Sheet } from "./desk.ts";
import type { Param } from "./link.ts";

export type Statement = { readonly text: string; readonly params: readonly Param[] };

/**
 * What an error means: try the transaction again at once (a deadlock, a conflict); somebody keeps a lock for long; the connection is gone, and what it was about to commit
 * may have happened; the server cannot do it now; the database is another one than the transaction believed; or nothing is wrong but what was asked.
 */
export type Verdict = "again" | "blocked" | "lost" | "trouble" | "rewound" | "defect";

export type RunAppend = { readonly run: number; readonly row: Row };

export type Dialect = {
  readonly name: string;
  readonly begin: readonly string[];
  readonly commit: readonly string[];
  readonly rollback: readonly string[];
  /**
   * A statement that fails takes its transaction with it, so that the commit may travel behind it. Either way what is sent behind a statement that
   * failed, and ahead of a commit, comes to nothing.
   */
  readonly abortsWhole: boolean;
  readonly judge: (error: unknown) => Verdict;
  /** The fault that a user sees for it. */
  readonly faultOf: (error: unknown) => Error;

  /** How a database is told from others, and its past from others; undefined where that cannot be said. */
  readonly incarnation:
    | {
        /** As `incarnation`. Fails on a standby. */
        readonly now: () => Statement;
        /** Fails, as `rewound`, when the database is no longer this one. */
        readonly assert: (incarnation: string) => Statement;
        /** The one that keys are given in, as `incarnation`; and the same, locked. */
        readonly kept: () => Statement;
        readonly lock: () => Statement;
        /** Keeps it, if there is none. */
        readonly keepFirst: (incarnation: string) => Statement;
        /** Keeps it in the place of another, and leaves out keys that may have been given there. */
        readonly leap: (incarnation: string) => readonly Statement[];
      }
    | undefined;

  /** Holds off the burial of these workers until the transaction is over: what they write is all in, or refused. */
  readonly shield: (workers: readonly number[]) => Statement;
  /** Waits for the transactions of a worker, so that nothing it writes comes after. */
  readonly fell: (worker: number) => readonly Statement[];

  readonly lockRuns: (keys: readonly number[], orphansOf: readonly number[]) => Statement;
  /** Locks those of these runs that nobody else has locked. */
  readonly freeRuns: (keys: readonly number[]) => Statement;
  /** The last statement answers with key, id and worker of the runs that were made. */
  readonly insertRuns: (runs: readonly NewRun[]) => readonly Statement[];
  readonly findRuns: (ids: readonly string[]) => Statement;
  readonly standing: (places: readonly { readonly run: number; readonly seq: number }[]) => Statement;
  readonly lockSignals: (keys: readonly number[]) => Statement;
  /** Answers with run, name, key and value of each that is there; `isKept` is 0 where the value is not known any more. */
  readonly known: (keys: readonly { readonly run: number; readonly name: string; readonly key: string }[]) => Statement;

  /** Records whose runs are not locked: each goes in only while its lease is the run's. The last statement answers with a count. */
  readonly appendGuarded: (records: readonly { readonly lease: Lease; readonly row: Row }[]) => readonly Statement[];
  /** Those of these records that stand under these leases. */
  readonly standGuarded: (records: readonly { readonly lease: Lease; readonly row: Row }[]) => Statement;
  /** Those that stand there already are passed over, or fail. */
  readonly insertRows: (rows: readonly RunAppend[], kind: "again" | "fresh") => Statement;
  readonly insertTags: (tags: readonly { readonly run: number; readonly tag: string }[]) => Statement;
  readonly dropRows: (places: readonly { readonly run: number; readonly seq: number }[]) => Statement;
  readonly updateRuns: (sheets: readonly Sheet[]) => Statement;
  readonly deleteRuns: (keys: readonly number[]) => readonly Statement[];
  readonly insertSignals: (signals: readonly NewSignal[]) => Statement;
  readonly takeSignals: (taken: readonly { readonly key: number; readonly at: number; readonly seq: number }[]) => Statement;
  /** Puts messages back, each with the value of the record that had taken it. */
  readonly returnSignals: (back: readonly { readonly key: number; readonly run: number; readonly seq: number }[]) => Statement;
  readonly publish: (
    states: readonly { readonly run: number; readonly value: string | null; readonly at: number }[],
  ) => Statement;

  readonly claim: (
    claim: Claim,
    number: number,
  ) => {
    /** What takes healthy runs: the last statement answers. */
    readonly healthy: readonly Statement[];
    /** Whether a suspect is due, as `due`. */
    readonly isSuspectDue: Statement;
    /** What takes one suspect, if no other is executed: the last statement answers. */
    readonly suspect: readonly Statement[];
  };
  /** What this claim of the worker took. */
  readonly claimed: (worker: number, number: number) => Statement;
  /** For each that has runs with a wake time its place in the list, and what the contract says of it. */
  readonly nextDue: (known: readonly Known[], now: number, upTo: number) => Statement;
  /** Names and versions of all that have runs with a wake time. */
  readonly workflows: () => Statement;
  readonly tenants: (known: Known, after: string, limit: number) => Statement;
  readonly heldBy: (worker: number) => Statement;
  readonly unblock: (known: readonly Known[], now: number, except: readonly number[]) => Statement;

  readonly byKeys: (keys: readonly number[]) => Statement;
  readonly list: (filter: Filter) => Statement;
  readonly tags: (run: number) => Statement;
  readonly heads: (keys: readonly number[]) => Statement;
  readonly ended: (keys: readonly number[]) => Statement;
  readonly endedChildren: (parent: number, steps: readonly string[]) => Statement;
  readonly stuck: (before: number) => Statement;

  readonly read: (run: number, after: number, limit: number) => Statement;
  readonly readFirst: (runs: readonly number[], limit: number) => Statement;
  /** The last record of each of these runs. */
  readonly lasts: (runs: readonly number[]) => Statement;
  readonly pending: (run: number, names: readonly string[], limit: number) => Statement;
  readonly taken: (run: number) => Statement;
  readonly state: (run: number) => Statement;

  /** The last statement answers with the key. `knows` is the newest schema that this release knows. */
  readonly register: (worker: NewWorker, knows: number) => readonly Statement[];
  /** The parameters are the load and the key. */
  readonly beat: (worker: number, load: string | null) => Statement;
  readonly fill: (worker: number, full: boolean) => Statement;
  /** With the time of the database as `now` and its incarnation, which are also told when there is no worker: `key` is null then. */
  readonly workers: () => Statement;
  readonly removeWorker: (worker: number, beat: number | null) => Statement;
  readonly release: (worker: number, now: number, died: boolean) => Statement;

  /** Statements of one transaction. The last one answers with the leader as it is then. */
  readonly lead: (name: string, worker: number, now: number) => readonly Statement[];
  readonly keepMemo: (name: string, worker: number, term: number, memo: string) => Statement;
  readonly leader: (name: string) => Statement;

  readonly breaker: (name: string) => Statement;
  readonly lockBreaker: (name: string) => Statement;
  readonly addBreaker: (name: string, now: number) => Statement;
  readonly saveBreaker: (breaker: BreakerRow) => Statement;

  /** The time of the database, in ms since 1970, as `now`. */
  readonly now: () => Statement;
  /** Fails while no writes are taken, and changes nothing. */
  readonly probe: () => Statement;
};
