/** The ledger: what was seen of each run, and the rules that every commit and every start of a function must keep. */
import { isEnd, type Status } from "../../src/model/states.ts";
import type { Lease } from "../../src/store/rows.ts";
import type { Sight, Trace } from "../../test/fuzz/interpret.ts";
import type { Seen } from "./witness.ts";

/** One life of a body: in one process, from its first moment to its end, its crash, or the loss of its lease. */
export type Life = {
  readonly trace: Trace;
  readonly lease: number;
  /** The last record that was durable when its lease was gone. */
  durable: number;
};

export type Kept = {
  readonly key: number;
  readonly id: string;
  status: Status;
  lease: number;
  worker: number | null;
  /** The worker that the lease was given to, also when it has laid the run to rest since. */
  holder: number | null;
  last: number;
  /** Numbers that tries of a transaction were given and may have left unused. */
  spare: number;
  /** Steps and undos whose record is there. */
  readonly recorded: Set<string>;
  /** When what is timed may happen, and when that was said, by its key. */
  readonly due: Map<string, { readonly moment: number; readonly since: number }>;
  /** Attempts that failed, by key. */
  readonly failed: Map<string, number>;
  readonly lives: Life[];
};

/** When a function starts, whether within a transaction, and the last record its body had seen when it asked. */
export type Start = { readonly now: number; readonly within: boolean; readonly ground: number };

export type Ledger = {
  readonly runs: ReadonlyMap<string, Kept>;
  /** A commit of the process with these worker numbers. */
  readonly committed: (seen: readonly Seen[], workers: ReadonlySet<number>) => void;
  /** A function begins. */
  readonly starts: (id: string, step: string, attempt: number, at: Start) => void;
  /** A write of the process with these worker numbers is answered: it was fenced. */
  readonly fenced: (lease: Lease, workers: ReadonlySet<number>) => void;
  readonly lives: (id: string, lease: number, loaded: number) => Trace;
  readonly open: () => number;
};

const answers = new Set(["step", "step-failed", "undone", "undo-failed"]);

/** `reached` answers with the latest time that the clock has shown since it showed one: a moment that has come may be still to come after a jump back. */
export const createLedger = (breach: (what: string) => void, reached: (since: number) => number): Ledger => {
  const runs = new Map<string, Kept>();
  const byKey = new Map<number, Kept>();
  let open = 0;

  const begin = ({ run, key, kind, lease, worker, due, at }: Seen): void => {
    const id = key ?? "";
    if (runs.has(id)) breach(`run ${id} was begun twice`);
    const kept: Kept = {
      key: run,
      id,
      status: kind as Status,
      lease,
      worker,
      holder: worker,
      last: -1,
      spare: 0,
      recorded: new Set(),
      due: new Map(due === null ? [] : [["", { moment: due, since: at }]]),
      failed: new Map(),
      lives: [],
    };
    runs.set(id, kept);
    byKey.set(run, kept);
    open++;
  };

  const move = (kept: Kept, { kind, lease, worker }: Seen, workers: ReadonlySet<number>): void => {
    if (isEnd(kept.status)) breach(`run ${kept.id} moved to ${kind} after its end`);
    if (worker === null && kept.worker !== null && lease === kept.lease && !workers.has(kept.worker))
      breach(`run ${kept.id} was taken from worker ${kept.worker} under its own lease, by workers ${[...workers].join()}`);
    if (lease < kept.lease) breach(`the lease of run ${kept.id} went back from ${kept.lease} to ${lease}`);
    if (lease !== kept.lease && worker !== kept.worker)
      for (const life of kept.lives) if (life.durable === Infinity) life.durable = kept.last;
    if (kind === "blocked") breach(`run ${kept.id} was blocked`);
    const holder = worker ?? (lease === kept.lease ? kept.holder : null);
    Object.assign(kept, { status: kind, lease, worker, holder });
    if (isEnd(kept.status)) open--;
  };

  const isEarly = ({ moment, since }: { readonly moment: number; readonly since: number }, now: number): boolean =>
    now < moment && reached(since) < moment;

  const record = (kept: Kept, row: Seen, workers: ReadonlySet<number>): void => {
    const { id } = kept;
    const key = row.key ?? "";
    const unused = row.seq - kept.last - 1;
    if (unused < 0 || unused > kept.spare) breach(`run ${id} has record ${row.seq} (${row.kind} ${key}) after ${kept.last}`);
    kept.spare -= unused;
    if (isEnd(kept.status)) breach(`run ${id} got record ${row.seq} (${row.kind} ${key}) after its end`);
    if (row.lease !== kept.lease && row.worker === null)
      breach(`record ${row.seq} of run ${id} was written while nobody held it`);
    const holder = row.lease === kept.lease ? kept.holder : row.worker;
    if (row.seq > 0 && (holder === null || !workers.has(holder)))
      breach(`record ${row.seq} (${row.kind} ${key}) of run ${id} is of workers ${[...workers].join()} while ${holder} holds it`);
    kept.last = row.seq;
    const due = kept.due.get(key);
    if ((row.kind === "fired" || row.kind === "expired") && due && isEarly(due, row.at))
      breach(`"${key}" of run ${id} is ${row.kind} ${due.moment - row.at} ms too early`);
    if (answers.has(row.kind) && kept.recorded.has(key)) breach(`"${key}" of run ${id} has two records`);
    if (answers.has(row.kind)) kept.recorded.add(key);
    if (row.due !== null && row.kind !== "cancel" && !waitsForBreaker(kept, key, row))
      kept.due.set(key, { moment: row.due, since: row.at });
  };

  /** An attempt that was not made, behind an open breaker, is made as soon as that closes. */
  const waitsForBreaker = ({ failed, due }: Kept, key: string, { kind, attempt }: Seen): boolean => {
    if (kind !== "attempt" && kind !== "undo-attempt") return false;
    const before = failed.get(key) ?? 0;
    failed.set(key, attempt ?? 0);
    if ((attempt ?? 0) > before) return false;
    due.delete(key);
    return true;
  };

  const keptOf = (one: Seen): Kept => {
    const kept = byKey.get(one.run);
    if (!kept) throw new Error(`Something of a run that nobody began: ${JSON.stringify(one)}`);
    return kept;
  };

  return {
    runs,
    open: () => open,
    committed: (seen, workers) => {
      for (const one of seen) if (one.what === "begun") begin(one);
      // The records of one commit may go in in any order: what counts is what is there after it.
      const rows = seen.filter(({ what }) => what === "record").toSorted((a, b) => a.seq - b.seq);
      for (const one of rows) record(keptOf(one), one, workers);
      for (const one of seen) if (one.what === "moved") move(keptOf(one), one, workers);
    },
    starts: (id, step, attempt, { now, within, ground }) => {
      const kept = runs.get(id);
      if (!kept) return breach(`"${step}" of run ${id} began before its run was there`);
      if (within) kept.spare++;
      if (ground > kept.last) breach(`"${step}" of run ${id} began on record ${ground}, and only ${kept.last} are durable`);
      if (kept.recorded.has(step)) breach(`"${step}" of run ${id} began after its record`);
      const due = attempt > 1 ? kept.due.get(step) : undefined;
      if (due && isEarly(due, now)) breach(`attempt ${attempt} of "${step}" of run ${id} began ${due.moment - now} ms too early`);
    },
    fenced: ({ run, number }, workers) => {
      const kept = byKey.get(run);
      if (kept?.lease === number && kept.holder !== null && workers.has(kept.holder))
        breach(`a write for run ${kept.id} was refused, and worker ${kept.holder} has its lease ${number}`);
    },
    lives: (id, lease, loaded) => {
      const trace: Trace = [];
      const kept = runs.get(id);
      kept?.lives.push({ trace, lease, durable: kept.lease === lease ? Infinity : loaded });
      return trace;
    },
  };
};

/** As far as two lives of a body saw the same durable records, they asked and saw the same. */
export const compareLives = ({ id, lives }: Kept, breach: (what: string) => void): void => {
  const last = lives.toSorted((a, b) => a.lease - b.lease).at(-1);
  for (const life of lives) {
    if (!last || life === last) continue;
    const sure = life.trace.filter(({ seen }) => seen <= life.durable);
    const at = sure.findIndex(({ text }, index) => text !== last.trace[index]?.text);
    if (at >= 0) breach(`run ${id} diverged at ${at}: first ${around(sure, at)}, then ${around(last.trace, at)}`);
  }
};

const around = (trace: readonly Sight[], at: number): string => JSON.stringify(trace.slice(Math.max(0, at - 3), at + 2));
