/** The records of runs, on SQLite. */
import { and, asc, desc, eq, gt, sql } from "drizzle-orm";
import type { Lease, NewRun, Row } from "../rows.ts";
import type { Connection } from "./connection.ts";
import { history, runs } from "./schema.ts";
import { changing, given, reading } from "./statement.ts";
import type { Insert } from "./insert.ts";

export const recordColumns = {
  seq: history.seq,
  kind: history.kind,
  key: history.key,
  value: history.value,
  attempt: history.attempt,
  issued: history.issued,
  due: history.due,
  at: history.at,
};

type Appended = { readonly lease: Lease; readonly row: Row };

/** How many records one statement takes: the rest of a turn goes one by one. */
const manyRows = [64, 8] as const;

/** Rows with the lease they are written under; each goes in only while that is its run's. `cross join` keeps SQLite from looking the other way round. */
const guardedRows = (count: number): string =>
  `insert into holdfast_history (run, seq, kind, key, value, attempt, issued, due, at)
    select column1, column2, column3, column4, column5, column6, column7, column8, column9
    from (values ${Array.from({ length: count }, () => "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)").join(", ")}) as given
    cross join holdfast_runs as held on held.key = given.column1 and held.lease = given.column10
    where true on conflict do nothing`;

const bindingsOf = (records: readonly Appended[]): (string | number | null)[] => {
  const bindings: (string | number | null)[] = [];
  for (const { lease, row } of records)
    bindings.push(lease.run, row.seq, row.kind, row.key, row.value, row.attempt, row.issued, row.due, row.at, lease.number);
  return bindings;
};

export type HistoryVerbs = ReturnType<typeof prepareHistory>;

export const prepareHistory = (connection: Connection, insert: Insert) => {
  const { db } = connection;
  const guarded = changing(
    connection,
    db
      .insert(history)
      .select(
        db
          .select({
            run: runs.key,
            seq: given("seq").as("seq"),
            kind: given("kind").as("kind"),
            key: given("key").as("key"),
            value: given("value").as("value"),
            attempt: given("attempt").as("attempt"),
            issued: given("issued").as("issued"),
            due: given("due").as("due"),
            at: given("at").as("at"),
          })
          .from(runs)
          .where(and(eq(runs.key, sql.placeholder("run")), eq(runs.lease, sql.placeholder("lease")))),
      )
      .onConflictDoNothing(),
  );
  const [beginReading, endReading] = [connection.statements.prepare("BEGIN"), connection.statements.prepare("ROLLBACK")];
  const together = manyRows.map((count) => ({ count, statement: connection.statements.prepare(guardedRows(count)) }));
  const held = db
    .select({ seq: history.seq })
    .from(history)
    .innerJoin(runs, eq(runs.key, history.run))
    .where(
      and(
        eq(history.run, sql.placeholder("run")),
        eq(history.seq, sql.placeholder("seq")),
        eq(runs.lease, sql.placeholder("lease")),
      ),
    )
    .prepare();
  const holds = db
    .select({ key: runs.key })
    .from(runs)
    .where(and(eq(runs.key, sql.placeholder("run")), eq(runs.lease, sql.placeholder("lease"))))
    .prepare();
  const after = reading<Row>(
    connection,
    db
      .select(recordColumns)
      .from(history)
      .where(and(eq(history.run, sql.placeholder("run")), gt(history.seq, sql.placeholder("after"))))
      .orderBy(asc(history.seq))
      .limit(sql.placeholder("limit")),
  );
  const newest = db
    .select(recordColumns)
    .from(history)
    .where(eq(history.run, sql.placeholder("run")))
    .orderBy(desc(history.seq))
    .limit(1)
    .prepare();

  const stands = (lease: Lease, seq: number): boolean => held.get({ run: lease.run, seq, lease: lease.number }) !== undefined;

  /** A record that stands there already under the same lease was written by this worker: the answer to an earlier try was lost. */
  const append = (lease: Lease, row: Row): boolean =>
    guarded({
      run: lease.run,
      lease: lease.number,
      seq: row.seq,
      kind: row.kind,
      key: row.key,
      value: row.value,
      attempt: row.attempt,
      issued: row.issued,
      due: row.due,
      at: row.at,
    }) === 1 || stands(lease, row.seq);

  /** As `append`, for many: as few statements as may be, each of which fences every row of its own. */
  const appendAll = (records: readonly Appended[]): boolean[] => {
    const answers: boolean[] = [];
    while (answers.length < records.length) {
      const left = records.length - answers.length;
      const fitting = together.find(({ count }) => count <= left);
      const some = records.slice(answers.length, answers.length + (fitting?.count ?? left));
      if (fitting && fitting.statement.run(...bindingsOf(some)).changes === some.length) for (const _ of some) answers.push(true);
      else for (const { lease, row } of some) answers.push(fitting ? stands(lease, row.seq) : append(lease, row));
    }
    return answers;
  };

  return {
    append,
    appendAll,
    stands,
    appendChild: (lease: Lease, row: Row, child: NewRun): "held" | "found" | "fenced" | "taken" => {
      if (!holds.get({ run: lease.run, lease: lease.number })) return "fenced";
      const started = insert.start(child);
      if (
        started.kind === "existing" &&
        (!started.sameInput || started.run.parent !== child.parent || started.run.parentKey !== child.parentKey)
      )
        return "taken";
      if (!append(lease, row)) return "fenced";
      return started.kind === "existing" ? "found" : "held";
    },
    read: (run: number, seq: number, limit: number): Row[] => after({ run, after: seq, limit }),
    /** In one read transaction: a statement by itself takes its locks anew, which costs more than the rows. */
    readFirst: (keys: readonly number[], limit: number): Row[][] => {
      const read = (): Row[][] => keys.map((run) => after({ run, after: -1, limit }));
      // In memory the user may have a transaction open on the one connection there is.
      if (connection.client.inTransaction) return read();
      beginReading.run();
      try {
        return read();
      } finally {
        // An I/O error may have ended it, and is what is to be heard.
        if (connection.client.inTransaction) endReading.run();
      }
    },
    last: (run: number): Row | undefined => newest.get({ run }),
  };
};
