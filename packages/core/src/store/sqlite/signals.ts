/** Messages to runs and what runs publish, on SQLite. */
import { and, asc, eq, inArray, isNotNull, isNull, sql } from "drizzle-orm";
import { isSame } from "../../model/codec.ts";
import type { Lease, NewSignal, Row, Sent, SignalRow, TakenSignal } from "../rows.ts";
import type { AskVerbs } from "./asks.ts";
import type { Connection } from "./connection.ts";
import type { FindVerbs } from "./find.ts";
import type { HistoryVerbs } from "./history.ts";
import { history, runs, signals, states } from "./schema.ts";
import { changing, given } from "./statement.ts";
import { isEnd } from "../../model/states.ts";

export const prepareSignals = (connection: Connection, records: HistoryVerbs, asks: AskVerbs, find: FindVerbs) => {
  const { db } = connection;
  const insert = changing(
    connection,
    db
      .insert(signals)
      .values({ run: given("run"), name: given("name"), dedupe: given("dedupe"), value: given("value"), at: given("at") })
      .onConflictDoNothing(),
  );
  const take = changing(
    connection,
    db
      .update(signals)
      .set({ takenAt: given("at"), takenSeq: given("seq"), value: null })
      .where(and(eq(signals.key, given("signal")), isNull(signals.takenAt))),
  );
  const isLeft = db
    .select({ key: signals.key })
    .from(signals)
    .where(and(eq(signals.key, sql.placeholder("signal")), eq(signals.run, sql.placeholder("run")), isNull(signals.takenAt)))
    .prepare();
  const known = db
    .select({
      value: sql<string | null>`case when ${signals.takenAt} is null then ${signals.value} else ${history.value} end`,
      isKept: sql<number>`${signals.takenAt} is null or ${history.seq} is not null`,
    })
    .from(signals)
    .leftJoin(history, and(eq(history.run, signals.run), eq(history.seq, signals.takenSeq)))
    .where(
      and(
        eq(signals.run, sql.placeholder("run")),
        eq(signals.name, sql.placeholder("name")),
        eq(signals.dedupe, sql.placeholder("dedupe")),
      ),
    )
    .prepare();
  const taken = db
    .select({ key: signals.key, name: signals.name, takenAt: sql<number>`${signals.takenAt}`, seq: signals.takenSeq })
    .from(signals)
    .where(and(eq(signals.run, sql.placeholder("run")), isNotNull(signals.takenAt)))
    .orderBy(asc(signals.key))
    .prepare();
  const publish = db
    .insert(states)
    .select(
      db
        .select({ run: runs.key, value: given("value").as("value"), at: given("at").as("at") })
        .from(runs)
        .where(and(eq(runs.key, sql.placeholder("run")), eq(runs.lease, sql.placeholder("lease")))),
    )
    .onConflictDoUpdate({ target: states.run, set: { value: sql`excluded.value`, at: sql`excluded.at` } })
    .returning({ run: states.run })
    .prepare();
  const add = changing(connection, db.insert(states).values({ run: given("run"), at: given("at") }));
  const remove = changing(connection, db.delete(states).where(eq(states.run, given("run"))));
  const state = db
    .select({ value: states.value })
    .from(states)
    .where(eq(states.run, sql.placeholder("run")))
    .prepare();

  return {
    send: (signal: NewSignal): Sent => {
      const before =
        signal.dedupe === null ? undefined : known.get({ run: signal.run, name: signal.name, dedupe: signal.dedupe });
      if (before) return { kind: before.isKept === 1 && !isSame(before.value, signal.value) ? "conflict" : "known" };
      const run = find.byKey(signal.run);
      if (!run || isEnd(run.status)) return { kind: "ended", status: run?.status ?? "cancelled" };
      insert({ ...signal });
      asks.nudge(signal.run, signal.at);
      return { kind: "sent" };
    },
    take: (lease: Lease, row: Row, signal: number): boolean => {
      if (!isLeft.get({ signal, run: lease.run })) return records.stands(lease, row.seq);
      if (!records.append(lease, row)) return false;
      take({ signal, at: row.at, seq: row.seq });
      return true;
    },
    pending: (run: number, names: readonly string[], limit: number): SignalRow[] =>
      db
        .select({ key: signals.key, name: signals.name, value: signals.value, at: signals.at })
        .from(signals)
        .where(and(eq(signals.run, run), inArray(signals.name, [...names]), isNull(signals.takenAt)))
        .orderBy(asc(signals.key))
        .limit(limit)
        .all(),
    taken: (run: number): TakenSignal[] => taken.all({ run }),
    publish: (lease: Lease, value: string | null, now: number): boolean =>
      publish.get({ run: lease.run, lease: lease.number, value, at: now }) !== undefined,
    /** Makes the database write, and leaves nothing. */
    probe: (): void => {
      add({ run: -1, at: 0 });
      remove({ run: -1 });
    },
    state: (run: number): { value: string | null } | undefined => state.get({ run }),
  };
};
