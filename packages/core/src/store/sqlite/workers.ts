/** The processes that have the database open, on SQLite. */
import { and, eq, getTableColumns, isNull, sql } from "drizzle-orm";
import { newestOf } from "../migration.ts";
import { assertWhole } from "../moved.ts";
import type { NewWorker, WorkerRow } from "../rows.ts";
import { encodeWorkflows, readWorker } from "../worker.ts";
import type { Connection } from "./connection.ts";
import { refuseNewer } from "./migrate.ts";
import { leaders, moves, runs, workers } from "./schema.ts";
import { changing, given } from "./statement.ts";

export const prepareWorkers = (connection: Connection) => {
  const { db } = connection;
  const beat = changing(
    connection,
    db
      .update(workers)
      .set({ beat: sql`${workers.beat} + 1`, load: sql`coalesce(${given("load")}, ${workers.load})` })
      .where(eq(workers.key, given("worker"))),
  );
  const remove = changing(
    connection,
    db
      .delete(workers)
      .where(and(eq(workers.key, given("worker")), sql`(${given("beat")} is null or ${workers.beat} = ${given("beat")})`)),
  );
  /** A run goes under a new lease number, so that nothing its late worker still writes is accepted. It is no strike to be left in good order. */
  const release = changing(
    connection,
    db
      .update(runs)
      .set({
        worker: null,
        lease: sql`${runs.lease} + 1`,
        status: sql`case when ${runs.pause} = 1 then 'paused' else 'queued' end`,
        wakeAt: sql`case when ${runs.pause} = 1 then null else ${given("now")} end`,
        strikes: sql`case when ${given("died")} = 1 then ${runs.strikes} else 0 end`,
      })
      .where(and(eq(runs.worker, given("worker")), isNull(runs.endedAt))),
  );

  const fill = changing(
    connection,
    db
      .update(workers)
      .set({ full: given("full") })
      .where(eq(workers.key, given("worker"))),
  );
  const leads = sql<string>`(select json_group_array(json_object('name', l.name, 'term', l.term)) from ${leaders} as l where l.worker = ${workers}.key)`;
  const { knows: _, ...known } = getTableColumns(workers);
  const all = db
    .select({ ...known, leads })
    .from(workers)
    .prepare();

  return {
    /** Throws `schema_newer` when somebody has migrated the database since it was opened, so that this release cannot go on. */
    register: (worker: NewWorker): number => {
      refuseNewer(connection.client, connection);
      assertWhole(db.select().from(moves).get());
      return db
        .insert(workers)
        .values({ ...worker, workflows: encodeWorkflows(worker), knows: newestOf(connection.migrations) })
        .returning({ key: workers.key })
        .get().key;
    },
    beat: (worker: number, load: string | null): boolean => beat({ worker, load }) === 1,
    fill: (worker: number, full: boolean): void => void fill({ worker, full: full ? 1 : 0 }),
    list: (): WorkerRow[] => all.all().map(readWorker),
    bury: (worker: number, seen: number, now: number): boolean => {
      if (remove({ worker, beat: seen }) !== 1) return false;
      release({ worker, now, died: 1 });
      return true;
    },
    leave: (worker: number, now: number): void => {
      release({ worker, now, died: 0 });
      remove({ worker, beat: null });
    },
  };
};
