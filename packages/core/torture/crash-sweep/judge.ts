/** Holds the ledgers of one point against the truth of its database, once every process is gone. */
import { Database } from "bun:sqlite";
import { isDeepStrictEqual } from "node:util";
import { decode } from "../../src/model/codec.ts";
import { read, type Effect } from "../kit/ledger.ts";
import { judgeSights } from "../kit/sights.ts";
import { expected } from "./flows.ts";
import { placesOf, type Ack } from "./places.ts";
import { allGrants } from "./script.ts";

type RunRow = { readonly key: number; readonly id: string; readonly status: string };
type RecordRow = {
  readonly id: string;
  readonly kind: string;
  readonly key: string | null;
  readonly value: string | null;
  readonly attempt: number | null;
  readonly due: number | null;
  readonly at: number;
};

type Truth = { readonly runs: readonly RunRow[]; readonly records: readonly RecordRow[]; readonly database: Database };

/** Every rule that was broken, in plain words. `kills` is how often a process died. */
export const judge = (folder: string, kills: number): string[] => {
  const places = placesOf(folder);
  const acks = read<Ack>(places.acks);
  const effects = read<Effect>(places.effects);
  const database = new Database(places.database);
  try {
    const truth: Truth = {
      database,
      runs: database.query<RunRow, []>("select key, id, status from holdfast_runs").all(),
      records: database
        .query<RecordRow, []>(
          "select id, kind, h.key, value, attempt, due, at from holdfast_history as h join holdfast_runs as r on r.key = h.run order by run, seq",
        )
        .all(),
    };
    return [
      ...read<{ readonly about: string; readonly what: string }>(places.complaints).map(({ about, what }) => `${about}: ${what}`),
      ...judgeSights(places.effects).breaches,
      ...grants(acks),
      ...ends(truth),
      ...steps(truth, effects, kills),
      ...timers(truth),
      ...tables(truth),
    ];
  } finally {
    database.close();
  }
};

const grants = (acks: readonly Ack[]): string[] => {
  const heard = new Set(acks.map(({ what }) => what));
  const wrong = acks.filter(({ what, value }) => {
    const id = what.replace(/^result /, "");
    return id !== what && id in expected && !isDeepStrictEqual(value, expected[id]);
  });
  return [
    ...allGrants.filter((what) => !heard.has(what)).map((what) => `never granted: ${what}`),
    ...acks.filter(({ duringFault }) => duringFault).map(({ what }) => `granted while nothing could be written: ${what}`),
    ...wrong.map(({ what, value }) => `wrong ${what}: ${JSON.stringify(value)}`),
  ];
};

const ends = ({ runs, records }: Truth): string[] => {
  const breaches: string[] = [];
  const must = new Map<string, string>([...Object.keys(expected), "forked"].map((id) => [id, "completed"]));
  must.set("endless", "cancelled");
  for (const [id, status] of must) {
    const run = runs.find((run) => run.id === id);
    if (run?.status !== status) breaches.push(`lost or stuck: run ${id} is ${run?.status ?? "not there"}, not ${status}`);
    const last = records.findLast((record) => record.id === id);
    if (id in expected && !isDeepStrictEqual(decode(last?.value ?? null), expected[id]))
      breaches.push(`wrong result: run ${id} recorded ${last?.value}`);
  }
  const open = runs.filter(({ status }) => status !== "completed" && status !== "cancelled");
  return [...breaches, ...open.map(({ id, status }) => `not at its end: run ${id} is ${status}`)];
};

/** Steps that fail in their first attempt, by intention. */
const tries = (key: string): number => (/\/(flaky|guarded|hangs)$/.test(key) ? 2 : 1);

const steps = ({ records }: Truth, effects: readonly Effect[], kills: number): string[] => {
  const breaches: string[] = [];
  const done = records.filter(({ kind }) => kind === "step" || kind === "undone");
  const failed = records.filter(({ kind, key }) => kind === "step-failed" && key === "declines");
  const recorded = new Map([...done, ...failed].map(({ id, key, at }) => [`${id}/${key}`, at]));
  const begun = Map.groupBy(effects, ({ key, attempt }) => `${key} (attempt ${attempt})`);
  for (const { key, at } of effects) {
    const recordedAt = recorded.get(key.replace(/~\d+$/, ""));
    if (recordedAt !== undefined && at > recordedAt) breaches.push(`begun after its record: ${key}`);
    if (!recorded.has(key.replace(/~\d+$/, "")) && !key.includes("/undo:")) breaches.push(`begun and never recorded: ${key}`);
  }
  for (const { id, key, attempt } of done) {
    const outside = `${id}/${key}`;
    if (attempt !== tries(outside)) breaches.push(`an attempt was used up: ${outside} took ${attempt}`);
    const isCopy = id === "forked" && key !== "last";
    const hasNoFunction = key === "row";
    if (!isCopy && !hasNoFunction && !effects.some((effect) => effect.key.replace(/~\d+$/, "") === outside))
      breaches.push(`recorded and never begun: ${outside}`);
  }
  for (const [what, times] of begun) {
    // Tried again after the run failed, by Run.retry.
    const wished = what.startsWith("undoing/fragile ") ? 2 : 1;
    if (times.length > wished + kills) breaches.push(`begun ${times.length} times with ${kills} kills: ${what}`);
  }
  return breaches;
};

const timers = ({ records }: Truth): string[] => {
  const set = new Map(
    records
      .filter(({ kind }) => kind === "timer" || kind === "waiting")
      .map((record) => [`${record.id}/${record.key}`, record.due]),
  );
  return records
    .filter(({ kind }) => kind === "fired" || kind === "expired")
    .filter(({ id, key, at }) => at < (set.get(`${id}/${key}`) ?? 0))
    .map(({ id, key }) => `early: ${id}/${key}`);
};

const tables = ({ database }: Truth): string[] => {
  const one = (text: string): unknown => Object.values(database.query<Record<string, unknown>, []>(text).get() ?? {})[0];
  const is = (what: string, text: string, wanted: unknown): string[] => {
    const found = one(text);
    return found === wanted ? [] : [`${what}: ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`];
  };
  return [
    ...is("rows of the transaction", "select group_concat(key || '=' || value) from notes", "kitchen/row=7"),
    ...is("rows of the start in a transaction", "select count(*) from orders", 1),
    ...is("signals", "select group_concat(name order by key) from holdfast_signals", "early,late"),
    ...is("signals not taken", "select count(*) from holdfast_signals where taken_at is null", 0),
    ...is("soundness", "pragma integrity_check", "ok"),
  ];
};
