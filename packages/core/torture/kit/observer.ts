/**
 * The witness: triggers in the database under torture that write down every change of a lease and, with each record, the lease it was
 * written under. They see what the store really did, whatever the engine believes.
 */
import { Database } from "bun:sqlite";

const triggers = `
create table torture_leases (n integer primary key, run integer, lease integer, worker integer, was integer, due integer, at integer);
create table torture_writes (run integer, seq integer, lease integer, worker integer, primary key (run, seq)) without rowid;
create table torture_workers (key integer primary key, pid integer, execute integer, gone integer);
create table torture_ends (n integer primary key, run integer unique);
create trigger torture_end after update of ended_at on holdfast_runs when new.ended_at is not null begin
  insert or replace into torture_ends (run) values (new.key);
end;
create trigger torture_lease after update of lease, worker on holdfast_runs
  when new.lease <> old.lease or new.worker is not old.worker begin
  insert into torture_leases (run, lease, worker, was, due, at)
    values (new.key, new.lease, new.worker, old.worker, new.status = 'queued', cast(unixepoch('now', 'subsec') * 1000 as integer));
end;
create trigger torture_write after insert on holdfast_history begin
  insert or replace into torture_writes select new.run, new.seq, lease, worker from holdfast_runs where key = new.run;
end;
create trigger torture_worker after insert on holdfast_workers begin
  insert or replace into torture_workers (key, pid, execute) values (new.key, new.pid, new.execute);
end;
create trigger torture_gone after delete on holdfast_workers begin
  update torture_workers set gone = cast(unixepoch('now', 'subsec') * 1000 as integer) where key = old.key;
end;`;

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

export type Observer = ReturnType<typeof observe>;

/** Runs at rest that nothing will wake, though what they wait for is there: a message, or a child at its end. True at no commit. */
const overlooked = `
  select r.id, r.status, 'a message it waits for is there, and nothing wakes it' as why
    from holdfast_signals as s join holdfast_runs as r on r.key = s.run
    join holdfast_history as h on h.run = r.key and h.kind = 'waiting' and h.value = json_quote(s.name)
    where s.taken_at is null and r.status = 'waiting' and r.wake_at is null and r.worker is null
    and not exists (select 1 from holdfast_history as t where t.run = h.run and t.key = h.key and t.kind in ('taken', 'expired'))
  union
  select r.id, r.status, 'a child it waits for is at its end, and nothing wakes it'
    from holdfast_runs as r join holdfast_runs as c on c.parent = r.key and c.parent_key is not null and c.ended_at is not null
    where r.status = 'waiting' and r.wake_at is null and r.worker is null
    and not exists (select 1 from holdfast_history as t where t.run = r.key and t.key = c.parent_key and t.kind in ('called', 'call-failed'))`;

/** Puts the witness into a database that Holdfast has made already, and asks it. */
export const observe = (file: string, afterwards: (release: () => unknown) => void) => {
  const db = new Database(file);
  afterwards(() => db.close());
  db.run("pragma busy_timeout = 10000");
  db.run(triggers);
  const all = <Row>(text: string): Row[] => db.query(text).all() as Row[];
  const ends = "('completed', 'failed', 'cancelled')";
  return {
    /** Runs that are not at their end. */
    open: (): number => all<{ n: number }>(`select count(*) as n from holdfast_runs where status not in ${ends}`)[0]?.n ?? 0,
    openRuns: (): { readonly id: string; readonly status: string }[] =>
      all(`select id, status from holdfast_runs where status not in ${ends}`),
    overlooked: (): { readonly id: string; readonly status: string; readonly why: string }[] => all(overlooked),
    runs: (): RunTruth[] =>
      all(`select r.key, r.id, r.workflow, r.status, r.lease, p.id as parent, r.orphan, r.cancel, e.n as end, pe.n as parentEnd,
        (select h.value from holdfast_history as h where h.run = r.key and h.kind = r.status) as output
        from holdfast_runs as r left join holdfast_runs as p on p.key = r.parent
        left join torture_ends as e on e.run = r.key left join torture_ends as pe on pe.run = r.parent`),
    records: (): Written[] =>
      all(`select r.id as run, h.seq, h.kind, h.key, h.value, h.attempt, w.lease from holdfast_history as h
        join holdfast_runs as r on r.key = h.run left join torture_writes as w on w.run = h.run and w.seq = h.seq order by h.run, h.seq`),
    signals: (): SignalTruth[] =>
      all(`select s.key, r.id as run, s.name, s.value, s.taken_at is not null as taken from holdfast_signals as s
        join holdfast_runs as r on r.key = s.run order by s.key`),
    leases: (): LeaseChange[] => all("select run, lease, worker, was, due as isDue, at from torture_leases order by n"),
    /** The worker that a process is registered as now, if it is. */
    workerOf: (pid: number): number | undefined =>
      (db.query("select key from holdfast_workers where pid = ? order by key desc limit 1").get(pid) as { key: number } | null)
        ?.key,
    /** Every worker that a process ever was. */
    workersOf: (pid: number): number[] =>
      (db.query("select key from torture_workers where pid = ?").all(pid) as { key: number }[]).map(({ key }) => key),
    /** False while somebody holds SQLite's one lock for writing. */
    canWrite: (): boolean => {
      db.run("pragma busy_timeout = 0");
      try {
        db.run("begin immediate");
        db.run("rollback");
        return true;
      } catch (error) {
        if ((error as { readonly code?: string }).code?.startsWith("SQLITE_BUSY")) return false;
        throw error;
      }
    },
    isListed: (worker: number): boolean => db.query("select 1 from holdfast_workers where key = ?").get(worker) !== null,
    holds: (worker: number): number =>
      (db.query("select count(*) as n from holdfast_runs where worker = ?").get(worker) as { n: number }).n,
    query: all,
  };
};
