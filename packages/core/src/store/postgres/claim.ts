/** Taking due runs for a worker, on PostgreSQL, along the index of what is due; what another worker is taking just now is passed over. */
import type { Claim, Known } from "../contract.ts";
import type { Dialect, Statement } from "../server/dialect.ts";
import { given, json, listed, lockOf, runColumns, statement } from "./text.ts";

/** The last record that shows that a run got on. A step that is merely running does not: it may be the one that kills its process. */
const lastSeq = `coalesce((select h.seq from holdfast_history as h where h.run = due.key and h.kind <> 'running' order by h.seq desc limit 1), 0)`;

/** A worker that found a run unfit leaves it to others, until somebody asks for its cancel. */
const isFit = `not (r.status = 'blocked' and r.cancel is null and r.key in ${listed("bigint", 3)})`;

/** A run that rests in the memory of another worker is left to it for a moment, if that worker lives and has room. */
const isFree = `(r.home is null or r.home = $1 or r.wake_at <= $2::bigint - $8::int
  or not exists (select 1 from holdfast_workers as w where w.key = r.home and not w."full"))`;

const isDue = `r.wake_at <= $2::bigint and ${isFit} and ${isFree}`;

const parts = given({ name: "text", version: "int", tenant: "text" }, 7);

/** So many of each part: each is one look along an index, which stops there. */
const ofParts = (which: string, more: string): string => `select taken.key from ${parts} cross join lateral (
    select r.key from holdfast_runs as r where r.workflow = given.name and r.version = given.version and ${more} ${isDue} and r.strikes < $4::int
    order by r.wake_at limit $5::int for update skip locked) as taken where ${which}`;

const plain = ofParts("given.tenant is null", "");
const ofTenants = ofParts("given.tenant is not null", "r.tenant = given.tenant and r.tenant is not null and");

const taking = (due: string): string => `with due as materialized (${due}),
  seen as (select due.key, ${lastSeq} as last from due)
  update holdfast_runs as r set status = 'running', worker = $1, claim = $6, lease = r.lease + 1, wake_at = null,
    strikes = case when seen.last > r.mark then 1 else r.strikes + 1 end, mark = seen.last
  from seen where r.key = seen.key and exists (select 1 from holdfast_workers as w where w.key = $1)
  returning ${runColumns}`;

/** Suspects go one at a time over the whole database: whoever has the lock for the length of his transaction may look. */
const alone = `select set_config('holdfast.alone', pg_try_advisory_xact_lock(${lockOf("0")})::text, true)`;

const suspects = `select r.key from ${parts} join holdfast_runs as r on r.workflow = given.name and r.version = given.version
  where ${isDue} and r.strikes >= $4::int`;

const suspect = `select r.key from holdfast_runs as r where r.key in (${suspects}) and $5::int > 0
  and current_setting('holdfast.alone', true) = 'true'
  and not exists (select 1 from holdfast_runs as other where other.worker is not null and other.strikes > $4::int)
  order by r.wake_at limit 1 for update skip locked`;

const isSuspectDue = `select exists (${suspects} and $1::int is not null and $5::int > 0 and $6::int is not null) as due`;

export const claims = {
  claim: ({ worker, parts, now, each, headStart, suspectAt, unfit }: Claim, number: number) => {
    const values = [worker, now, json(unfit), suspectAt, each, number, json(parts), headStart];
    return {
      healthy: [statement(taking(`${plain} union all ${ofTenants}`), ...values)],
      isSuspectDue: statement(isSuspectDue, ...values),
      suspect: [statement(alone), statement(taking(suspect), ...values)],
    };
  },
  claimed: (worker: number, number: number): Statement =>
    statement(`select ${runColumns} from holdfast_runs as r where r.worker = $1 and r.claim = $2`, worker, number),
  heldBy: (worker: number): Statement =>
    statement("select key, lease, mail, cancel, pause from holdfast_runs where worker = $1", worker),
  unblock: (known: readonly Known[], now: number, except: readonly number[]): Statement =>
    statement(
      `update holdfast_runs as r set wake_at = $1 where r.key in (
         select r.key from holdfast_runs as r where r.status = 'blocked' and r.status <> 'running' and r.status <> 'completed' and r.wake_at is null
         and r.key not in ${listed("bigint", 2)} and (r.workflow, r.version) in (select name, version from ${given({ name: "text", version: "int" }, 3)})
         order by r.key for update)`,
      now,
      json(except),
      json(known),
    ),
} satisfies Partial<Dialect>;
