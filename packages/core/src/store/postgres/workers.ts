/** The processes that have the database open, and the breakers they share, on PostgreSQL. */
import type { BreakerRow, NewWorker } from "../rows.ts";
import type { Dialect, Statement } from "../server/dialect.ts";
import { encodeWorkflows } from "../worker.ts";
import { json, lockOf, statement } from "./text.ts";

const now = "floor(extract(epoch from clock_timestamp()) * 1000)::bigint";

/** The worker that probes, as long as it is on the list. */
const breaker = `select b.name, b.state, b.successes, b.failures, b.rejects, b.window_at as "windowAt", b.opened_at as "openedAt", b.retry_at as "retryAt",
  (select w.key from holdfast_workers as w where w.key = b.probe) as probe, b.probe_at as "probeAt"
  from holdfast_breakers as b where b.name = $1`;

const leader = (name: string): Statement =>
  statement("select name, worker, term, since, memo from holdfast_leaders where name = $1", name);

export const workers = {
  shield: (keys: readonly number[]): Statement =>
    statement(
      `select pg_advisory_xact_lock_shared(${lockOf("value::bigint")}) from json_array_elements_text($1::text::json) as listed(value)`,
      json(keys),
    ),
  fell: (worker: number): readonly Statement[] => [
    statement("set local lock_timeout = 2000"),
    statement(`select pg_advisory_xact_lock(${lockOf("$1::bigint")})`, worker),
  ],
  register: (worker: NewWorker, knows: number): readonly Statement[] => [
    statement(
      `insert into holdfast_workers (machine, pid, born, host, execute, lease, opened_at, release, library, workflows, capacity, weight, knows)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) returning key`,
      worker.machine,
      worker.pid,
      worker.born,
      worker.host,
      worker.execute,
      Math.round(worker.lease),
      worker.openedAt,
      worker.release,
      worker.library,
      encodeWorkflows(worker),
      worker.capacity,
      worker.weight,
      knows,
    ),
  ],
  beat: (worker: number, load: string | null): Statement =>
    statement("update holdfast_workers set beat = beat + 1, load = coalesce($1::text, load) where key = $2", load, worker),
  fill: (worker: number, full: boolean): Statement =>
    statement(`update holdfast_workers set "full" = $1 where key = $2`, full, worker),
  workers: (): Statement =>
    statement(`select w.key, w.machine, w.pid, w.born, w.host, w.execute, w.beat, w.lease, w.opened_at as "openedAt", w.release, w.library, w.workflows,
        w.capacity, w.weight, w."full", w.load, ${now} as now,
        (select json_agg(json_build_object('name', l.name, 'term', l.term))::text from holdfast_leaders as l where l.worker = w.key) as leads
      from holdfast_workers as w order by w.key`),
  removeWorker: (worker: number, beat: number | null): Statement =>
    statement("delete from holdfast_workers where key = $1 and ($2::int is null or beat = $2::int)", worker, beat),
  /** A run goes under a new lease number, so that nothing its late worker still writes is accepted. It is no strike to be left in good order. */
  release: (worker: number, now: number, died: boolean): Statement =>
    statement(
      `update holdfast_runs set worker = null, lease = lease + 1, status = case when pause then 'paused' else 'queued' end,
         wake_at = case when pause then null else $2::bigint end, strikes = case when $3::boolean then strikes else 0 end
       where key in (select key from holdfast_runs where worker = $1 and ended_at is null order by key for update)`,
      worker,
      now,
      died,
    ),

  /** In statements of their own: each sees what was committed before it. */
  lead: (name: string, worker: number, at: number): readonly Statement[] => [
    statement("insert into holdfast_leaders (name, term, since) values ($1, 0, $2) on conflict do nothing", name, at),
    statement("select name from holdfast_leaders where name = $1 for update", name),
    statement(
      `update holdfast_leaders as l set worker = $1, term = l.term + 1, since = $2 where l.name = $3
       and not exists (select 1 from holdfast_workers as w where w.key = l.worker) and exists (select 1 from holdfast_workers as w where w.key = $1)`,
      worker,
      at,
      name,
    ),
    leader(name),
  ],
  keepMemo: (name: string, worker: number, term: number, memo: string): Statement =>
    statement(
      `update holdfast_leaders set memo = $1 where name = $2 and worker = $3 and term = $4
       and exists (select 1 from holdfast_workers as w where w.key = $3)`,
      memo,
      name,
      worker,
      term,
    ),
  leader,

  now: (): Statement => statement(`select ${now} as now`),
  probe: (): Statement => statement("update holdfast_workers set beat = beat where key = -1"),

  breaker: (name: string): Statement => statement(breaker, name),
  lockBreaker: (name: string): Statement => statement(`${breaker} for update of b`, name),
  addBreaker: (name: string, now: number): Statement =>
    statement(
      "insert into holdfast_breakers (name, state, window_at) values ($1, 'closed', $2) on conflict do nothing",
      name,
      now,
    ),
  saveBreaker: (row: BreakerRow): Statement =>
    statement(
      `update holdfast_breakers set state = $2, successes = $3, failures = $4, rejects = $5, window_at = $6, opened_at = $7, retry_at = $8,
         probe = $9, probe_at = $10 where name = $1`,
      row.name,
      row.state,
      row.successes,
      row.failures,
      row.rejects,
      row.windowAt,
      row.openedAt,
      row.retryAt,
      row.probe,
      row.probeAt,
    ),
} satisfies Partial<Dialect>;
