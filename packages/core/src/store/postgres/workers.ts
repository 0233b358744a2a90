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

/**
 * The timeline of the server's log, which is another one from the moment a standby is promoted or a point in time is restored, and the number of a table of ours, which
 * a restored dump makes anew. It is asked in every transaction; what it costs to tell the cluster too is spent only now and then.
 */
const past = `left(pg_walfile_name(pg_current_wal_lsn()), 8) || '/' || to_regclass('holdfast_migrations')::oid::text`;
const incarnation = `(select system_identifier from pg_control_system()) || '/' || ${past}`;

/** Says why, in a way that no other failure has. */
export const rewound = "holdfast: another incarnation";

/** Goes up, in this one, from where no other may have got to: runs, and workers, whose numbers are smaller. */
const leap = `select setval(leap.sequence, nextval(leap.sequence) + leap.by) from (values
  (pg_get_serial_sequence('holdfast_runs', 'key')::regclass, 4294967296), (pg_get_serial_sequence('holdfast_workers', 'key')::regclass, 1000000),
  (pg_get_serial_sequence('holdfast_news', 'key')::regclass, 1000000)
  ) as leap(sequence, by)`;

const kept = "select incarnation from holdfast_incarnation where one = 1";

/** Where the server cannot tell its past, as servers that merely speak PostgreSQL's language, nothing is asserted. */
export const untold = { incarnation: undefined, workers: () => listing("null") } satisfies Partial<Dialect>;

const listing = (incarnation: string): Statement =>
  statement(`select said.now, said.incarnation, w.key, w.machine, w.pid, w.born, w.host, w.execute, w.beat, w.lease, w.opened_at as "openedAt", w.release, w.library, w.workflows,
      w.capacity, w.weight, w."full", w.load,
      (select json_agg(json_build_object('name', l.name, 'term', l.term))::text from holdfast_leaders as l where l.worker = w.key) as leads
    from (select ${now} as now, ${incarnation} as incarnation) as said left join holdfast_workers as w on true order by w.key`);

export const workers = {
  incarnation: {
    now: () => statement(`select ${incarnation} as incarnation`),
    assert: (believed: string) =>
      statement(
        `select case when not pg_is_in_recovery() and right($1::text, length(${past})) <> ${past} then ('${rewound} ' || ${past})::int end`,
        believed,
      ),
    kept: () => statement(kept),
    lock: () => statement(`${kept} for update`),
    keepFirst: (first: string) =>
      statement("insert into holdfast_incarnation (one, incarnation) values (1, $1) on conflict do nothing", first),
    leap: (next: string) => [statement(leap), statement("update holdfast_incarnation set incarnation = $1 where one = 1", next)],
  },
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
  workers: (): Statement => listing(`case when pg_is_in_recovery() then null else ${incarnation} end`),
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
