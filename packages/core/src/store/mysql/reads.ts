/** Looking things up on MySQL and MariaDB. */
import { and, desc, eq, gte, inArray, lt, lte, sql } from "drizzle-orm";
import { QueryBuilder } from "drizzle-orm/mysql-core";
import type { Filter } from "../contract.ts";
import type { Dialect, Statement } from "../server/dialect.ts";
import type { Param } from "../server/link.ts";
import { runs, tags } from "./schema.ts";
import { json, listed, named, recordsOf, runColumns, shown, statement } from "./text.ts";

/** True when a run has asked for a message or a child that has not come. */
const isAwaiting = `exists (
  select 1 from holdfast_history as asked where asked.run = r.key and asked.kind in ('waiting', 'calling')
  and not exists (
    select 1 from holdfast_history as answer where answer.run = asked.run and answer.key = asked.key and answer.seq > asked.seq
    and answer.kind in ('taken', 'expired', 'called', 'call-failed')))`;

/**
 * True when a run could take everything that it waits for: messages and ends of children that came before a moment, and that it has not taken. Then at least one
 * of its waits is alive. A wait that was given up leaves its note as well, so an answer to one of several says nothing.
 */
const messages = (before: string): string =>
  `select 1 from holdfast_signals as message where message.run = r.key and message.taken_at is null and message.at < ${before}`;
const children = (before: string): string =>
  `select 1 from holdfast_runs as child where child.parent = r.key and child.ended_at < ${before}`;
const couldTakeAll = (before: string): string => `(exists (${messages(before)}) or exists (${children(before)})) and not exists (
  select 1 from holdfast_history as asked where asked.run = r.key and asked.kind in ('waiting', 'calling', 'timer', 'attempt', 'undo-attempt', 'running')
  and not exists (
    select 1 from holdfast_history as answer where answer.run = asked.run and answer.key = asked.key and answer.seq > asked.seq
    and answer.kind in ('taken', 'expired', 'called', 'call-failed', 'fired', 'step', 'step-failed', 'undone', 'undo-failed'))
  and not (asked.kind = 'waiting' and exists (${messages(before)} and cast(json_quote(convert(message.name using utf8mb4)) as binary) = cast(asked.value as binary)))
  and not (asked.kind = 'calling' and exists (${children(before)} and child.parent_key = asked.key)))`;

/** Runs with no live lease, no wake time, nothing they wait for and no person's word. Each part goes along an index. */
const stuck = `select ${shown("r.id", "id")}, r.status, 'nothing will wake it' as why from holdfast_runs as r
    where r.status in ('scheduled', 'queued', 'running') and r.wake_at is null and r.worker is null
  union all select ${shown("r.id", "id")}, r.status, 'it waits for nothing' from holdfast_runs as r
    where r.wake_at is null and r.worker is null and r.status = 'waiting' and not ${isAwaiting}
  union all select ${shown("r.id", "id")}, r.status, 'its worker is gone' from holdfast_runs as r
    where r.worker is not null and not exists (select 1 from holdfast_workers as w where w.key = r.worker)
  union all select ${shown("r.id", "id")}, r.status, 'what it waits for has come' from holdfast_runs as r
    where r.wake_at is null and r.worker is null and r.status = 'waiting' and ${isAwaiting} and ${couldTakeAll("?")}`;

/** Drizzle writes what depends on what is asked for. */
const writer = new QueryBuilder();

const keysOf = (filter: Filter) =>
  writer
    .select({ key: runs.key })
    .from(runs)
    .where(
      and(
        filter.workflow === undefined ? undefined : eq(runs.workflow, filter.workflow),
        filter.statuses === undefined ? undefined : inArray(runs.status, [...filter.statuses]),
        filter.tag === undefined
          ? undefined
          : inArray(runs.key, writer.select({ run: tags.run }).from(tags).where(eq(tags.tag, filter.tag))),
        filter.parent === undefined ? undefined : eq(runs.parent, filter.parent),
        filter.from === undefined ? undefined : gte(runs.createdAt, filter.from),
        filter.until === undefined ? undefined : lte(runs.createdAt, filter.until),
        filter.before === undefined ? undefined : lt(runs.key, filter.before),
        sql`true`,
      ),
    )
    .orderBy(desc(runs.key))
    .limit(filter.limit)
    .toSQL();

/** The first records of each run: those before the one that is one too many. */
const readFirst = `select ${recordsOf("h")} from (
    select given.value as run,
      (select next.seq from holdfast_history as next where next.run = given.value order by next.seq limit 1 offset ?) as beyond
    from ${listed("bigint")}
  ) as wanted straight_join holdfast_history as h force index (primary) on h.run = wanted.run and (wanted.beyond is null or h.seq < wanted.beyond)
  order by h.run, h.seq`;

const lasts = `select ${recordsOf("h")} from (
    select given.value as run, (select newest.seq from holdfast_history as newest where newest.run = given.value order by newest.seq desc limit 1) as seq
    from ${listed("bigint")}
  ) as wanted straight_join holdfast_history as h force index (primary) on h.run = wanted.run and h.seq = wanted.seq`;

export const reads = {
  byKeys: (keys: readonly number[]): Statement =>
    statement(
      `select ${runColumns} from ${listed("bigint")} straight_join holdfast_runs as r force index (primary) on r.key = given.value`,
      json(keys),
    ),
  list: (filter: Filter): Statement => {
    const { sql: keys, params } = keysOf(filter);
    return statement(
      `select ${runColumns} from (${keys}) as wanted straight_join holdfast_runs as r force index (primary) on r.key = wanted.key order by r.key desc`,
      ...(params as Param[]),
    );
  },
  tags: (key: number): Statement => statement(`select ${shown("t.tag", "tag")} from holdfast_tags as t where t.run = ?`, key),
  heads: (keys: readonly number[]): Statement =>
    statement(
      `select r.key, r.status, coalesce((select max(newest.seq) from holdfast_history as newest where newest.run = r.key), -1) as seq
       from ${listed("bigint")} straight_join holdfast_runs as r force index (primary) on r.key = given.value`,
      json(keys),
    ),
  ended: (keys: readonly number[]): Statement =>
    statement(
      `select r.key from ${listed("bigint")} straight_join holdfast_runs as r force index (primary) on r.key = given.value where r.ended_at is not null`,
      json(keys),
    ),
  /** With their last records. */
  endedChildren: (parent: number, steps: readonly string[]): Statement =>
    statement(
      `select ${shown("r.id", "id")}, ${shown("r.parent_key", "parentKey")}, ${recordsOf("h")}
       from holdfast_runs as r force index (holdfast_runs_parent)
       straight_join holdfast_history as h on h.run = r.key and h.seq = (select max(newest.seq) from holdfast_history as newest where newest.run = r.key)
       where r.parent = ? and r.ended_at is not null and exists (select 1 from ${listed("text")} where ${named("given.value")} = r.parent_key)`,
      parent,
      json(steps),
    ),
  stuck: (before: number): Statement => statement(stuck, before, before, before, before),

  read: (key: number, after: number, limit: number): Statement =>
    statement(
      `select ${recordsOf("h")} from holdfast_history as h where h.run = ? and h.seq > ? order by h.seq limit ?`,
      key,
      after,
      limit,
    ),
  readFirst: (keys: readonly number[], limit: number): Statement => statement(readFirst, limit, json(keys)),
  lasts: (keys: readonly number[]): Statement => statement(lasts, json(keys)),
  pending: (key: number, names: readonly string[], limit: number): Statement =>
    statement(
      `select s.key, ${shown("s.name", "name")}, s.value, s.at from ${listed("text")}
       straight_join holdfast_signals as s force index (holdfast_signals_pending) on s.run = ? and s.name = ${named("given.value")}
       where s.taken_at is null order by s.key limit ?`,
      json([...new Set(names)]),
      key,
      limit,
    ),
  taken: (key: number): Statement =>
    statement(
      `select s.key, ${shown("s.name", "name")}, s.taken_at as takenAt, s.taken_seq as seq
       from holdfast_signals as s force index (holdfast_signals_pending) where s.run = ? and s.taken_at is not null order by s.key`,
      key,
    ),
  state: (key: number): Statement => statement("select s.value from holdfast_states as s where s.run = ?", key),
} satisfies Partial<Dialect>;
