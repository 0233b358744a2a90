/** Runs that go on after their end, on SQLite: their rows, their histories, and the messages that come back. */
import { and, eq, isNotNull, isNull, sql } from "drizzle-orm";
import type { GoingOn } from "../rows.ts";
import type { Connection } from "./connection.ts";
import type { Insert } from "./insert.ts";
import { history, runs, signals } from "./schema.ts";
import { changing, given, underLease } from "./statement.ts";

/** Whatever asked the run to cancel has no hold on it any more. */
const orphan = sql`case when ${runs.orphan} = 'cancelled' then 'cancel' else ${runs.orphan} end`;

export const prepareReopen = (connection: Connection, insert: Insert) => {
  const { db } = connection;
  const reopen = changing(
    connection,
    db
      .update(runs)
      .set({
        status: "queued",
        wakeAt: given("now"),
        endedAt: null,
        cancel: null,
        pause: false,
        reason: null,
        strikes: 0,
        deadline: null,
        orphan,
        lease: sql`${runs.lease} + 1`,
      })
      .where(and(underLease, isNotNull(runs.endedAt))),
  );
  const spare = changing(
    connection,
    db
      .update(runs)
      .set({ cancel: null, orphan })
      .where(and(underLease, eq(runs.orphan, "cancelled"), isNull(runs.endedAt), isNull(runs.worker))),
  );
  const giveBack = changing(
    connection,
    db
      .update(signals)
      .set({
        value: sql`(select h.value from ${history} as h where h.run = ${given("run")} and h.seq = ${given("seq")})`,
        takenAt: null,
        takenSeq: null,
      })
      .where(and(eq(signals.key, given("signal")), eq(signals.run, given("run")), isNotNull(signals.takenAt))),
  );
  const dropRow = changing(
    connection,
    db.delete(history).where(and(eq(history.run, given("run")), eq(history.seq, given("seq")))),
  );

  const one = (wanted: GoingOn, now: number): boolean => {
    const { run, number } = wanted.lease;
    if (wanted.kind === "spare") return spare({ run, lease: number }) === 1;
    if (reopen({ run, lease: number, now }) !== 1) return false;
    for (const { signal, seq } of wanted.back) giveBack({ run, signal, seq });
    for (const seq of wanted.drop) dropRow({ run, seq });
    for (const row of wanted.add) insert.row(run, row);
    return true;
  };

  const moved = new Error("A run has moved since it was read.");

  /** All of them or none: a savepoint takes back what was written before one that has moved. */
  return (wanted: readonly GoingOn[], now: number): boolean => {
    const all = connection.client.transaction(() => {
      for (const each of wanted) if (!one(each, now)) throw moved;
    });
    try {
      all();
      return true;
    } catch (error) {
      if (error === moved) return false;
      throw error;
    }
  };
};
