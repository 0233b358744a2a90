/** What the judge may ask of a database under torture: what Holdfast's tables say, and what the witness wrote down beside them. */
import { Database } from "bun:sqlite";
import type { Place } from "./place.ts";
import { quoteName, witness } from "./witness.ts";

/** A change of a lease: `worker` has the run now, `was` had it before. */
export type LeaseChange = {
  readonly run: number;
  readonly lease: number;
  readonly worker: number | null;
  readonly was: number | null;
  /** Handed back to go on at once, not to wait. */
  readonly isDue: 0 | 1;
  readonly at: number;
};

/** A record, and the lease under which it was accepted. */
export type Written = {
  readonly run: string;
  readonly seq: number;
  readonly kind: string;
  readonly key: string | null;
  readonly value: string | null;
  readonly attempt: number | null;
  readonly lease: number | null;
};

export type RunTruth = {
  readonly key: number;
  readonly id: string;
  readonly workflow: string;
  readonly status: string;
  readonly lease: number;
  readonly parent: string | null;
  readonly orphan: "cancel" | "keep" | null;
  readonly output: string | null;
  /** Why it was asked to cancel, if it was. */
  readonly cancel: string | null;
  /** Runs end one after the other: which this was, and its parent. */
  readonly end: number | null;
  readonly parentEnd: number | null;
};

export type SignalTruth = {
  readonly key: number;
  readonly run: string;
  readonly name: string;
  readonly value: string | null;
  readonly taken: 0 | 1;
};

export type Observer = Awaited<ReturnType<typeof observe>>;

/** Runs at rest that nothing will wake, though what they wait for is there: a message, or a child at its end. True at no commit. */
const overlooked = (quoted: string): string => `
  select r.id, r.status, 'a message it waits for is there, and nothing wakes it' as why
    from holdfast_signals as s join holdfast_runs as r on r.key = s.run
    join holdfast_history as h on h.run = r.key and h.kind = 'waiting' and h.value = ${quoted}
    where s.taken_at is null and r.status = 'waiting' and r.wake_at is null and r.worker is null
    and not exists (select 1 from holdfast_history as t where t.run = h.run and t.key = h.key and t.kind in ('taken', 'expired'))
  union
  select r.id, r.status, 'a child it waits for is at its end, and nothing wakes it'
    from holdfast_runs as r join holdfast_runs as c on c.parent = r.key and c.parent_key is not null and c.ended_at is not null
    where r.status = 'waiting' and r.wake_at is null and r.worker is null
    and not exists (select 1 from holdfast_history as t where t.run = r.key and t.key = c.parent_key and t.kind in ('called', 'call-failed'))`;

const ends = "('completed', 'failed', 'cancelled')";
const lastEnds = "(select run, max(n) as n from torture_ends group by run)";

/** Whether a file can be written to now: asked in one go, through a connection of its own, so that the judge locks nobody out. */
const isFree = (file: string): boolean => {
  const database = new Database(file);
  try {
    database.run("begin immediate");
    database.run("rollback");
    return true;
  } catch (error) {
    if ((error as { readonly code?: string }).code?.startsWith("SQLITE_BUSY")) return false;
    throw error;
  } finally {
    database.close();
  }
};

/** Puts the witness into a database that Holdfast has made already, and asks it. */
export const observe = async ({ on, url, plain }: Place) => {
  for (const each of witness[on]) await plain.query(each);
  const all = plain.query;
  const count = async (text: string, ...params: readonly number[]): Promise<number> =>
    (await all<{ n: number }>(text, ...params))[0]?.n ?? 0;
  return {
    /** Runs that are not at their end. */
    open: () => count(`select count(*) as n from holdfast_runs where status not in ${ends}`),
    openRuns: () =>
      all<{ readonly id: string; readonly status: string }>(`select id, status from holdfast_runs where status not in ${ends}`),
    overlooked: () =>
      all<{ readonly id: string; readonly status: string; readonly why: string }>(overlooked(quoteName[on]("s.name"))),
    runs: () =>
      all<RunTruth>(`select r.key, r.id, r.workflow, r.status, r.lease, p.id as parent, r.orphan, r.cancel, e.n as "end", pe.n as "parentEnd",
        (select h.value from holdfast_history as h where h.run = r.key and h.kind = r.status) as output
        from holdfast_runs as r left join holdfast_runs as p on p.key = r.parent
        left join ${lastEnds} as e on e.run = r.key left join ${lastEnds} as pe on pe.run = r.parent`),
    records: () =>
      all<Written>(`select r.id as run, h.seq, h.kind, h.key, h.value, h.attempt, w.lease from holdfast_history as h
        join holdfast_runs as r on r.key = h.run left join torture_writes as w on w.run = h.run and w.seq = h.seq order by h.run, h.seq`),
    signals: () =>
      all<SignalTruth>(`select s.key, r.id as run, s.name, s.value, case when s.taken_at is null then 0 else 1 end as taken
        from holdfast_signals as s join holdfast_runs as r on r.key = s.run order by s.key`),
    leases: () => all<LeaseChange>(`select run, lease, worker, was, due as "isDue", at from torture_leases order by n`),
    /** The worker that a process is registered as now, if it is. */
    workerOf: async (pid: number): Promise<number | undefined> =>
      (await all<{ key: number }>("select w.key from holdfast_workers as w where w.pid = ? order by w.key desc limit 1", pid))[0]
        ?.key,
    /** Every worker that a process ever was. */
    workersOf: async (pid: number): Promise<number[]> =>
      (await all<{ worker: number }>("select worker from torture_workers where pid = ?", pid)).map(({ worker }) => worker),
    /** False while somebody holds SQLite's one lock for writing. A server has none that keeps everybody waiting. */
    canWrite: (): boolean => on !== "sqlite" || isFree(url.slice("sqlite:".length)),
    isListed: async (worker: number): Promise<boolean> =>
      (await count("select count(*) as n from holdfast_workers as w where w.key = ?", worker)) > 0,
    holds: (worker: number): Promise<number> => count("select count(*) as n from holdfast_runs where worker = ?", worker),
    query: all,
  };
};
