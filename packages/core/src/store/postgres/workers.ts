/** The processes that have the database open, and the breakers they share, on PostgreSQL. */
import type { BreakerRow, WorkerRow } from "../rows.ts";
import type { Dialect, Statement } from "../server/dialect.ts";
import { json, lockOf, statement } from "./text.ts";

const now = "floor(extract(epoch from clock_timestamp()) * 1000)::bigint";

/** The worker that probes, as long as it is on the list. */
const breaker = `select b.name, b.state, b.successes, b.failures, b.rejects, b.window_at as "windowAt", b.opened_at as "openedAt", b.retry_at as "retryAt",
  (select w.key from holdfast_workers as w where w.key = b.probe) as probe, b.probe_at as "probeAt"
  from holdfast_breakers as b where b.name = $1`;

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
  register: (
    { machine, pid, born, host, execute, lease, openedAt }: Omit<WorkerRow, "key" | "beat">,
    knows: number,
  ): readonly Statement[] => [
    statement(
      `insert into holdfast_workers (machine, pid, born, host, execute, lease, opened_at, knows) values ($1, $2, $3, $4, $5, $6, $7, $8) returning key`,
      machine,
      pid,
      born,
      host,
      execute,
      Math.round(lease),
      openedAt,
      knows,
    ),
  ],
  beat: (worker: number): Statement => statement("update holdfast_workers set beat = beat + 1 where key = $1", worker),
  workers: (): Statement =>
    statement(`select key, machine, pid, born, host, execute, beat, lease, opened_at as "openedAt", ${now} as now
      from holdfast_workers order by key`),
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
