/** The processes that have the database open, and the breakers they share, on MySQL and MariaDB. */
import type { BreakerRow, NewWorker } from "../rows.ts";
import type { Dialect, Statement } from "../server/dialect.ts";
import { encodeWorkflows } from "../worker.ts";
import { keyed, shown, statement } from "./text.ts";

const now = "cast(floor(unix_timestamp(now(6)) * 1000) as signed)";

/** The worker that probes, as long as it is on the list. */
const breaker = `select ${shown("b.name", "name")}, b.state, b.successes, b.failures, b.rejects, b.window_at as windowAt, b.opened_at as openedAt,
  b.retry_at as retryAt, (select w.key from holdfast_workers as w where w.key = b.probe) as probe, b.probe_at as probeAt
  from holdfast_breakers as b where b.name = cast(? as binary)`;

const leader = (name: string): Statement =>
  statement(
    `select ${shown("l.name", "name")}, l.worker, l.term, l.since, l.memo from holdfast_leaders as l where l.name = cast(? as binary)`,
    name,
  );

/** When the tables were made: a dump that is restored makes them anew. `holdfast_migrations` is never altered. */
const made = `(select cast(unix_timestamp(t.create_time) as char) from information_schema.tables as t
  where t.table_schema = database() and t.table_name = 'holdfast_migrations')`;

const kept = "select i.incarnation from holdfast_incarnation as i where i.one = 1";

/** A key that is given by hand moves the counter for good. The row that it takes is gone again before anybody sees it. */
const leap = [
  statement(`insert into holdfast_runs (\`key\`, id, workflow, version, status, lease, created_at)
    select coalesce(max(r.key), 0) + 4294967296, '', '', 0, 'cancelled', 0, 0 from holdfast_runs as r`),
  statement("delete from holdfast_runs where id = ''"),
  statement(`insert into holdfast_workers (\`key\`, machine, pid, born, host, execute, opened_at)
    select coalesce(max(w.key), 0) + 1000000, '', 0, 'leap', '', 0, 0 from holdfast_workers as w`),
  statement("delete from holdfast_workers where pid = 0 and born = 'leap'"),
  statement(
    `insert into holdfast_news (\`key\`, told, at) select coalesce(max(n.key), 0) + 1000000, 0, -1 from holdfast_news as n`,
  ),
  statement("delete from holdfast_news where at = -1"),
];

const listing = (incarnation: string): Statement =>
  statement(`select said.now, said.incarnation, w.key, w.machine, w.pid, w.born, w.host, w.execute, w.beat, w.lease, w.opened_at as openedAt, w.release, w.library, w.workflows,
      w.capacity, w.weight, w.full, w.load,
      (select cast(json_arrayagg(json_object('name', convert(l.name using utf8mb4), 'term', l.term)) as char) from holdfast_leaders as l where l.worker = w.key) as leads
    from (select ${now} as now, ${incarnation} as incarnation) as said left join holdfast_workers as w on true order by w.key`);

/**
 * Which server it is, as `server` says; a replica that is promoted is another. It is asked in every transaction, and when the tables were made now and then. An
 * exponent that is too large fails, and nothing else of ours does so.
 */
export const toldBy = (server: string): Pick<Dialect, "incarnation" | "workers"> => {
  const incarnation = `concat(${server}, ' ', ${made})`;
  return {
    incarnation: {
      now: () => statement(`select ${incarnation} as incarnation`),
      assert: (believed) => statement(`select exp(if(substring_index(?, ' ', 1) <> ${server}, 1000, 0)) as same`, believed),
      kept: () => statement(kept),
      lock: () => statement(`${kept} for update`),
      keepFirst: (first) =>
        statement(
          "insert into holdfast_incarnation (one, incarnation) values (1, ?) on duplicate key update one = holdfast_incarnation.one",
          first,
        ),
      leap: (next) => [...leap, statement("update holdfast_incarnation set incarnation = ? where one = 1", next)],
    },
    workers: () => listing(incarnation),
  };
};

/**
 * There are no locks that end with a transaction but those of rows. A shield locks the entry of a worker in the second index of its table, in which the beat is
 * not: so a beat, which goes along the first, waits for no shield, and yet who takes the worker off the list waits for all.
 */
export const workers = {
  shield: (keys: readonly number[]): Statement => {
    const { text, params } = keyed(keys);
    return statement(
      `select w.key from holdfast_workers as w force index (holdfast_workers_shield) where w.key in ${text} order by w.key lock in share mode`,
      ...params,
    );
  },
  fell: (worker: number): readonly Statement[] => [
    statement("select w.key from holdfast_workers as w force index (holdfast_workers_shield) where w.key = ? for update", worker),
  ],
  register: (worker: NewWorker, knows: number): readonly Statement[] => [
    statement(
      `insert into holdfast_workers (machine, pid, born, host, execute, lease, opened_at, \`release\`, \`library\`, workflows, capacity, weight, knows)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
    statement("select last_insert_id() as `key`"),
  ],
  beat: (worker: number, load: string | null): Statement =>
    statement(
      "update holdfast_workers as w force index (primary) set w.beat = w.beat + 1, w.load = coalesce(?, w.load) where w.key = ?",
      load,
      worker,
    ),
  fill: (worker: number, full: boolean): Statement =>
    statement("update holdfast_workers as w force index (primary) set w.full = ? where w.key = ?", full, worker),
  /** Until the server has said how it is told from others. */
  incarnation: undefined,
  workers: () => listing("null"),
  removeWorker: (worker: number, beat: number | null): Statement =>
    beat === null
      ? statement("delete from holdfast_workers where `key` = ?", worker)
      : statement("delete from holdfast_workers where `key` = ? and beat = ?", worker, beat),
  /** A run goes under a new lease number, so that nothing its late worker still writes is accepted. It is no strike to be left in good order. */
  release: (worker: number, at: number, died: boolean): Statement =>
    statement(
      `update holdfast_runs as r force index (holdfast_runs_worker) set r.worker = null, r.lease = r.lease + 1,
         r.status = case when r.pause then 'paused' else 'queued' end, r.wake_at = case when r.pause then null else ? end,
         r.strikes = case when ? then r.strikes else 0 end
       where r.worker = ? and r.ended_at is null`,
      at,
      died ? 1 : 0,
      worker,
    ),

  lead: (name: string, worker: number, at: number): readonly Statement[] => [
    statement(
      `insert into holdfast_leaders (name, term, since) values (?, 0, ?) on duplicate key update holdfast_leaders.name = holdfast_leaders.name`,
      name,
      at,
    ),
    statement("select l.name from holdfast_leaders as l where l.name = cast(? as binary) for update", name),
    statement(
      `update holdfast_leaders as l set l.worker = ?, l.term = l.term + 1, l.since = ? where l.name = cast(? as binary)
       and not exists (select 1 from holdfast_workers as w where w.key = l.worker) and exists (select 1 from holdfast_workers as w where w.key = ?)`,
      worker,
      at,
      name,
      worker,
    ),
    leader(name),
  ],
  keepMemo: (name: string, worker: number, term: number, memo: string): Statement =>
    statement(
      `update holdfast_leaders as l set l.memo = ? where l.name = cast(? as binary) and l.worker = ? and l.term = ?
       and exists (select 1 from holdfast_workers as w where w.key = ?)`,
      memo,
      name,
      worker,
      term,
      worker,
    ),
  leader,

  now: (): Statement => statement(`select ${now} as now`),
  probe: (): Statement => statement("update holdfast_workers set beat = beat where `key` = -1"),

  breaker: (name: string): Statement => statement(breaker, name),
  lockBreaker: (name: string): Statement => statement(`${breaker} for update`, name),
  addBreaker: (name: string, at: number): Statement =>
    statement(
      `insert into holdfast_breakers (name, state, window_at) values (?, 'closed', ?)
       on duplicate key update holdfast_breakers.name = holdfast_breakers.name`,
      name,
      at,
    ),
  saveBreaker: (row: BreakerRow): Statement =>
    statement(
      `update holdfast_breakers set state = ?, successes = ?, failures = ?, rejects = ?, window_at = ?, opened_at = ?, retry_at = ?, probe = ?, probe_at = ?
       where name = cast(? as binary)`,
      row.state,
      row.successes,
      row.failures,
      row.rejects,
      row.windowAt,
      row.openedAt,
      row.retryAt,
      row.probe,
      row.probeAt,
      row.name,
    ),
} satisfies Partial<Dialect>;
