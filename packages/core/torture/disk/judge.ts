/** Holds what was granted in a scene against the truth of its database, once every process is gone. */
import { Database } from "bun:sqlite";
import { decode } from "../../src/model/codec.ts";
import { read, type Effect } from "../kit/ledger.ts";
import { answerOf } from "./flows.ts";
import type { Grant, Refusal } from "./places.ts";
import type { Scene } from "./scene.ts";

export type Count = { readonly granted: number; readonly refused: number; readonly kills: number };

type RunRow = { readonly id: string; readonly status: string; readonly value: string | null };
type StepRow = { readonly key: string; readonly attempt: number; readonly at: number };

/** Adds to the scene's breaches. Answers with what was counted. */
export const judge = ({ name, places, breaches, kills }: Scene): Count => {
  const grants = read<Grant>(places.grants);
  const refusals = read<Refusal>(places.refusals);
  const breach = (what: string): void => void breaches.push(`${name}: ${what}`);
  for (const { about, what } of read<{ readonly about: string; readonly what: string }>(places.complaints))
    breach(`${about}: ${what}`);
  const database = new Database(places.database);
  try {
    const runs = database
      .query<RunRow, []>(
        "select id, status, (select value from holdfast_history where run = r.key order by seq desc limit 1) as value from holdfast_runs as r where workflow = 'work'",
      )
      .all();
    const steps = database
      .query<StepRow, []>(
        "select r.id || '/' || h.key as key, attempt, at from holdfast_history as h join holdfast_runs as r on r.key = h.run where kind = 'step'",
      )
      .all();
    ends(grants, new Map(runs.map((run) => [run.id, run])), breach);
    effects(read<Effect>(places.effects), steps, kills.count, breach);
    rows(database, grants, breach);
  } finally {
    database.close();
  }
  return { granted: grants.filter(({ what }) => what !== "result").length, refused: refusals.length, kills: kills.count };
};

type Breach = (what: string) => void;

const ends = (grants: readonly Grant[], runs: ReadonlyMap<string, RunRow>, breach: Breach): void => {
  const results = new Map(grants.filter(({ what }) => what === "result").map(({ id, value }) => [id, value]));
  for (const { what, id, value } of grants) {
    if (what !== "start") continue;
    const run = runs.get(id);
    const wanted = answerOf(Number(value));
    if (!run) breach(`lost: run ${id}`);
    else if (run.status !== "completed") breach(`not completed: run ${id} is ${run.status}`);
    else if (decode(run.value) !== wanted || results.get(id) !== wanted)
      breach(`wrong result: run ${id} recorded ${run.value} and answered ${String(results.get(id))}, not ${wanted}`);
  }
};

const effects = (begun: readonly Effect[], steps: readonly StepRow[], kills: number, breach: Breach): void => {
  const recorded = new Map(steps.map(({ key, at }) => [key, at]));
  const times = new Map<string, number>();
  for (const { key, attempt, at } of begun) {
    const name = key.endsWith("/hangs") ? `${key}, attempt ${attempt}` : key;
    times.set(name, (times.get(name) ?? 0) + 1);
    if (at > (recorded.get(key) ?? Infinity)) breach(`begun after its record: ${key}`);
  }
  for (const [key, count] of times)
    if (count > 1 + kills && !key.endsWith("/eat")) breach(`begun ${count} times with ${kills} kills: ${key}`);
  for (const { key, attempt } of steps)
    if (attempt !== (key.endsWith("/hangs") ? 2 : 1)) breach(`an attempt was used up: ${key} took ${attempt}`);
};

const rows = (database: Database, grants: readonly Grant[], breach: Breach): void => {
  const kept = database.query<{ key: string; n: number }, []>("select key, count(*) as n from notes group by key").all();
  const counts = new Map(kept.map(({ key, n }) => [key, n]));
  for (const { what, id } of grants) {
    const count = counts.get(`${id}/row`) ?? 0;
    if (what === "start" && count !== 1) breach(`${count} rows of the transaction: ${id}`);
  }
  const sound = Object.values(database.query<Record<string, unknown>, []>("pragma integrity_check").get() ?? {})[0];
  if (sound !== "ok") breach(`the file is damaged: ${String(sound)}`);
};
