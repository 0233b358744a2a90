/** Looking runs up, on SQLite. */
import { and, desc, eq, gte, inArray, isNotNull, lt, lte, sql } from "drizzle-orm";
import type { Filter } from "../contract.ts";
import type { RunRow } from "../rows.ts";
import type { Status } from "../../model/states.ts";
import { runColumns } from "./columns.ts";
import type { Connection } from "./connection.ts";
import type { HistoryVerbs } from "./history.ts";
import { history, runs, tags, workers } from "./schema.ts";

export type FindVerbs = ReturnType<typeof prepareFind>;

export const prepareFind = ({ db }: Connection, records: HistoryVerbs) => {
  const byId = db.select(runColumns).from(runs).where(eq(runs.id, sql.placeholder("id"))).prepare();
  const byKey = db.select(runColumns).from(runs).where(eq(runs.key, sql.placeholder("key"))).prepare();
  const tagsOf = db.select({ tag: tags.tag }).from(tags).where(eq(tags.run, sql.placeholder("run"))).prepare();
  const children = db
    .select({ key: runs.key, id: runs.id, parentKey: runs.parentKey })
    .from(runs)
    .where(and(eq(runs.parent, sql.placeholder("parent")), isNotNull(runs.endedAt), isNotNull(runs.parentKey)))
    .prepare();

  return {
    byId: (id: string): RunRow | undefined => byId.get({ id }),
    byKey: (key: number): RunRow | undefined => byKey.get({ key }),
    tags: (run: number): string[] => tagsOf.all({ run }).map(({ tag }) => tag),

    endedChildren: (parent: number) =>
      children.all({ parent }).flatMap(({ key, id, parentKey }) => {
        const row = records.last(key);
        return row && parentKey !== null ? [{ parentKey, id, row }] : [];
      }),

    list: (filter: Filter): RunRow[] =>
      db
        .select(runColumns)
        .from(runs)
        .where(
          and(
            filter.workflow === undefined ? undefined : eq(runs.workflow, filter.workflow),
            filter.statuses === undefined ? undefined : inArray(runs.status, [...filter.statuses]),
            filter.tag === undefined ? undefined : inArray(runs.key, db.select({ run: tags.run }).from(tags).where(eq(tags.tag, filter.tag))),
            filter.parent === undefined ? undefined : eq(runs.parent, filter.parent),
            filter.from === undefined ? undefined : gte(runs.createdAt, filter.from),
            filter.until === undefined ? undefined : lte(runs.createdAt, filter.until),
            filter.before === undefined ? undefined : lt(runs.key, filter.before),
          ),
        )
        .orderBy(desc(runs.key))
        .limit(filter.limit)
        .all(),

    /** Runs with no live lease, no wake time, nothing they wait for and no person's word. */
    stuck: (): { id: string; status: Status; why: string }[] =>
      db
        .select({
          id: runs.id,
          status: runs.status,
          why: sql<string>`case when ${runs.worker} is not null then 'its worker is gone' else 'nothing will wake it' end`,
        })
        .from(runs)
        .where(
          and(
            inArray(runs.status, ["scheduled", "queued", "running", "waiting"]),
            sql`${runs.wakeAt} is null`,
            sql`(${runs.worker} is null or ${runs.worker} not in (select ${workers.key} from ${workers}))`,
            sql`not (${runs.status} = 'waiting' and exists (select 1 from ${history} as h where h.run = ${runs.key} and h.kind in ('waiting', 'calling')))`,
          ),
        )
        .all(),
  };
};
