/** What is due and when, on MySQL and MariaDB: one short look for each workflow, however many runs there are. */
import type { Known } from "../contract.ts";
import type { Dialect, Statement } from "../server/dialect.ts";
import { shown, statement } from "./text.ts";

/** Name and version are said as constants each time: a look that takes them from another table goes through all runs of a workflow. */
const ofWorkflow = (index: string): string =>
  `from holdfast_runs as r force index (holdfast_runs_${index}) where r.workflow = cast(? as binary) and r.version = ?`;

const first = `(select r.wake_at ${ofWorkflow("due")} and r.wake_at is not null order by r.wake_at limit 1)`;
const count = `(select count(*) from (select 1 ${ofWorkflow("due")} and r.wake_at <= ? limit ?) as counted)`;
const isShared = `exists (select 1 ${ofWorkflow("share")} and r.share > '')`;

const one = `select ? as place, ${first} as wakeAt, ${count} as count, ${isShared} as isShared`;

/** From one to the next, without a look at the runs between them: the server calls it an index for group-by. */
const workflows = `select ${shown("found.workflow", "name")}, found.version from (
    select r.workflow, r.version, min(r.wake_at) as wake_at from holdfast_runs as r force index (holdfast_runs_due) group by r.workflow, r.version
  ) as found where found.wake_at is not null`;

const tenants = `select ${shown("found.share", "tenant")}, found.wake_at as wakeAt from (
    select r.share, min(r.wake_at) as wake_at from holdfast_runs as r force index (holdfast_runs_share)
    where r.workflow = cast(? as binary) and r.version = ? and r.share > cast(? as binary) group by r.workflow, r.version, r.share
    order by r.workflow, r.version, r.share limit ?
  ) as found order by found.share`;

export const due = {
  nextDue: (known: readonly Known[], now: number, upTo: number): Statement =>
    statement(
      known.map(() => one).join(" union all "),
      ...known.flatMap(({ name, version }, place) => [place, name, version, name, version, now, upTo, name, version]),
    ),
  workflows: (): Statement => statement(workflows),
  tenants: ({ name, version }: Known, after: string, limit: number): Statement => statement(tenants, name, version, after, limit),
} satisfies Partial<Dialect>;
