/** How a run comes into the database: its row, its first record, its tags. */
import { eq, sql } from "drizzle-orm";
import { isSame } from "../../model/codec.ts";
import { currentRules, type Row } from "../../model/records.ts";
import type { NewRun, RunRow, Started } from "../rows.ts";
import type { Connection } from "./connection.ts";
import { runColumns } from "./columns.ts";
import { history, runs, tags, workers } from "./schema.ts";
import { changing, given, inserting } from "./statement.ts";

export type Insert = {
  readonly start: (run: NewRun, rows?: readonly Row[]) => Started;
  readonly row: (run: number, row: Row) => void;
};

/** When a run that is delayed begins; null for one that begins at once. */
export const dueOf = (run: NewRun): number | null =>
  run.worker === null && run.wakeAt !== null && run.wakeAt > run.at ? run.wakeAt : null;

const state = (run: NewRun): "running" | "queued" | "scheduled" => {
  if (run.worker !== null) return "running";
  return dueOf(run) === null ? "queued" : "scheduled";
};

export const prepareInsert = (connection: Connection): Insert => {
  const { db } = connection;
  const insertRun = inserting(
    connection,
    db
      .insert(runs)
      .values({
        id: given("id"),
        workflow: given("workflow"),
        version: given("version"),
        status: given("status"),
        lease: given("lease"),
        worker: given("worker"),
        wakeAt: given("wakeAt"),
        strikes: given("strikes"),
        parent: given("parent"),
        parentKey: given("parentKey"),
        orphan: given("orphan"),
        correlation: given("correlation"),
        deadline: given("deadline"),
        tenant: given("tenant"),
        createdAt: given("createdAt"),
      })
      .onConflictDoNothing(),
  );
  const insertRow = changing(
    connection,
    db.insert(history).values({
      run: given("run"),
      seq: given("seq"),
      kind: given("kind"),
      key: given("key"),
      value: given("value"),
      attempt: given("attempt"),
      issued: given("issued"),
      due: given("due"),
      at: given("at"),
    }),
  );
  const insertTag = changing(
    connection,
    db
      .insert(tags)
      .values({ tag: given("tag"), run: given("run") })
      .onConflictDoNothing(),
  );
  const byId = db
    .select(runColumns)
    .from(runs)
    .where(eq(runs.id, sql.placeholder("id")))
    .prepare();
  const input = db
    .select({ value: history.value })
    .from(history)
    .where(sql`${history.run} = ${sql.placeholder("run")} and ${history.seq} = 0`)
    .prepare();

  const existing = (run: NewRun): Started => {
    const there: RunRow | undefined = byId.get({ id: run.id });
    if (there === undefined) throw new Error(`Run ${run.id} neither exists nor can be inserted.`);
    const same = there.workflow === run.workflow && isSame(input.get({ run: there.key })?.value ?? null, run.input);
    return { kind: "existing", run: there, sameInput: same };
  };

  const alive = db
    .select({ key: workers.key })
    .from(workers)
    .where(eq(workers.key, sql.placeholder("worker")))
    .prepare();

  const start = (wanted: NewRun, rows: readonly Row[] = []): Started => {
    const here = wanted.worker !== null && alive.get({ worker: wanted.worker }) !== undefined;
    const run = here || wanted.worker === null ? wanted : { ...wanted, worker: null, wakeAt: wanted.at };
    const executing = here ? 1 : 0;
    const key = insertRun({
      id: run.id,
      workflow: run.workflow,
      version: run.version,
      status: state(run),
      lease: executing,
      worker: run.worker,
      wakeAt: executing === 1 ? null : run.wakeAt,
      strikes: executing,
      parent: run.parent,
      parentKey: run.parentKey,
      orphan: run.orphan,
      correlation: run.correlation,
      deadline: run.deadline,
      tenant: run.tenant,
      createdAt: run.at,
    });
    if (key === undefined) return existing(run);
    insertRow({
      run: key,
      seq: 0,
      kind: "started",
      key: null,
      value: run.input,
      // The rules of a fork are told by its `forked` record.
      attempt: rows.length === 0 ? currentRules : null,
      issued: 0,
      due: dueOf(run),
      at: run.at,
    });
    for (const row of rows) insertRow({ run: key, ...row });
    for (const tag of run.tags) insertTag({ tag, run: key });
    return { kind: "created", key, here };
  };

  return { start, row: (run, row) => void insertRow({ run, ...row }) };
};
