/** The workers of a database, how busy they are, and what none of them can execute. */
import { assertOpen } from "./engine/handle.ts";
import { cluster } from "./engine/leader.ts";
import { loadOf } from "./engine/load.ts";
import { engineOf, type Runtime } from "./engine/opened.ts";
import { silenceOf } from "./engine/silence.ts";
import { whyUnclaimed } from "./model/unclaimed.ts";
import type { Load, Reason, WorkerRow } from "./store/rows.ts";

/**
 * How busy a process was at a moment (`at`, ms since 1970): processors in use (`cpu`, 1 is one of them all the time), its memory in bytes, how late its
 * event loop was at worst since the time before (`lag`, ms), runs in execution, runs that rest in its memory (`hot`), and the most that it executed at once
 * since the time before (`busiest`), and what gives its heartbeats (`heartbeat`): a thread, or the event loop while there is no thread.
 */
export type { Load };

/** A process that has the database open. */
export type Worker = {
  /** No other has it, and a process that was declared dead and came back has another. */
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** True for the process that asks. */
  readonly isThis: boolean;
  /** False for a client, which only starts and reads runs. */
  readonly executes: boolean;
  /** The version of the program, as it said to `Runtime.open`. */
  readonly release: string | undefined;
  /** The version of Holdfast. Undefined for one that is too old to say. */
  readonly library: string | undefined;
  /** What it executes. Undefined for one that is too old to say. */
  readonly workflows: readonly { readonly name: string; readonly version: number }[] | undefined;
  /** Runs that it executes at the same time. */
  readonly capacity: number | undefined;
  readonly weight: number;
  /** As it said with one of its last beats; of this process as it is now. Undefined for one that has not said yet. */
  readonly load: Load | undefined;
  /** When it opened the database, by its own clock: ms since 1970. */
  readonly since: number;
  /**
   * For how many ms it has shown no new beat, as far as this process saw: the beat itself may be older by the time between two looks. Clocks are not compared.
   * Undefined when this process has not looked twice yet. After its lease a silent worker is declared dead.
   */
  readonly silent: number | undefined;
  /** How long, in ms, it may be silent. */
  readonly lease: number;
  /** The term in which it leads, if it does. One of the workers leads, and does what only one is to do. */
  readonly leads: number | undefined;
};

/** The processes that have the database open, the longest first. Those that died are not on the list. Throws `runtime_closed` and `storage_…`. */
export const workers = async (runtime: Runtime): Promise<readonly Worker[]> => {
  const engine = engineOf(runtime);
  assertOpen(engine);
  const view = (row: WorkerRow): Worker => {
    const isThis = row.key === engine.worker;
    return {
      id: String(row.key),
      host: row.host,
      pid: row.pid,
      isThis,
      executes: row.execute,
      release: row.release ?? undefined,
      library: row.library ?? undefined,
      workflows: row.workflows ?? undefined,
      capacity: row.capacity ?? undefined,
      weight: row.weight,
      load: isThis ? loadOf(engine) : (row.load ?? undefined),
      since: row.openedAt,
      silent: silenceOf(engine, row),
      lease: row.lease,
      leads: row.leads.find(({ name }) => name === cluster)?.term,
    };
  };
  return (await engine.store.workers.list()).map(view);
};

/** Runs of one workflow and version that are due, and that no worker can execute. */
export type Unclaimed = {
  readonly workflow: string;
  readonly version: number;
  /** How many there are; 10,000 when there are more. */
  readonly runs: number;
  /** Since when the first of them is due: ms since 1970. */
  readonly since: number;
  /** Names the workflow, its version, and which workers there are for other versions of it. */
  readonly reason: Reason;
};

const mostCounted = 10_000;

/** Runs that are due and that no worker can execute, by workflow and version. They keep nothing else waiting. Throws `runtime_closed` and `storage_…`. */
export const unclaimed = async (runtime: Runtime): Promise<readonly Unclaimed[]> => {
  const engine = engineOf(runtime);
  assertOpen(engine);
  const now = engine.clock.now();
  const due = (await engine.store.runs.allDue(now, mostCounted)).filter(({ wakeAt }) => wakeAt <= now);
  if (due.length === 0) return [];
  const there = await engine.store.workers.list();
  return due.flatMap(({ name, version, wakeAt, count }) => {
    const message = whyUnclaimed({ name, version }, there);
    if (message === undefined) return [];
    return [{ workflow: name, version, runs: count, since: wakeAt, reason: { code: "no_worker", message } }];
  });
};
