/** What is due and when, on SQLite: one short look for each workflow, however many runs there are. */
import type { Statement } from "bun:sqlite";
import type { Due, Known } from "../contract.ts";
import type { Connection } from "./connection.ts";

const ofWorkflow = "from holdfast_runs as r where r.workflow = ?1 and r.version = ?2 and r.wake_at is not null";

const first = `select r.wake_at as wakeAt, exists (select 1 ${ofWorkflow} and r.tenant is not null) as isShared ${ofWorkflow} order by r.wake_at limit 1`;

const count = `select count(*) as count from (select 1 ${ofWorkflow} and r.wake_at <= ?3 limit ?4)`;

/** From one to the next, without a look at the runs between them. */
const workflows = `with recursive turn(name, version) as (
    select * from (select r.workflow, r.version from holdfast_runs as r where r.wake_at is not null order by r.workflow, r.version limit 1)
    union all
    select (select r.workflow from holdfast_runs as r where r.wake_at is not null and (r.workflow, r.version) > (turn.name, turn.version)
        order by r.workflow, r.version limit 1),
      (select r.version from holdfast_runs as r where r.wake_at is not null and (r.workflow, r.version) > (turn.name, turn.version)
        order by r.workflow, r.version limit 1)
    from turn where turn.name is not null)
  select name, version from turn where name is not null`;

const shared = `${ofWorkflow} and r.tenant is not null`;

const tenants = `with recursive turn(tenant, place) as (
    select (select r.tenant ${shared} and r.tenant > ?3 order by r.tenant limit 1), 1
    union all
    select (select r.tenant ${shared} and r.tenant > turn.tenant order by r.tenant limit 1), place + 1 from turn where turn.tenant is not null and place < ?4)
  select turn.tenant, (select r.wake_at ${shared} and r.tenant = turn.tenant order by r.wake_at limit 1) as wakeAt from turn where turn.tenant is not null`;

type First = { readonly wakeAt: number; readonly isShared: number };
type Turn = { readonly tenant: string; readonly wakeAt: number };

export const prepareDue = ({ statements }: Connection) => {
  const findFirst = statements.prepare(first) as Statement<First, [string, number]>;
  const countDue = statements.prepare(count) as Statement<{ readonly count: number }, [string, number, number, number]>;
  const findWorkflows = statements.prepare(workflows) as Statement<Known, []>;
  const findTenants = statements.prepare(tenants) as Statement<Turn, [string, number, string, number]>;

  const dueOf = ({ name, version }: Known, now: number, upTo: number): Due[] => {
    const found = findFirst.get(name, version);
    if (!found) return [];
    const isDue = upTo > 0 && found.wakeAt <= now;
    const due = isDue ? (countDue.get(name, version, now, upTo)?.count ?? 0) : 0;
    return [{ name, version, wakeAt: found.wakeAt, count: due, isShared: found.isShared === 1 }];
  };

  return {
    nextDue: (known: readonly Known[], now: number, upTo: number): Due[] => known.flatMap((one) => dueOf(one, now, upTo)),
    allDue: (now: number, upTo: number): Due[] => findWorkflows.all().flatMap((one) => dueOf(one, now, upTo)),
    tenants: ({ name, version }: Known, after: string, limit: number): Turn[] => findTenants.all(name, version, after, limit),
  };
};
