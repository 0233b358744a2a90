/** Looking runs up, on SQLite. */
import { and, desc, eq, gte, inArray, isNotNull, lt, lte, sql, type Placeholder } from "drizzle-orm";
import type { Filter } from "../contract.ts";
import type { Head, RunRow } from "../rows.ts";
import type { Status } from "../../model/states.ts";
import { runColumns } from "./columns.ts";
import type { Connection } from "./connection.ts";
import { recordColumns } from "./history.ts";
import { history, isAdrift, isSeldom, mayBeMany, runs, signals, tags, workers } from "./schema.ts";

export type FindVerbs = ReturnType<typeof prepareFind>;

type Stuck = { readonly id: string; readonly status: Status; readonly why: string };

/** True when a run has asked for a message or a child that has not come. */
const isAwaiting = sql`exists (
  select 1 from ${history} as asked where asked.run = ${runs.key} and asked.kind in ('waiting', 'calling')
  and not exists (
    select 1 from ${history} as answer where answer.run = asked.run and answer.key = asked.key and answer.seq > asked.seq
    and answer.kind in ('taken', 'expired', 'called', 'call-failed')))`;

/**
 * True when a run could take everything that it waits for: messages and ends of children that came before a moment, and that it has not taken. Then at least one
 * of its waits is alive. A wait that was given up leaves its note as well, so an answer to one of several says nothing.
 */
const couldTakeAll = (before: Placeholder) => {
  const messages = sql`select 1 from ${signals} as message where message.run = ${runs.key} and message.taken_at is null and message.at < ${before}`;
  const children = sql`select 1 from ${runs} as child where child.parent = ${runs.key} and child.ended_at < ${before}`;
  return sql`(exists (${messages}) or exists (${children})) and not exists (
    select 1 from ${history} as asked where asked.run = ${runs.key} and asked.kind in ('waiting', 'calling', 'timer', 'attempt', 'undo-attempt', 'running')
    and not exists (
      select 1 from ${history} as answer where answer.run = asked.run and answer.key = asked.key and answer.seq > asked.seq
      and answer.kind in ('taken', 'expired', 'called', 'call-failed', 'fired', 'step', 'step-failed', 'undone', 'undo-failed'))
    and not (asked.kind = 'waiting' and exists (${messages} and json_quote(message.name) = asked.value))
    and not (asked.kind = 'calling' and exists (${children} and child.parent_key = asked.key)))`;
};

export const prepareFind = ({ db }: Connection) => {
  const byId = db
    .select(runColumns)
    .from(runs)
    .where(eq(runs.id, sql.placeholder("id")))
    .prepare();
  const byKey = db
    .select(runColumns)
    .from(runs)
    .where(eq(runs.key, sql.placeholder("key")))
    .prepare();
  const tagsOf = db
    .select({ tag: tags.tag })
    .from(tags)
    .where(eq(tags.run, sql.placeholder("run")))
    .prepare();
  /** With their last records. The newest row of a history is the only one at its seq. */
  const children = db
    .select({ id: runs.id, parentKey: runs.parentKey, row: recordColumns })
    .from(runs)
    .innerJoin(
      history,
      and(
        eq(history.run, runs.key),
        eq(history.seq, sql`(select max(newest.seq) from ${history} as newest where newest.run = ${runs.key})`),
      ),
    )
    .where(and(eq(runs.parent, sql.placeholder("parent")), isNotNull(runs.endedAt), isNotNull(runs.parentKey)))
    .prepare();

  const endedOf = db
    .select({ key: runs.key })
    .from(runs)
    .where(and(sql`${runs.key} in (select value from json_each(${sql.placeholder("keys")}))`, isNotNull(runs.endedAt)))
    .prepare();

  const headsOf = db
    .select({
      key: runs.key,
      status: runs.status,
      seq: sql<number>`coalesce((select max(newest.seq) from ${history} as newest where newest.run = ${sql.raw('"holdfast_runs"."key"')}), -1)`,
    })
    .from(runs)
    .where(sql`${runs.key} in (select value from json_each(${sql.placeholder("keys")}))`)
    .prepare();

  const stuck = (why: string) => db.select({ id: runs.id, status: runs.status, why: sql<string>`${why}` }).from(runs);
  const isAtRest = sql`${runs.wakeAt} is null and ${runs.worker} is null`;
  const adrift = stuck("nothing will wake it").where(isAdrift(runs));
  const forgotten = stuck("it waits for nothing").where(
    sql`${isAtRest} and ${runs.status} = 'waiting' and ${isSeldom(runs.status)} and not ${isAwaiting}`,
  );
  const isGone = sql`${runs.worker} not in (select ${workers.key} from ${workers})`;
  const orphaned = stuck("its worker is gone").where(and(isNotNull(runs.worker), isGone));
  const overlooked = stuck("what it waits for has come").where(
    sql`${isAtRest} and ${runs.status} = 'waiting' and ${isSeldom(runs.status)} and ${isAwaiting} and ${couldTakeAll(sql.placeholder("before"))}`,
  );
  /** Runs with no live lease, no wake time, nothing they wait for and no person's word. Each part goes along an index. */
  const allStuck = adrift.unionAll(forgotten).unionAll(orphaned).unionAll(overlooked).prepare();

  return {
    byId: (id: string): RunRow | undefined => byId.get({ id }),
    byKey: (key: number): RunRow | undefined => byKey.get({ key }),
    tags: (run: number): string[] => tagsOf.all({ run }).map(({ tag }) => tag),

    ended: (keys: readonly number[]): number[] => endedOf.all({ keys: JSON.stringify(keys) }).map(({ key }) => key),

    heads: (keys: readonly number[]): Head[] => headsOf.all({ keys: JSON.stringify(keys) }),

    endedChildren: (parent: number, steps: readonly string[]) => {
      const awaited = new Set(steps);
      return children
        .all({ parent })
        .flatMap(({ id, parentKey, row }) => (parentKey !== null && awaited.has(parentKey) ? [{ parentKey, id, row }] : []));
    },

    list: (filter: Filter): RunRow[] =>
      db
        .select(runColumns)
        .from(runs)
        .where(
          and(
            filter.workflow === undefined ? undefined : eq(runs.workflow, filter.workflow),
            filter.statuses === undefined ? undefined : inArray(runs.status, [...filter.statuses]),
            filter.statuses?.every((status) => !mayBeMany.has(status)) ? isSeldom(runs.status) : undefined,
            filter.tag === undefined
              ? undefined
              : inArray(runs.key, db.select({ run: tags.run }).from(tags).where(eq(tags.tag, filter.tag))),
            filter.parent === undefined ? undefined : eq(runs.parent, filter.parent),
            filter.from === undefined ? undefined : gte(runs.createdAt, filter.from),
            filter.until === undefined ? undefined : lte(runs.createdAt, filter.until),
            filter.before === undefined ? undefined : lt(runs.key, filter.before),
          ),
        )
        .orderBy(desc(runs.key))
        .limit(filter.limit)
        .all(),

    stuck: (before: number): Stuck[] => allStuck.all({ before }),
  };
};
