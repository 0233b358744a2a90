/** What a worker does to a run under its lease, on SQLite: rest, settle, note. */
import { and, eq, isNotNull, isNull, sql } from "drizzle-orm";
import type { End, Rest } from "../contract.ts";
import type { Lease, NewRun, Reason, Started } from "../rows.ts";
import type { AskVerbs } from "./asks.ts";
import type { Connection } from "./connection.ts";
import type { HistoryVerbs } from "./history.ts";
import type { Insert } from "./insert.ts";
import { runs } from "./schema.ts";
import { changing, given, underLease } from "./statement.ts";

export const prepareRuns = (connection: Connection, insert: Insert, records: HistoryVerbs, asks: AskVerbs) => {
  const { db } = connection;
  const end = changing(
    connection,
    db
      .update(runs)
      .set({ status: given("status"), worker: null, wakeAt: null, reason: null, endedAt: given("now"), strikes: 0 })
      .where(underLease),
  );
  const leave = changing(
    connection,
    db
      .update(runs)
      .set({
        status: given("status"),
        worker: null,
        wakeAt: sql`case when ${runs.mail} = ${given("mail")} then ${given("wakeAt")} else ${given("now")} end`,
        reason: given("reason"),
        home: sql`case when ${given("home")} = 1 then ${runs.worker} else null end`,
        strikes: sql`0`,
      })
      .where(and(underLease, isNotNull(runs.worker))),
  );
  const left = db
    .select({ key: runs.key })
    .from(runs)
    .where(and(eq(runs.key, sql.placeholder("run")), eq(runs.lease, sql.placeholder("lease")), isNull(runs.worker)))
    .prepare();
  const forgive = changing(connection, db.update(runs).set({ strikes: 1 }).where(underLease));
  const rouse = changing(
    connection,
    db
      .update(runs)
      .set({ wakeAt: given("now") })
      .where(and(underLease, eq(runs.status, "waiting"), isNull(runs.worker))),
  );
  const postpone = changing(
    connection,
    db
      .update(runs)
      .set({ wakeAt: given("to") })
      .where(and(underLease, eq(runs.status, "waiting"), isNull(runs.worker), eq(runs.wakeAt, given("from")))),
  );
  const note = changing(
    connection,
    db
      .update(runs)
      .set({ reason: given("reason") })
      .where(underLease),
  );

  return {
    start: (run: NewRun): Started => insert.start(run),

    settle: (lease: Lease, { status, row, orphans, parent }: End): boolean => {
      if (!records.append(lease, row)) return false;
      end({ run: lease.run, lease: lease.number, status, now: row.at });
      if (parent !== null) asks.nudge(parent, row.at);
      if (orphans) asks.cancelOrphans(lease.run, "its parent is at an end", row.at);
      return true;
    },

    /** A run that is at rest under this very lease was laid to rest by it: the answer to an earlier try was lost. */
    rest: (lease: Lease, { status, wakeAt, mail, reason, home, now }: Rest): boolean =>
      leave({
        run: lease.run,
        lease: lease.number,
        status,
        wakeAt,
        mail,
        reason: encodeReason(reason),
        home: home ? 1 : 0,
        now,
      }) === 1 || left.get({ run: lease.run, lease: lease.number }) !== undefined,

    forgive: (lease: Lease): boolean => forgive({ run: lease.run, lease: lease.number }) === 1,

    rouse: (lease: Lease, now: number): boolean => rouse({ run: lease.run, lease: lease.number, now }) === 1,

    postpone: (lease: Lease, { from, to }: { readonly from: number; readonly to: number | null }): boolean =>
      postpone({ run: lease.run, lease: lease.number, from, to }) === 1,

    note: (lease: Lease, reason: Reason | null): boolean =>
      note({ run: lease.run, lease: lease.number, reason: encodeReason(reason) }) === 1,
  };
};

export const encodeReason = (reason: Reason | null): string | null => (reason === null ? null : JSON.stringify(reason));
