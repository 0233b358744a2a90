/** Taking due runs for a worker, on PostgreSQL, along the index of what is due; what another worker is taking just now is passed over. */
import type { Claim, Known } from "../contract.ts";
import type { Dialect, Statement } from "../server/dialect.ts";
import type { Param } from "../server/link.ts";
import { json, listed, lockOf, runColumns, statement } from "./text.ts";

/** The last record that shows that a run got on. A step that is merely running does not: it may be the one that kills its process. */
const lastSeq = `coalesce((select h.seq from holdfast_history as h where h.run = due.key and h.kind <> 'running' order by h.seq desc limit 1), 0)`;

/** A worker that found a run unfit leaves it to others, until somebody asks for its cancel. */
const isFit = (parameter: number): string =>
  `not (r.status = 'blocked' and r.cancel is null and r.key in ${listed("bigint", parameter)})`;

/** Versions as a list of pairs of parameters from this number on. */
const versions = (known: readonly Known[], first: number): { readonly text: string; readonly params: readonly Param[] } => ({
  text: known.map((_, index) => `($${first + 2 * index}::text, $${first + 2 * index + 1}::int)`).join(", "),
  params: known.flatMap(({ name, version }) => [name, version]),
});

const taking = (due: string): string => `with due as materialized (${due}),
  seen as (select due.key, ${lastSeq} as last from due)
  update holdfast_runs as r set status = 'running', worker = $1, claim = $6, lease = r.lease + 1, wake_at = null,
    strikes = case when seen.last > r.mark then 1 else r.strikes + 1 end, mark = seen.last
  from seen where r.key = seen.key and exists (select 1 from holdfast_workers as w where w.key = $1)
  returning ${runColumns}`;

/** Suspects go one at a time over the whole database: whoever has the lock for the length of his transaction may look. */
const alone = `select set_config('holdfast.alone', pg_try_advisory_xact_lock(${lockOf("0")})::text, true)`;

export const claims = {
  claim: ({ worker, known, now, limit, suspectAt, unfit }: Claim, number: number) => {
    const { text, params } = versions(known, 7);
    const common = [worker, now, json(unfit), suspectAt, limit, number] as const;
    const isDue = `r.wake_at <= $2::bigint and (r.workflow, r.version) in (${text}) and ${isFit(3)}`;
    const healthy = `select r.key from holdfast_runs as r where ${isDue} and r.strikes < $4::int order by r.wake_at limit $5::int for update skip locked`;
    const suspect = `select r.key from holdfast_runs as r where ${isDue} and r.strikes >= $4::int and $5::int > 0
      and current_setting('holdfast.alone', true) = 'true'
      and not exists (select 1 from holdfast_runs as other where other.worker is not null and other.strikes > $4::int)
      order by r.wake_at limit 1 for update skip locked`;
    const isSuspectDue = `select exists (select 1 from holdfast_runs as r where $1::int is not null and $5::int > 0 and $6::int is not null and ${isDue} and r.strikes >= $4::int) as due`;
    return {
      healthy: [statement(taking(healthy), ...common, ...params)],
      isSuspectDue: statement(isSuspectDue, ...common, ...params),
      suspect: [statement(alone), statement(taking(suspect), ...common, ...params)],
    };
  },
  claimed: (worker: number, number: number): Statement =>
    statement(`select ${runColumns} from holdfast_runs as r where r.worker = $1 and r.claim = $2`, worker, number),
  nextDue: (known: readonly Known[]): Statement => {
    const { text, params } = versions(known, 1);
    return statement(
      `select r.wake_at as "wakeAt" from holdfast_runs as r where r.wake_at is not null and (r.workflow, r.version) in (${text}) order by r.wake_at limit 1`,
      ...params,
    );
  },
  heldBy: (worker: number): Statement =>
    statement("select key, lease, mail, cancel, pause from holdfast_runs where worker = $1", worker),
  unblock: (known: readonly Known[], now: number, except: readonly number[]): Statement => {
    const { text, params } = versions(known, 3);
    return statement(
      `update holdfast_runs as r set wake_at = $1 where r.key in (
         select r.key from holdfast_runs as r where r.status = 'blocked' and r.status <> 'running' and r.status <> 'completed' and r.wake_at is null
         and r.key not in ${listed("bigint", 2)} and (r.workflow, r.version) in (${text}) order by r.key for update)`,
      now,
      json(except),
      ...params,
    );
  },
} satisfies Partial<Dialect>;
