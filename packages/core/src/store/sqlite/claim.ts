/** Taking due runs for a worker, on SQLite, along the index of what is due. */
import { eq, sql, type SQL } from "drizzle-orm";
import type { Claim, Part } from "../contract.ts";
import type { RunRow } from "../rows.ts";
import { runColumns } from "./columns.ts";
import type { Connection } from "./connection.ts";
import { history, runs, workers } from "./schema.ts";
import { given } from "./statement.ts";

/** The last record that shows that a run got on. A step that is merely running does not: it may be the one that kills its process. */
const lastSeq = sql<number>`coalesce((select h.seq from ${history} as h where h.run = ${runs.key} and h.kind <> 'running' order by h.seq desc limit 1), 0)`;

/** A worker that found a run unfit leaves it to others, until somebody asks for its cancel. */
const isFit = sql`not (due.status = 'blocked' and due.cancel is null and due.key in (select value from json_each(${given("unfit")})))`;

/** A run that rests in the memory of another worker is left to it for a moment, if that worker lives and has room. */
const isFree = sql`(due.home is null or due.home = ${given("worker")} or due.wake_at <= ${given("now")} - ${given("headStart")}
  or not exists (select 1 from ${workers} as w where w.key = due.home and w.full = 0))`;

const isDue = sql`due.workflow = ${given("name")} and due.version = ${given("version")} and due.wake_at <= ${given("now")} and ${isFit} and ${isFree}`;

const healthy = sql`select due.key from ${runs} as due where ${isDue} and due.strikes < ${given("suspectAt")} order by due.wake_at limit ${given("each")}`;

const ofTenant = sql`select due.key from ${runs} as due where ${isDue} and due.tenant = ${given("tenant")} and due.tenant is not null
  and due.strikes < ${given("suspectAt")} order by due.wake_at limit ${given("each")}`;

const suspect = sql`select due.key from ${runs} as due where ${isDue} and due.strikes >= ${given("suspectAt")}
  and not exists (select 1 from ${runs} as other where other.worker is not null and other.strikes > ${given("suspectAt")})
  order by due.wake_at limit 1`;

export const prepareClaim = ({ db }: Connection) => {
  const taking = (due: SQL) =>
    db
      .update(runs)
      .set({
        status: "running",
        worker: given("worker"),
        lease: sql`${runs.lease} + 1`,
        wakeAt: null,
        strikes: sql`case when ${lastSeq} > ${runs.mark} then 1 else ${runs.strikes} + 1 end`,
        mark: lastSeq,
      })
      .where(sql`${runs.key} in (${due}) and exists (select 1 from ${workers} where ${workers.key} = ${given("worker")})`)
      .returning(runColumns)
      .prepare();
  const takeHealthy = taking(healthy);
  const takeOfTenant = taking(ofTenant);
  const takeSuspect = taking(suspect);
  const held = db
    .select({ key: runs.key, lease: runs.lease, mail: runs.mail, cancel: runs.cancel, pause: runs.pause })
    .from(runs)
    .where(eq(runs.worker, sql.placeholder("worker")))
    .prepare();

  return {
    claim: ({ parts, unfit, ...claim }: Claim): RunRow[] => {
      const common = { ...claim, unfit: JSON.stringify(unfit) };
      const of = (part: Part) => ({ ...common, ...part });
      const taken = parts.flatMap((part) => (part.tenant === null ? takeHealthy : takeOfTenant).all(of(part)));
      if (taken.length >= parts.length * claim.each) return taken;
      for (const part of parts) {
        const suspects = takeSuspect.all(of(part));
        if (suspects.length > 0) return [...taken, ...suspects];
      }
      return taken;
    },
    heldBy: (worker: number) => held.all({ worker }),
  };
};
