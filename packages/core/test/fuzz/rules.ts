/** What must hold for every program, whatever happened to it: the rules, and what is needed to look at the database for them. */
import { sql } from "drizzle-orm";
import { Run, type Runtime } from "../../src/index.ts";
import type { World } from "../kit/world.ts";
import type { Sight, Trace } from "./interpret.ts";

/** A rule that did not hold, and of which program. */
export type Breach = {
  readonly run: string;
  readonly rule:
    | "rerun"
    | "swapped"
    | "other draw"
    | "after refusal"
    | "too early"
    | "diverged"
    | "blocked"
    | "stuck"
    | "unended"
    | "replayed otherwise";
  readonly what: string;
};

/** One life of a body, and the worker it was lived under. */
export type Life = {
  readonly trace: Trace;
  readonly engine: unknown;
  /** The last durable record when the life was cut short. */ durable: number;
};

type Asked = Pick<World, "ask">;

const outcomes = sql.raw("'step', 'step-failed', 'undone', 'undo-failed'");

/** True when the run has recorded a cancel, or that it took longer than its timeout. */
export const isCancelled = async ({ ask }: Asked, run: string): Promise<boolean> => {
  const found = await ask(
    sql`select 1 from holdfast_history h join holdfast_runs r on r.key = h.run where r.id = ${run} and h.kind = 'cancel'`,
  );
  return found.length > 0;
};

/** True when the outcome of a step or an undo is recorded. */
export const isRecorded = async ({ ask }: Asked, run: string, key: string): Promise<boolean> => {
  const found = await ask(
    sql`select 1 from holdfast_history h join holdfast_runs r on r.key = h.run where r.id = ${run} and h.key = ${key} and h.kind in (${outcomes})`,
  );
  return found.length > 0;
};

export const lastSeq = async ({ ask }: Asked, run: string): Promise<number> => {
  const [last] = await ask<{ seq: number | null }>(
    sql`select max(h.seq) as seq from holdfast_history h join holdfast_runs r on r.key = h.run where r.id = ${run}`,
  );
  return last?.seq ?? -1;
};

export const statusOf = async ({ ask }: Asked, run: string): Promise<string> => {
  const [row] = await ask<{ status: string }>(sql`select status from holdfast_runs where id = ${run}`);
  return row?.status ?? "none";
};

/** What the database tells of a run. */
export const told = async ({ ask }: Asked, run: string): Promise<string> => {
  const [row] = await ask<object>(sql`select * from holdfast_runs where id = ${run}`);
  const records = await ask<{ seq: number; kind: string; key: string | null }>(
    sql`select h.seq, h.kind, h.key from holdfast_history h join holdfast_runs r on r.key = h.run where r.id = ${run} order by h.seq`,
  );
  return `${JSON.stringify(row)} ${records.map(({ seq, kind, key }) => `${seq} ${kind} ${key}`).join(", ")}`;
};

/** The steps a run can be forked from. */
export const keysOf = async ({ ask }: Asked, run: string): Promise<string[]> => {
  const found = await ask<{ key: string }>(
    sql`select distinct h.key from holdfast_history h join holdfast_runs r on r.key = h.run where r.id = ${run} and h.key is not null and h.kind <> 'patched'`,
  );
  return found.map(({ key }) => key);
};

/** Takes the last record of a run away, so that it is replayed to its end. */
export const unend = async ({ ask }: Asked, run: string): Promise<void> => {
  const [last] = await ask<{ run: number; seq: number }>(
    sql`select h.run, h.seq from holdfast_history h join holdfast_runs r on r.key = h.run where r.id = ${run} order by h.seq desc limit 1`,
  );
  if (last) await ask(sql`delete from holdfast_history where run = ${last.run} and seq = ${last.seq}`);
  await ask(
    sql`update holdfast_runs set status = 'queued', pause = false, ended_at = null, worker = null, wake_at = 0 where holdfast_runs.id = ${run}`,
  );
};

/** How runs ended, without what differs from replay to replay. */
export const endsOf = async (runtime: Runtime.Runtime, runs: readonly string[]): Promise<Map<string, string>> => {
  const found = new Map<string, string>();
  for (const run of runs) {
    const handle = Run.of(runtime, run);
    const { status, output, failure, undo } = await Run.get(handle);
    const failed = failure && `${failure.name}: ${failure.message}`;
    const state = await Run.state(handle);
    found.set(run, JSON.stringify({ status, output, state, failed, undo: undo.map(({ key }) => key) }));
  }
  return found;
};

/** True of a run that was refused, now or before, because its asks or draws cannot be told apart. */
export const isRefused = async ({ ask }: Asked, run: string): Promise<boolean> => {
  const rows = await ask<{ reason: unknown; status: string; value: string | null }>(
    sql`select r.reason, r.status, h.value from holdfast_runs r join holdfast_history h on h.run = r.key where r.id = ${run} and h.kind in ('asked', 'started')`,
  );
  return rows.some(
    ({ reason, status, value }) =>
      value?.includes('"refused":true') || (status === "blocked" && JSON.stringify(reason).includes("ambiguous_order")),
  );
};

/**
 * Bodies that compute ask in another order in each life. In each place of the program, two lives saw the same all the same, as far as what they saw is
 * durable.
 */
export const divergenceByPlace = (all: readonly Life[]): string | undefined => {
  const last = byPlace(all.at(-1)?.trace ?? []);
  for (const life of all) {
    for (const [place, sights] of byPlace(life.trace)) {
      const others = last.get(place) ?? [];
      const isOther = ({ seen, text }: Sight, at: number): boolean =>
        seen <= life.durable && others[at] !== undefined && others[at].text !== text && !isCalledOff(text, others[at].text);
      const at = sights.findIndex(isOther);
      if (at >= 0) return `diverged in ${place}: first ${sights[at]?.text}, then ${others[at]?.text}`;
    }
  }
  return undefined;
};

/** A branch that fails after such work calls the others off at another moment in each life: before or after what they were about to get. */
const isCalledOff = (...texts: readonly string[]): boolean =>
  texts.some((text) => /Another branch failed|was cancelled/.test(text));

const byPlace = (trace: Trace): Map<string, Sight[]> => {
  const places = new Map<string, Sight[]>();
  // A place that is asked from again before it has its answer asks in another order in each life.
  for (const sight of trace.filter(({ text }) => !/ \?$|twice from one place/.test(text)))
    places.set(sight.place, [...(places.get(sight.place) ?? []), sight]);
  return places;
};

/** As far as two lives of a body saw the same durable records, they asked and saw the same. Answers with where they did not. */
export const divergence = (all: readonly Life[]): string | undefined => {
  const last = all.at(-1);
  for (const life of all) {
    if (!last || life === last) continue;
    const sure = life.trace.filter(({ seen }) => seen <= life.durable);
    const at = sure.findIndex(({ text }, place) => text !== last.trace[place]?.text);
    if (at < 0) continue;
    const around = (trace: Trace): string => JSON.stringify(trace.slice(Math.max(0, at - 3), at + 2));
    return `diverged at ${at}: first ${around(sure)}, then ${around(last.trace)}`;
  }
  return undefined;
};
