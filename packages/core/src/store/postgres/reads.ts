/** Looking things up on PostgreSQL. */
import { and, desc, eq, gte, inArray, lt, lte, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/bun-sql";
import type { Filter } from "../contract.ts";
import type { Dialect, Statement } from "../server/dialect.ts";
import type { Param } from "../server/link.ts";
import { isSeldom, mayBeMany, runs, tags } from "./schema.ts";
import { json, listed, recordsOf, runColumns, statement } from "./text.ts";

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
  and not (asked.kind = 'waiting' and exists (${messages(before)} and to_json(message.name)::text = asked.value))
  and not (asked.kind = 'calling' and exists (${children(before)} and child.parent_key = asked.key)))`;

/** Runs with no live lease, no wake time, nothing they wait for and no person's word. Each part goes along an index. */
const stuck = `select r.id, r.status, 'nothing will wake it' as why from holdfast_runs as r
    where r.ended_at is null and r.wake_at is null and r.worker is null and r.status <> 'waiting' and r.status <> 'paused' and r.status <> 'blocked'
  union all select r.id, r.status, 'it waits for nothing' from holdfast_runs as r
    where r.wake_at is null and r.worker is null and r.status = 'waiting' and r.status <> 'running' and r.status <> 'completed' and not ${isAwaiting}
  union all select r.id, r.status, 'its worker is gone' from holdfast_runs as r
    where r.worker is not null and not exists (select 1 from holdfast_workers as w where w.key = r.worker)
  union all select r.id, r.status, 'what it waits for has come' from holdfast_runs as r
    where r.wake_at is null and r.worker is null and r.status = 'waiting' and r.status <> 'running' and r.status <> 'completed' and ${isAwaiting}
    and ${couldTakeAll("$1::bigint")}`;

/** Drizzle writes what depends on what is asked for. It is never connected. */
const writer = drizzle.mock();

const keysOf = (filter: Filter) =>
  writer
    .select({ key: runs.key })
    .from(runs)
    .where(
      and(
        filter.workflow === undefined ? undefined : eq(runs.workflow, filter.workflow),
        filter.statuses === undefined ? undefined : inArray(runs.status, [...filter.statuses]),
        filter.statuses?.every((status) => !mayBeMany.has(status)) ? isSeldom(runs.status) : undefined,
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

const run = `select ${runColumns} from holdfast_runs as r`;

export const reads = {
  byKeys: (keys: readonly number[]): Statement => statement(`${run} where r.key in ${listed("bigint")}`, json(keys)),
  list: (filter: Filter): Statement => {
    const { sql: keys, params } = keysOf(filter);
    return statement(`${run} where r.key in (${keys}) order by r.key desc`, ...(params as Param[]));
  },
  tags: (key: number): Statement => statement("select tag from holdfast_tags where run = $1", key),
  heads: (keys: readonly number[]): Statement =>
    statement(
      `select r.key, r.status, coalesce((select max(newest.seq) from holdfast_history as newest where newest.run = r.key), -1) as seq
       from holdfast_runs as r where r.key in ${listed("bigint")}`,
      json(keys),
    ),
  ended: (keys: readonly number[]): Statement =>
    statement(`select key from holdfast_runs where key in ${listed("bigint")} and ended_at is not null`, json(keys)),
  /** With their last records. */
  endedChildren: (parent: number, steps: readonly string[]): Statement =>
    statement(
      `select r.id, r.parent_key as "parentKey", ${recordsOf("h")} from holdfast_runs as r
       join holdfast_history as h on h.run = r.key and h.seq = (select max(newest.seq) from holdfast_history as newest where newest.run = r.key)
       where r.parent = $1 and r.ended_at is not null and r.parent_key in ${listed("text", 2)}`,
      parent,
      json(steps),
    ),
  stuck: (before: number): Statement => statement(stuck, before),

  read: (key: number, after: number, limit: number): Statement =>
    statement(
      `select ${recordsOf("h")} from holdfast_history as h where h.run = $1 and h.seq > $2 order by h.seq limit $3`,
      key,
      after,
      limit,
    ),
  readFirst: (keys: readonly number[], limit: number): Statement =>
    statement(
      `select first.* from json_array_elements_text($1::text::json) as listed(value)
       cross join lateral (select ${recordsOf("h")} from holdfast_history as h where h.run = listed.value::bigint order by h.seq limit $2) as first`,
      json(keys),
      limit,
    ),
  lasts: (keys: readonly number[]): Statement =>
    statement(
      `select last.* from json_array_elements_text($1::text::json) as listed(value)
       cross join lateral (select ${recordsOf("h")} from holdfast_history as h where h.run = listed.value::bigint order by h.seq desc limit 1) as last`,
      json(keys),
    ),
  pending: (key: number, names: readonly string[], limit: number): Statement =>
    statement(
      `select key, name, value, at from holdfast_signals where run = $1 and name in ${listed("text", 2)} and taken_at is null order by key limit $3`,
      key,
      json(names),
      limit,
    ),
  taken: (key: number): Statement =>
    statement(
      `select key, name, taken_at as "takenAt", taken_seq as seq from holdfast_signals where run = $1 and taken_at is not null order by key`,
      key,
    ),
  state: (key: number): Statement => statement("select value from holdfast_states where run = $1", key),
} satisfies Partial<Dialect>;
