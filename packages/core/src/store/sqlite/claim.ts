/** Taking due runs for a worker, on SQLite, along the index of what is due. */
import { asc, and, eq, isNotNull, sql, type SQL } from "drizzle-orm";
import type { Claim, Known } from "../contract.ts";
import type { RunRow } from "../rows.ts";
import { runColumns } from "./columns.ts";
import type { Connection } from "./connection.ts";
import { history, runs, workers } from "./schema.ts";

/** The last record that shows that a run got on. A step that is merely running does not: it may be the one that kills its process. */
const lastSeq = sql<number>`coalesce((select h.seq from ${history} as h where h.run = ${runs.key} and h.kind <> 'running' order by h.seq desc limit 1), 0)`;

const versionsOf = (known: readonly Known[]): SQL =>
  sql.join(
    known.map(({ name, version }) => sql`(${name}, ${version})`),
    sql`, `,
  );

/** A worker that found a run unfit leaves it to others, until somebody asks for its cancel. */
const isFit = sql`not (due.status = 'blocked' and due.cancel is null and due.key in (select value from json_each(${sql.placeholder("unfit")})))`;

/** Prepared once for each list of workflows, which is a constant of the process. */
const once = <T>(make: (known: readonly Known[]) => T): ((known: readonly Known[]) => T) => {
  const made = new WeakMap<readonly Known[], T>();
  return (known) => {
    const there = made.get(known);
    if (there !== undefined) return there;
    const fresh = make(known);
    made.set(known, fresh);
    return fresh;
  };
};

export const prepareClaim = ({ db }: Connection) => {
  const taking = (due: SQL) =>
    db
      .update(runs)
      .set({
        status: "running",
        worker: sql`${sql.placeholder("worker")}`,
        lease: sql`${runs.lease} + 1`,
        wakeAt: null,
        strikes: sql`case when ${lastSeq} > ${runs.mark} then 1 else ${runs.strikes} + 1 end`,
        mark: lastSeq,
      })
      .where(
        sql`${runs.key} in (${due}) and exists (select 1 from ${workers} where ${workers.key} = ${sql.placeholder("worker")})`,
      )
      .returning(runColumns)
      .prepare();
  const healthy = once((known) =>
    taking(sql`select due.key from ${runs} as due where due.wake_at <= ${sql.placeholder("now")}
      and (due.workflow, due.version) in (values ${versionsOf(known)}) and due.strikes < ${sql.placeholder("suspectAt")} and ${isFit}
      order by due.wake_at limit ${sql.placeholder("limit")}`),
  );
  const suspect = once((known) =>
    taking(sql`select due.key from ${runs} as due where due.wake_at <= ${sql.placeholder("now")}
      and (due.workflow, due.version) in (values ${versionsOf(known)}) and due.strikes >= ${sql.placeholder("suspectAt")} and ${isFit}
      and not exists (select 1 from ${runs} as other where other.worker is not null and other.strikes > ${sql.placeholder("suspectAt")})
      order by due.wake_at limit 1`),
  );
  const next = once((known) =>
    db
      .select({ wakeAt: runs.wakeAt })
      .from(runs)
      .where(and(isNotNull(runs.wakeAt), sql`(${runs.workflow}, ${runs.version}) in (values ${versionsOf(known)})`))
      .orderBy(asc(runs.wakeAt))
      .limit(1)
      .prepare(),
  );
  const held = db
    .select({ key: runs.key, lease: runs.lease, mail: runs.mail, cancel: runs.cancel, pause: runs.pause })
    .from(runs)
    .where(eq(runs.worker, sql.placeholder("worker")))
    .prepare();

  return {
    claim: ({ worker, known, now, limit, suspectAt, unfit }: Claim): RunRow[] => {
      if (known.length === 0 || limit <= 0) return [];
      const values = { worker, now, suspectAt, limit, unfit: JSON.stringify(unfit) };
      const taken = healthy(known).all(values);
      return taken.length < limit ? [...taken, ...suspect(known).all(values)] : taken;
    },
    nextDue: (known: readonly Known[]): number | undefined =>
      known.length === 0 ? undefined : (next(known).get()?.wakeAt ?? undefined),
    heldBy: (worker: number) => held.all({ worker }),
  };
};
