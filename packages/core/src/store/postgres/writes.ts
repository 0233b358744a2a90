/** The statements that write runs, records and messages on PostgreSQL. */
import { currentRules } from "../../model/records.ts";
import type { Lease, NewRun, NewSignal, Row } from "../rows.ts";
import { dueOf, type Sheet } from "../server/desk.ts";
import type { Dialect, RunAppend, Statement } from "../server/dialect.ts";
import { given, json, listed, record, recordNames, recordsOf, runColumns, statement } from "./text.ts";

type Guarded = { readonly lease: Lease; readonly row: Row };
type Place = { readonly run: number; readonly seq: number };

const lockRuns = `select r.key, r.parent, r.orphan, r.status, r.lease, r.worker, r.wake_at as "wakeAt", r.strikes, r.mail, r.cancel, r.pause, r.reason,
    r.deadline, r.home, r.ended_at as "endedAt",
    case when r.lease = 0 then (select h.due from holdfast_history as h where h.run = r.key and h.seq = 0) end as begins
  from holdfast_runs as r where r.key in ${listed("bigint")} order by r.key for update`;

const lockFamilies = `select r.key, r.parent, r.orphan, r.status, r.lease, r.worker, r.wake_at as "wakeAt", r.strikes, r.mail, r.cancel, r.pause, r.reason,
    r.deadline, r.home, r.ended_at as "endedAt",
    case when r.lease = 0 then (select h.due from holdfast_history as h where h.run = r.key and h.seq = 0) end as begins
  from holdfast_runs as r
  where r.key in ${listed("bigint")} or (r.parent in ${listed("bigint", 2)} and r.orphan = 'cancel' and r.ended_at is null)
  order by r.key for update`;

/** A run whose worker is on the list no more is due for everybody. */
const insertRuns = `with given as (select * from ${given({
  place: "int",
  id: "text",
  workflow: "text",
  version: "int",
  status: "text",
  input: "text",
  at: "bigint",
  worker: "int",
  wakeAt: "bigint",
  due: "bigint",
  parent: "bigint",
  parentKey: "text",
  orphan: "text",
  correlation: "text",
  deadline: "bigint",
  tenant: "text",
})}), placed as (
    select given.*, w.key as here from given left join holdfast_workers as w on w.key = given.worker
  ), made as (
    insert into holdfast_runs
      (id, workflow, version, status, lease, worker, wake_at, strikes, parent, parent_key, orphan, correlation, deadline, tenant, created_at)
    select id, workflow, version, case when here is null then status else 'running' end, case when here is null then 0 else 1 end, here,
      case when here is not null then null when worker is null then "wakeAt" else at end, case when here is null then 0 else 1 end,
      parent, "parentKey", orphan, correlation, deadline, tenant, at
    from placed order by place on conflict do nothing returning key, id, worker
  ), begun as (
    insert into holdfast_history (run, seq, kind, key, value, attempt, issued, due, at)
    select distinct on (made.key) made.key, 0, 'started', null, placed.input, ${currentRules}, 0, placed.due, placed.at
    from made join placed on placed.id = made.id order by made.key, placed.place
  )
  select key, id, worker from made`;

const appendGuarded = `insert into holdfast_history (${recordNames})
  select ${recordsOf("given")} from ${given({ ...record, lease: "int" })}
  join holdfast_runs as held on held.key = given.run and held.lease = given.lease on conflict do nothing`;

const standGuarded = `select given.run, given.seq from ${given({ run: "bigint", seq: "int", lease: "int" })}
  join holdfast_runs as held on held.key = given.run and held.lease = given.lease
  join holdfast_history as h on h.run = given.run and h.seq = given.seq`;

const updateRuns = `update holdfast_runs as r set status = given.status, lease = given.lease, worker = given.worker, wake_at = given."wakeAt",
    strikes = given.strikes, mail = given.mail, cancel = given.cancel, pause = given.pause, reason = given.reason, deadline = given.deadline,
    home = given.home, orphan = given.orphan, ended_at = given."endedAt"
  from ${given({
    key: "bigint",
    status: "text",
    lease: "int",
    worker: "int",
    wakeAt: "bigint",
    strikes: "int",
    mail: "int",
    cancel: "text",
    pause: "boolean",
    reason: "text",
    deadline: "bigint",
    home: "int",
    orphan: "text",
    endedAt: "bigint",
  })} where r.key = given.key`;

const place = { run: "bigint", seq: "int" };

const statusOf = (run: NewRun): string => (dueOf(run) === null ? "queued" : "scheduled");

export const writes = {
  lockRuns: (keys: readonly number[], orphansOf: readonly number[]): Statement =>
    orphansOf.length === 0 ? statement(lockRuns, json(keys)) : statement(lockFamilies, json(keys), json(orphansOf)),
  freeRuns: (keys: readonly number[]): Statement =>
    statement(
      `select r.key from holdfast_runs as r where r.key in ${listed("bigint")} order by r.key for update skip locked`,
      json(keys),
    ),
  insertRuns: (runs: readonly NewRun[]): readonly Statement[] => [
    statement(insertRuns, json(runs.map((run, index) => ({ ...run, place: index, status: statusOf(run), due: dueOf(run) })))),
  ],
  findRuns: (ids: readonly string[]): Statement =>
    statement(
      `select ${runColumns}, h.value as input from holdfast_runs as r left join holdfast_history as h on h.run = r.key and h.seq = 0
       where r.id in ${listed("text")}`,
      json(ids),
    ),
  standing: (places: readonly Place[]): Statement =>
    statement(
      `select h.run, h.seq from ${given(place)} join holdfast_history as h on h.run = given.run and h.seq = given.seq`,
      json(places),
    ),
  lockSignals: (keys: readonly number[]): Statement =>
    statement(
      `select key, run from holdfast_signals where key in ${listed("bigint")} and taken_at is null order by key for update`,
      json(keys),
    ),
  known: (keys: readonly { readonly run: number; readonly name: string; readonly key: string }[]): Statement =>
    statement(
      `select s.run, s.name, s.dedupe as key, case when s.taken_at is null then s.value else h.value end as value,
         case when s.taken_at is null or h.seq is not null then 1 else 0 end as "isKept"
       from ${given({ run: "bigint", name: "text", key: "text" })}
       join holdfast_signals as s on s.run = given.run and s.dedupe = given.key and s.name = given.name
       left join holdfast_history as h on h.run = s.run and h.seq = s.taken_seq`,
      json(keys),
    ),

  appendGuarded: (records: readonly Guarded[]): readonly Statement[] => [
    statement(appendGuarded, json(records.map(({ lease, row }) => ({ ...row, run: lease.run, lease: lease.number })))),
  ],
  standGuarded: (records: readonly Guarded[]): Statement =>
    statement(standGuarded, json(records.map(({ lease, row }) => ({ run: lease.run, lease: lease.number, seq: row.seq })))),
  insertRows: (rows: readonly RunAppend[], kind: "again" | "fresh"): Statement =>
    statement(
      `insert into holdfast_history (${recordNames}) select ${recordsOf("given")} from ${given(record)}${kind === "again" ? " on conflict do nothing" : ""}`,
      json(rows.map(({ run, row }) => ({ ...row, run }))),
    ),
  insertTags: (tags: readonly { readonly run: number; readonly tag: string }[]): Statement =>
    statement(
      `insert into holdfast_tags (tag, run) select given.tag, given.run from ${given({ tag: "text", run: "bigint" })} on conflict do nothing`,
      json(tags),
    ),
  dropRows: (places: readonly Place[]): Statement =>
    statement(
      `delete from holdfast_history as h using ${given(place)} where h.run = given.run and h.seq = given.seq`,
      json(places),
    ),
  updateRuns: (sheets: readonly Sheet[]): Statement =>
    statement(updateRuns, json(sheets.map((sheet) => ({ ...sheet, cancel: sheet.cancel === null ? null : json(sheet.cancel) })))),
  deleteRuns: (keys: readonly number[]): readonly Statement[] => [
    statement(
      `with gone as (delete from holdfast_runs where key in ${listed("bigint")} returning key),
       untagged as (delete from holdfast_tags where run in (select key from gone))
       delete from holdfast_history where run in (select key from gone)`,
      json(keys),
    ),
  ],
  insertSignals: (signals: readonly NewSignal[]): Statement =>
    statement(
      `insert into holdfast_signals (run, name, dedupe, value, at) select given.run, given.name, given.dedupe, given.value, given.at
       from ${given({ place: "int", run: "bigint", name: "text", dedupe: "text", value: "text", at: "bigint" })} order by given.place on conflict do nothing`,
      json(signals.map((signal, index) => ({ ...signal, place: index }))),
    ),
  takeSignals: (taken: readonly { readonly key: number; readonly at: number; readonly seq: number }[]): Statement =>
    statement(
      `update holdfast_signals as s set taken_at = given.at, taken_seq = given.seq, value = null
       from ${given({ key: "bigint", at: "bigint", seq: "int" })} where s.key = given.key`,
      json(taken),
    ),
  returnSignals: (back: readonly { readonly key: number; readonly run: number; readonly seq: number }[]): Statement =>
    statement(
      `update holdfast_signals as s set taken_at = null, taken_seq = null, value = h.value
       from ${given({ key: "bigint", run: "bigint", seq: "int" })} join holdfast_history as h on h.run = given.run and h.seq = given.seq
       where s.key = given.key and s.run = given.run and s.taken_at is not null`,
      json(back),
    ),
  publish: (states: readonly { readonly run: number; readonly value: string | null; readonly at: number }[]): Statement =>
    statement(
      `insert into holdfast_states (run, value, at) select given.run, given.value, given.at from ${given({ run: "bigint", value: "text", at: "bigint" })}
       on conflict (run) do update set value = excluded.value, at = excluded.at`,
      json(states),
    ),
} satisfies Partial<Dialect>;
