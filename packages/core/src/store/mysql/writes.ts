/** The statements that write runs, records and messages on MySQL and MariaDB. A row that is there already is left as it is by an update to what it is. */
import { currentRules } from "../../model/records.ts";
import type { Lease, NewRun, NewSignal, Row } from "../rows.ts";
import { dueOf, type Sheet } from "../server/desk.ts";
import type { Dialect, RunAppend, Statement } from "../server/dialect.ts";
import { given, json, keyed, listed, named, record, recordNames, recordsGiven, runColumns, shown, statement } from "./text.ts";

type Guarded = { readonly lease: Lease; readonly row: Row };
type Place = { readonly run: number; readonly seq: number };

const place = { run: "bigint", seq: "int" } as const;

const locked = `select r.key, r.parent, r.orphan, r.status, r.lease, r.worker, r.wake_at as wakeAt, r.strikes, r.mail, r.cancel, r.pause, r.reason, r.deadline,
    r.home, r.ended_at as endedAt,
    case when r.lease = 0 then (select h.due from holdfast_history as h where h.run = r.key and h.seq = 0) end as begins`;

const lockRuns = (keys: readonly number[]): Statement => {
  const { text, params } = keyed(keys);
  return statement(
    `${locked} from holdfast_runs as r force index (primary) where r.key in ${text} order by r.key for update`,
    ...params,
  );
};

/** Children are looked for without a lock, and then locked by their keys. */
const lockFamilies = (keys: readonly number[], parents: readonly number[]): Statement => {
  const [runs, above] = [keyed(keys), keyed(parents)];
  return statement(
    `${locked} from (
       select own.key from holdfast_runs as own force index (primary) where own.key in ${runs.text}
       union select child.key from holdfast_runs as child force index (holdfast_runs_parent) where child.parent in ${above.text}
         and child.orphan = 'cancel' and child.ended_at is null
     ) as wanted straight_join holdfast_runs as r force index (primary) on r.key = wanted.key order by r.key for update`,
    ...runs.params,
    ...above.params,
  );
};

const shareRuns = (keys: readonly number[]): Statement => {
  const { text, params } = keyed(keys);
  return statement(
    `select r.key from holdfast_runs as r force index (primary) where r.key in ${text} order by r.key lock in share mode`,
    ...params,
  );
};

/** A run whose worker is on the list no more is due for everybody. */
const insertRuns = `insert into holdfast_runs
    (id, workflow, version, status, lease, worker, claim, wake_at, strikes, parent, parent_key, orphan, correlation, deadline, tenant, created_at)
  select given.id, given.workflow, given.version, case when w.key is null then given.status else 'running' end, case when w.key is null then 0 else 1 end,
    w.key, ?, case when w.key is not null then null when given.worker is null then given.wakeAt else given.at end, case when w.key is null then 0 else 1 end,
    given.parent, given.parentKey, given.orphan, given.correlation, given.deadline, given.tenant, given.at
  from ${given({
    place: "int",
    id: "text",
    workflow: "text",
    version: "int",
    status: "text",
    at: "bigint",
    worker: "bigint",
    wakeAt: "bigint",
    parent: "bigint",
    parentKey: "text",
    orphan: "text",
    correlation: "text",
    deadline: "bigint",
    tenant: "text",
  })} left join holdfast_workers as w force index (primary) on w.key = given.worker order by given.place
  on duplicate key update holdfast_runs.id = holdfast_runs.id`;

const beginRuns = `insert into holdfast_history (${recordNames})
  select made.key, 0, 'started', null, given.input, ${currentRules}, 0, given.due, given.at
  from ${given({ place: "int", id: "text", input: "text", due: "bigint", at: "bigint" })}
  straight_join holdfast_runs as made force index (holdfast_runs_id) on made.id = ${named("given.id")} and made.claim = ? order by given.place
  on duplicate key update holdfast_history.run = holdfast_history.run`;

const madeRuns = `select made.key, ${shown("made.id", "id")}, made.worker from ${listed("text")}
  straight_join holdfast_runs as made force index (holdfast_runs_id) on made.id = ${named("given.value")} and made.claim = ?`;

const findRuns = `select ${runColumns}, h.value as input from ${listed("text")}
  straight_join holdfast_runs as r force index (holdfast_runs_id) on r.id = ${named("given.value")}
  left join holdfast_history as h on h.run = r.key and h.seq = 0`;

/** Each run is locked before it is looked at, so that a lease which somebody is taking away just now is waited for. */
const appendGuarded = `insert into holdfast_history (${recordNames})
  select ${recordsGiven} from ${given({ ...record, lease: "int" })}
  straight_join holdfast_runs as held force index (primary) on held.key = given.run and held.lease = given.lease
  on duplicate key update holdfast_history.run = holdfast_history.run`;

const standGuarded = `select given.run, given.seq from ${given({ ...place, lease: "int" })}
  straight_join holdfast_runs as held force index (primary) on held.key = given.run and held.lease = given.lease
  straight_join holdfast_history as h on h.run = given.run and h.seq = given.seq`;

const insertRows = `insert into holdfast_history (${recordNames}) select ${recordsGiven} from ${given(record)}`;

const updateRuns = `update ${given({
  key: "bigint",
  status: "text",
  lease: "int",
  worker: "bigint",
  wakeAt: "bigint",
  strikes: "int",
  mail: "int",
  cancel: "text",
  pause: "int",
  reason: "text",
  deadline: "bigint",
  home: "bigint",
  orphan: "text",
  endedAt: "bigint",
})} straight_join holdfast_runs as r force index (primary) on r.key = given.key
  set r.status = given.status, r.lease = given.lease, r.worker = given.worker, r.wake_at = given.wakeAt, r.strikes = given.strikes, r.mail = given.mail,
    r.cancel = given.cancel, r.pause = given.pause, r.reason = given.reason, r.deadline = given.deadline, r.home = given.home, r.orphan = given.orphan, r.ended_at = given.endedAt`;

const statusOf = (run: NewRun): string => (dueOf(run) === null ? "queued" : "scheduled");

/** Below zero: no claim has such a number. Two statements that want the same id at once are not likely to draw the same. */
const draw = (): number => {
  const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2));
  return -1 - ((high >>> 11) * 2 ** 32 + low);
};

/** As it is now, also in a transaction that reads what was there when it began. */
export const findRunNow = (id: string): Statement =>
  statement(
    `select ${runColumns}, h.value as input from holdfast_runs as r force index (holdfast_runs_id)
     left join holdfast_history as h on h.run = r.key and h.seq = 0 where r.id = ${named("?")} lock in share mode`,
    id,
  );

export const writes = {
  lockRuns: (keys: readonly number[], orphansOf: readonly number[]): Statement =>
    orphansOf.length === 0 ? lockRuns(keys) : lockFamilies(keys, orphansOf),
  freeRuns: (keys: readonly number[]): Statement => {
    const { text, params } = keyed(keys);
    return statement(
      `select r.key from holdfast_runs as r force index (primary) where r.key in ${text} order by r.key for update skip locked`,
      ...params,
    );
  },
  insertRuns: (runs: readonly NewRun[]): readonly Statement[] => {
    const token = draw();
    // What is written elsewhere is not sent twice.
    const rows = runs.map((run, index) => ({ ...run, input: undefined, tags: undefined, place: index, status: statusOf(run) }));
    const starts = runs.map((run, index) => ({ place: index, id: run.id, input: run.input, due: dueOf(run), at: run.at }));
    return [
      statement(insertRuns, token, json(rows)),
      statement(beginRuns, json(starts), token),
      statement(madeRuns, json(runs.map(({ id }) => id)), token),
    ];
  },
  findRuns: (ids: readonly string[]): Statement => statement(findRuns, json(ids)),
  standing: (places: readonly Place[]): Statement =>
    statement(
      `select h.run, h.seq from ${given(place)} straight_join holdfast_history as h on h.run = given.run and h.seq = given.seq`,
      json(places),
    ),
  lockSignals: (keys: readonly number[]): Statement => {
    const { text, params } = keyed(keys);
    return statement(
      `select s.key, s.run from holdfast_signals as s force index (primary) where s.key in ${text} and s.taken_at is null order by s.key for update`,
      ...params,
    );
  },
  known: (keys: readonly { readonly run: number; readonly name: string; readonly key: string }[]): Statement =>
    statement(
      `select s.run, ${shown("s.name", "name")}, ${shown("s.dedupe", "key")}, case when s.taken_at is null then s.value else h.value end as value,
         case when s.taken_at is null or h.seq is not null then 1 else 0 end as isKept
       from ${given({ run: "bigint", name: "text", key: "text" })}
       straight_join holdfast_signals as s force index (holdfast_signals_dedupe)
         on s.run = given.run and s.dedupe = ${named("given.key")} and s.name = ${named("given.name")}
       left join holdfast_history as h on h.run = s.run and h.seq = s.taken_seq`,
      json(keys),
    ),

  appendGuarded: (records: readonly Guarded[]): readonly Statement[] => [
    shareRuns([...new Set(records.map(({ lease }) => lease.run))]),
    statement(appendGuarded, json(records.map(({ lease, row }) => ({ ...row, run: lease.run, lease: lease.number })))),
  ],
  standGuarded: (records: readonly Guarded[]): Statement =>
    statement(standGuarded, json(records.map(({ lease, row }) => ({ run: lease.run, lease: lease.number, seq: row.seq })))),
  insertRows: (rows: readonly RunAppend[], kind: "again" | "fresh"): Statement =>
    statement(
      kind === "fresh" ? insertRows : `${insertRows} on duplicate key update holdfast_history.run = holdfast_history.run`,
      json(rows.map(({ run, row }) => ({ ...row, run }))),
    ),
  insertTags: (tags: readonly { readonly run: number; readonly tag: string }[]): Statement =>
    statement(
      `insert into holdfast_tags (tag, run) select given.tag, given.run from ${given({ tag: "text", run: "bigint" })}
       on duplicate key update holdfast_tags.run = holdfast_tags.run`,
      json(tags),
    ),
  dropRows: (places: readonly Place[]): Statement =>
    statement(
      `delete h from ${given(place)} straight_join holdfast_history as h force index (primary) on h.run = given.run and h.seq = given.seq`,
      json(places),
    ),
  updateRuns: (sheets: readonly Sheet[]): Statement =>
    statement(
      updateRuns,
      json(
        sheets.map((sheet) => ({
          ...sheet,
          pause: sheet.pause ? 1 : 0,
          cancel: sheet.cancel === null ? null : json(sheet.cancel),
        })),
      ),
    ),
  deleteRuns: (keys: readonly number[]): readonly Statement[] =>
    [
      "history as gone force index (primary) on gone.run",
      "tags as gone force index (holdfast_tags_run) on gone.run",
      "runs as gone on gone.key",
    ].map((gone) => statement(`delete gone from ${listed("bigint")} straight_join holdfast_${gone} = given.value`, json(keys))),
  insertSignals: (signals: readonly NewSignal[]): Statement =>
    statement(
      `insert into holdfast_signals (run, name, dedupe, value, at) select given.run, given.name, given.dedupe, given.value, given.at
       from ${given({ place: "int", run: "bigint", name: "text", dedupe: "text", value: "text", at: "bigint" })} order by given.place
       on duplicate key update holdfast_signals.run = holdfast_signals.run`,
      json(signals.map((signal, index) => ({ ...signal, place: index }))),
    ),
  takeSignals: (taken: readonly { readonly key: number; readonly at: number; readonly seq: number }[]): Statement =>
    statement(
      `update ${given({ key: "bigint", at: "bigint", seq: "int" })} straight_join holdfast_signals as s force index (primary) on s.key = given.key
       set s.taken_at = given.at, s.taken_seq = given.seq, s.value = null`,
      json(taken),
    ),
  returnSignals: (back: readonly { readonly key: number; readonly run: number; readonly seq: number }[]): Statement =>
    statement(
      `update ${given({ key: "bigint", run: "bigint", seq: "int" })}
       straight_join holdfast_history as h force index (primary) on h.run = given.run and h.seq = given.seq
       straight_join holdfast_signals as s force index (primary) on s.key = given.key and s.run = given.run and s.taken_at is not null
       set s.value = h.value, s.taken_at = null, s.taken_seq = null`,
      json(back),
    ),
  publish: (states: readonly { readonly run: number; readonly value: string | null; readonly at: number }[]): Statement =>
    statement(
      `insert into holdfast_states (run, value, at) select given.run, given.value, given.at from ${given({ run: "bigint", value: "text", at: "bigint" })}
       on duplicate key update holdfast_states.value = given.value, holdfast_states.at = given.at`,
      json(states),
    ),
} satisfies Partial<Dialect>;
