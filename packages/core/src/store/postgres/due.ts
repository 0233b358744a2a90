/** What is due and when, on PostgreSQL: one short look for each workflow, however many runs there are. */
import type { Known } from "../contract.ts";
import type { Dialect, Statement } from "../server/dialect.ts";
import { given, json, statement } from "./text.ts";

const ofGiven = "from holdfast_runs as r where r.workflow = given.name and r.version = given.version and r.wake_at is not null";

const nextDue = `select given.place, (select r.wake_at ${ofGiven} order by r.wake_at limit 1) as "wakeAt",
    (select count(*) from (select 1 ${ofGiven} and r.wake_at <= $2 order by r.wake_at limit $3) as counted) as count,
    exists (select 1 ${ofGiven} and r.tenant is not null) as "isShared"
  from ${given({ place: "int", name: "text", version: "int" })}`;

/** From one to the next, without a look at the runs between them. */
const workflows = `with recursive turn as (
    (select r.workflow as name, r.version from holdfast_runs as r where r.wake_at is not null order by r.workflow, r.version limit 1)
    union all
    select next.* from turn cross join lateral (
      select r.workflow, r.version from holdfast_runs as r where r.wake_at is not null and (r.workflow, r.version) > (turn.name, turn.version)
      order by r.workflow, r.version limit 1) as next)
  select name, version from turn`;

const shared =
  "select r.tenant, r.wake_at from holdfast_runs as r where r.workflow = $1 and r.version = $2 and r.tenant is not null and r.wake_at is not null";

const tenants = `with recursive turn as (
    (select first.tenant, first.wake_at, 1 as place from (${shared} and r.tenant > $3 order by r.tenant, r.wake_at limit 1) as first)
    union all
    select next.tenant, next.wake_at, turn.place + 1 from turn cross join lateral (${shared} and r.tenant > turn.tenant
      order by r.tenant, r.wake_at limit 1) as next where turn.place < $4)
  select tenant, wake_at as "wakeAt" from turn order by place`;

export const due = {
  nextDue: (known: readonly Known[], now: number, upTo: number): Statement =>
    statement(nextDue, json(known.map((one, place) => ({ ...one, place }))), now, upTo),
  workflows: (): Statement => statement(workflows),
  tenants: ({ name, version }: Known, after: string, limit: number): Statement => statement(tenants, name, version, after, limit),
} satisfies Partial<Dialect>;
