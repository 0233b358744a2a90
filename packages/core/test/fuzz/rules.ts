/** What must hold for every program, whatever happened to it: the rules, and what is needed to look at the database for them. */
import { Run, type Runtime } from "../../src/index.ts";
import type { World } from "../kit/world.ts";
import type { Trace } from "./interpret.ts";

/** A rule that did not hold, and of which program. */
export type Breach = {
  readonly run: string;
  readonly rule: "rerun" | "too early" | "diverged" | "blocked" | "stuck" | "unended" | "replayed otherwise";
  readonly what: string;
};

/** One life of a body, and the worker it was lived under. */
export type Life = {
  readonly trace: Trace;
  readonly engine: unknown;
  /** The last durable record when the life was cut short. */ durable: number;
};

type Query = Pick<World, "client">;

/** True when the outcome of a step or an undo is recorded. */
export const isRecorded = ({ client }: Query, run: string, key: string): boolean =>
  client
    .query(
      "select 1 from holdfast_history h join holdfast_runs r on r.key = h.run where r.id = ? and h.key = ? and h.kind in ('step', 'step-failed', 'undone', 'undo-failed')",
    )
    .get(run, key) !== null;

export const lastSeq = ({ client }: Query, run: string): number =>
  client
    .query<{ seq: number | null }, [string]>(
      "select max(h.seq) as seq from holdfast_history h join holdfast_runs r on r.key = h.run where r.id = ?",
    )
    .get(run)?.seq ?? -1;

export const statusOf = ({ client }: Query, run: string): string =>
  client.query<{ status: string }, [string]>("select status from holdfast_runs where id = ?").get(run)?.status ?? "none";

/** What the database tells of a run. */
export const told = ({ client }: Query, run: string): string => {
  const row = client.query("select * from holdfast_runs where id = ?").get(run) as { readonly key: number };
  const records = client
    .query<{ seq: number; kind: string; key: string | null }, [number]>(
      "select seq, kind, key from holdfast_history where run = ? order by seq",
    )
    .all(row.key);
  return `${JSON.stringify(row)} ${records.map(({ seq, kind, key }) => `${seq} ${kind} ${key}`).join(", ")}`;
};

/** Takes the last record of a run away, so that it is replayed to its end. */
export const unend = ({ client }: Query, run: string): void => {
  const key = client.query<{ key: number }, [string]>("select key from holdfast_runs where id = ?").get(run)?.key ?? 0;
  client.run("delete from holdfast_history where run = ? and seq = (select max(seq) from holdfast_history where run = ?)", [
    key,
    key,
  ]);
  client.run("update holdfast_runs set status = 'queued', ended_at = null, worker = null, wake_at = 0 where key = ?", [key]);
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
