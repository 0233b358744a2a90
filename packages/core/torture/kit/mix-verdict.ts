/** What must be true of runs of the mix once all are at their end, beyond what is true of every run. */
import { decode } from "../../src/model/codec.ts";
import { childResult, expectedOf, type Job } from "./mix.ts";
import type { Effect } from "./effects.ts";
import type { Observer, RunTruth, Written } from "./observer.ts";
import { foreverKey } from "./programs.ts";
import { judgeSights } from "./sights.ts";

/** What the client was told: it is never killed. */
export type Acknowledged = {
  readonly jobs: ReadonlyMap<string, Job>;
  /** Words acknowledged, by run, in the order in which they were sent. */
  readonly words: ReadonlyMap<string, readonly number[]>;
  /** Runs that failed because the outside was down, and were retried once it was healed. */
  readonly retried: ReadonlySet<string>;
};

export type Verdict = { readonly figures: Readonly<Record<string, number>>; readonly breaches: readonly string[] };

const wrongEnd = (job: Job, run: RunTruth): string | undefined => {
  const end = job.ending === "throws" ? "failed" : "completed";
  if (run.status !== end) return `is ${run.status}, and its program says ${end}: ${run.output}`;
  const output = decode(run.output);
  if (end === "completed" && output !== expectedOf(job)) return `answered ${String(output)} instead of ${expectedOf(job)}`;
  if (end === "failed" && !run.output?.includes("its program throws")) return `failed in another way: ${run.output}`;
  return undefined;
};

const wrongChild = (
  { status, output, orphan, cancel, end, parentEnd }: RunTruth,
  parent: Job | undefined,
): string | undefined => {
  if (parent && status === "completed" && decode(output) !== childResult(parent.n)) return `answered ${output} as a child`;
  if (status === "failed") return `failed as a child: ${output}`;
  if (orphan === "keep" && cancel !== null) return `was to be kept, and was asked to cancel: ${cancel}`;
  if (orphan === "cancel" && cancel === null && (end ?? Infinity) > (parentEnd ?? Infinity))
    return "was to end with its parent, and was not asked to";
  return undefined;
};

const byRun = <T extends { readonly run: string }>(all: readonly T[]): Map<string, T[]> => {
  const grouped = new Map<string, T[]>();
  for (const one of all) {
    const there = grouped.get(one.run);
    if (there) there.push(one);
    else grouped.set(one.run, [one]);
  }
  return grouped;
};

/** Words that a run took or that still wait for it, against those that were acknowledged to the client. */
const wrongWords = async (observer: Observer, records: readonly Written[], { words }: Acknowledged): Promise<string[]> => {
  const waiting = byRun((await observer.signals()).filter(({ taken }) => taken === 0));
  const taken = byRun(records.filter(({ kind }) => kind === "taken"));
  return [...words].flatMap(([run, said]) => {
    const heard = [...(taken.get(run) ?? []), ...(waiting.get(run) ?? [])].map(({ value }) => decode(value));
    return JSON.stringify(heard) === JSON.stringify(said)
      ? []
      : [`words: run ${run} heard ${heard.join()} and was sent ${said.join()}`];
  });
};

const undoable = /(^|\/)(first|part|own)(#\d+)?$/;

/** Steps that were done and not undone, or undone and not done, in runs that did not complete. */
const wrongUndo = (
  runs: readonly RunTruth[],
  records: readonly Written[],
  effects: readonly Effect[],
  { retried }: Acknowledged,
): string[] => {
  // A retry forgets what was undone, and does it anew.
  const undos = effects.filter(({ run, key }) => key.startsWith("undo:") && !retried.has(run));
  const began = new Set(undos.map(({ run, key }) => `${run} ${key.slice(5)}`));
  const histories = byRun(records);
  const wrong = runs.flatMap(({ id, status }) => {
    const keysOf = (kind: string): string[] =>
      (histories.get(id) ?? []).filter((record) => record.kind === kind).map(({ key }) => key ?? "");
    const done = status === "failed" || status === "cancelled" ? keysOf("step").filter((key) => undoable.test(key)) : [];
    const undone = keysOf("undone").map((key) => key.replace(/^undo:/, ""));
    for (const key of done) began.delete(`${id} ${key}`);
    const same = JSON.stringify(done.toSorted()) === JSON.stringify(undone.toSorted());
    return same ? [] : [`undo: run ${id} (${status}) did ${done.join()} and undid ${undone.join()}`];
  });
  return [...wrong, ...[...began].map((name) => `undo: ${name} was undone and never done`)];
};

/**
 * Functions that hung when their run was cancelled, and of which the history says so. A worker that died meanwhile knows nothing of its functions: only those
 * count that began under the lease under which their run ended.
 */
const hanging = (
  records: readonly Written[],
  effects: readonly Effect[],
): { readonly told: number; readonly untold: string[] } => {
  const ended = new Map(records.filter(({ kind }) => kind === "cancelled").map(({ run, lease }) => [run, lease]));
  const told = new Set(
    records
      .filter(({ kind, key, value }) => kind === "step-failed" && key === foreverKey && value?.includes("step_abandoned"))
      .map(({ run }) => run),
  );
  const began = effects.filter(({ what, key, run, lease }) => what === "began" && key === foreverKey && ended.get(run) === lease);
  const untold = began.filter(({ run }) => !told.has(run));
  return { told: told.size, untold: untold.map(({ run }) => `hangs: run ${run} does not say what became of its function`) };
};

/** Judges ends, results, children, words, undo and the rows of the shop. `isCancelled` tells the runs that may have ended so. */
export const judgeMix = async (
  observer: Observer,
  {
    records,
    effects,
    ledger,
  }: { readonly records: readonly Written[]; readonly effects: readonly Effect[]; readonly ledger: string },
  acknowledged: Acknowledged,
  isCancelled: (run: RunTruth) => boolean = () => false,
): Promise<Verdict> => {
  const runs = await observer.runs();
  const there = new Map(runs.map((run) => [run.id, run]));
  const lost = [...acknowledged.jobs.keys()].filter((id) => !there.has(id)).map((id) => `lost: run ${id} was acknowledged`);
  const wrong = runs.flatMap((run) => {
    const job = acknowledged.jobs.get(run.id);
    const isFine = job !== undefined && run.status === "cancelled" && isCancelled(run);
    const why = isFine ? undefined : job ? wrongEnd(job, run) : wrongChild(run, acknowledged.jobs.get(run.parent ?? ""));
    return why === undefined ? [] : [`wrong: run ${run.id} ${why}`];
  });
  const words = await wrongWords(observer, records, acknowledged);
  const undo = wrongUndo(runs, records, effects, acknowledged);
  const committed = records.filter(({ kind, key }) => kind === "step" && key === "row").map(({ run }) => `${run}/row`);
  const rows = (await observer.query<{ step: string }>("select step from torture_shop")).map(({ step }) => step);
  const shop =
    JSON.stringify(committed.toSorted()) === JSON.stringify(rows.toSorted())
      ? []
      : [`shop: ${rows.length} rows and ${committed.length} records`];
  const hung = hanging(records, effects);
  const sights = judgeSights(ledger);
  return {
    figures: {
      "failed, healed and retried": acknowledged.retried.size,
      "abandoned functions": hung.told,
      "abandoned without a word": hung.untold.length,
      ...sights.figures,
      lost: lost.length,
      "wrong result": wrong.length,
      "words lost, doubled or out of order": words.length,
      "wrong undo": undo.length,
      "rows not exactly once": shop.length,
    },
    breaches: [...sights.breaches, ...lost, ...wrong, ...words, ...undo, ...shop, ...hung.untold],
  };
};
