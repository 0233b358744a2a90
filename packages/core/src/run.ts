/** Run: a handle on one execution of a workflow, and everything one may ask of it. */
import { createHandle, keyOfRun, reachOf, rowOfRun, type Handle } from "./engine/handle.ts";
import { iterate } from "./engine/iterate.ts";
import { signalOption } from "./engine/limit.ts";
import { refresh } from "./engine/mailbox.ts";
import { endOf, resultOf } from "./engine/result.ts";
import { withReasons } from "./engine/unclaimed.ts";
import { changesOf, type RunChange } from "./engine/watch.ts";
import { fork as forkRun } from "./engine/fork.ts";
import { reopen } from "./engine/reopen.ts";
import { engineOf, type Runtime } from "./engine/opened.ts";
import type { Engine } from "./engine/engine.ts";
import { readHistory } from "./engine/read.ts";
import { decode } from "./model/codec.ts";
import { milliseconds, type Duration } from "./model/duration.ts";
import type { Failure } from "./model/failure.ts";
import * as Fault from "./model/fault.ts";
import { assertRunId } from "./model/ids.ts";
import { createCheck } from "./model/known.ts";
import { progressOf, type Progress } from "./model/progress.ts";
import { summary, type Summary } from "./list.ts";
import { withoutRecalled, type RecordKind } from "./model/records.ts";
import { isEnd, type Status } from "./model/states.ts";
import type { Row, RunRow } from "./store/rows.ts";

export { list, type Filter, type Page, type Summary } from "./list.ts";
export type { Handle } from "./engine/handle.ts";
export type { Failure } from "./model/failure.ts";
export type { Pending, Progress } from "./model/progress.ts";
export type { Status } from "./model/states.ts";

/** A handle on the run with this id, whether it exists or not. With the workflow, results are typed. */
export const of = <Output = unknown>(
  runtime: Runtime,
  id: string,
  workflow?: { readonly name: string; readonly types?: { readonly output: Output } },
): Handle<Output> => {
  assertRunId(id);
  return createHandle({ engine: engineOf(runtime), id, key: undefined }, workflow?.name, "found");
};

/** A run with all that is known of it. */
export type View<Output = unknown> = Summary & {
  readonly input: unknown;
  readonly output: Output | undefined;
  readonly failure: Failure | null;
  /** Steps whose undo failed: `Run.retry` tries them again. */
  readonly undo: readonly { readonly key: string; readonly failure: Failure }[];
  /** Steps whose function did not stop in its grace: the run went on without it, and whether its effect happened is not known. */
  readonly abandoned?: readonly string[];
  readonly progress: Progress;
  readonly tags: readonly string[];
  /** The run that started this one as a child. */
  readonly parent: string | null;
};

const abandonedIn = (rows: readonly Row[]): Pick<View, "abandoned"> => {
  const abandoned = rows.flatMap(({ kind, key, value }) => {
    if (kind !== "step-failed" || key === null || !value?.includes("step_abandoned")) return [];
    return (decode(value) as Failure).code === "step_abandoned" ? [key] : [];
  });
  return abandoned.length === 0 ? {} : { abandoned };
};

/** When the run itself is due next: a worker also looks again, for safety, at runs that have left memory a short while ago. */
const ownWake = ({ clock }: Engine, { status, wakeAt, deadline }: RunRow, { pending }: Progress): number | null => {
  if (status !== "waiting" || wakeAt === null || wakeAt <= clock.now()) return wakeAt;
  const moments = [deadline, ...pending.map(({ until }) => until)].filter((moment) => moment !== null);
  return moments.length === 0 ? null : Math.min(...moments);
};

/** Everything about a run now. Throws `run_not_found`. */
export const get = async <Output>(run: Handle<Output>): Promise<View<Output>> => {
  const { engine } = reachOf(run);
  const row = await rowOfRun(reachOf(run));
  const [shown = row] = await withReasons(engine, [row]);
  const rows = await readHistory(engine, row.key);
  const last = rows.at(-1);
  const progress = progressOf(rows);
  const end = last && isEnd(row.status) && row.status !== "completed" ? endOf(last) : undefined;
  return {
    ...summary(shown),
    wakeAt: ownWake(engine, row, progress),
    input: decode(rows[0]?.value ?? null),
    output: row.status === "completed" && last ? (decode(last.value) as Output) : undefined,
    failure: end?.failure ?? null,
    undo: end?.undo ?? [],
    ...abandonedIn(rows),
    progress,
    tags: await engine.store.runs.tags(row.key),
    parent: row.parent === null ? null : ((await engine.store.runs.byKey(row.parent))?.id ?? null),
  };
};

/** A record of a history. `value` is what a step answered, a failure, or what was waited for; `due` and `at` are ms since 1970. */
export type Record = {
  readonly seq: number;
  readonly kind: RecordKind;
  readonly key: string | null;
  readonly value: unknown;
  readonly attempt: number | null;
  readonly due: number | null;
  readonly at: number;
};

/** The first record keeps there by which rules the history is written. */
const shownAttempt = (kind: RecordKind, attempt: number | null): number | null => (kind === "started" ? null : attempt);

/** All records of a run, in the order in which they were committed. Throws `run_not_found`. */
export const history = async (run: Handle): Promise<readonly Record[]> => {
  const rows = await readHistory(reachOf(run).engine, await keyOfRun(reachOf(run)));
  return withoutRecalled(rows).map(({ seq, kind, key, value, attempt, due, at }) => ({
    seq,
    kind,
    key,
    value: decode(value),
    attempt: shownAttempt(kind, attempt),
    due,
    at,
  }));
};

export type ResultOptions = {
  /** Gives up waiting this long after the call, with `result_timeout`. The run goes on. */
  readonly timeout?: Duration | undefined;
  /** Gives up waiting when it aborts, with the signal's reason. The run goes on. */
  readonly signal?: AbortSignal | undefined;
};

const checkResult = createCheck<ResultOptions>("Run.result", { timeout: true, signal: true });

/**
 * Waits for the end of a run and answers with its output. Throws `run_failed` (the run's own error as its cause), `run_cancelled`,
 * `run_not_found`, `result_timeout`, and `runtime_closed` when this runtime is closed first.
 */
export const result = async <Output>(run: Handle<Output>, options: ResultOptions = {}): Promise<Output> => {
  const reach = reachOf(run);
  checkResult(options, run.id);
  const timeout = options.timeout === undefined ? undefined : milliseconds(options.timeout, "timeout of Run.result");
  const signal = signalOption(options.signal, "Run.result");
  return (await resultOf(reach, { timeout, signal })) as Output;
};

/** What the body published last, or undefined. Throws `run_not_found`. */
export const state = async <State = unknown>(run: Handle): Promise<State | undefined> => {
  const published = await reachOf(run).engine.store.states.read(await keyOfRun(reachOf(run)));
  return (published === undefined ? undefined : decode(published.value)) as State | undefined;
};

/** What happens in a run: each record once, in order, and its state whenever that is another one. */
export type Change = { readonly kind: "record"; readonly record: Record } | { readonly kind: "status"; readonly status: Status };

export type WatchOptions = {
  /** Begins with the record after this seq. Default: with the first. */
  readonly after?: number | undefined;
  /** Ends the iteration, without an error, when it aborts. In a request handler: `request.signal`. */
  readonly signal?: AbortSignal | undefined;
};

const checkWatch = createCheck<WatchOptions>("Run.watch", { after: true, signal: true });

/**
 * Follows a run, from its first record or from `after` on, until it has ended. `break`, `return()` and the signal end it at once, also while it waits.
 * A generator around it cannot be ended while it waits: give it the `signal` of its reader. Nothing is read while the run does not change, or its
 * reader does not ask.
 *
 * Throws `invalid_option`. The iteration rejects with `run_not_found`, and with `runtime_closed` when this runtime is closed first.
 */
export const watch = (run: Handle, options: WatchOptions = {}): AsyncGenerator<Change, void, undefined> => {
  const reach = reachOf(run);
  checkWatch(options, run.id);
  const { after = -1 } = options;
  if (!Number.isInteger(after))
    throw Fault.make("invalid_option", `The option after of Run.watch is ${String(after)}; it takes the seq of a record.`, {
      option: "after",
    });
  const changes = changesOf(reach, after, signalOption(options.signal, "Run.watch"));
  return iterate({ ...changes, next: async () => changeOf(await changes.next()) });
};

const changeOf = (change: RunChange | undefined): Change | undefined => {
  if (change === undefined || change.kind === "status") return change;
  const { seq, kind, key, value, attempt, due, at } = change.row;
  return { kind: "record", record: { seq, kind, key, value: decode(value), attempt: shownAttempt(kind, attempt), due, at } };
};

const refuse = async (run: Handle, what: string): Promise<never> => {
  const { status } = await rowOfRun(reachOf(run));
  throw refusal(run, status, what);
};

const refusal = ({ id }: Handle, status: Status, what: string): Fault.Fault =>
  Fault.make(isEnd(status) ? "run_ended" : "wrong_state", `Run ${id} is ${status} and cannot be ${what}.`, { run: id, status });

/** A reason is shown to people, in lists too. */
const longestReason = 10_000;

const reasonOf = (reason: string, run: Handle): string => {
  if (typeof reason === "string" && reason.length <= longestReason) return reason.toWellFormed();
  const given = typeof reason === "string" ? `has ${reason.length} characters` : `is of type ${typeof reason}`;
  throw Fault.make(
    "invalid_option",
    `The reason for the cancel of run ${run.id} ${given}; it takes a text of up to ${longestReason}.`,
    { run: run.id },
  );
};

/**
 * Asks a run to stop. Resolves once the wish is durable. Its functions get their abort at once, its body a rejection where it
 * waits, then its steps are undone; `Run.result` tells the end. Throws `run_not_found`, `run_ended`, and `invalid_option` for a reason
 * of more than 10,000 characters.
 */
export const cancel = async (run: Handle, reason = "cancelled by request"): Promise<void> => {
  const { engine } = reachOf(run);
  const key = await keyOfRun(reachOf(run));
  const why = reasonOf(reason, run);
  // Only a run that has ended refuses. When a retry comes between the refusal and the look at the run, it is asked again.
  while (!(await engine.store.runs.cancel(key, why, engine.clock.now()))) {
    const { status } = await rowOfRun(reachOf(run));
    if (isEnd(status)) throw refusal(run, status, "cancelled");
  }
  await refresh(engine, key);
};

/** Stops a run from going on: steps under way finish, then it rests until `resume`. Throws `run_not_found` and `run_ended`. */
export const pause = async (run: Handle): Promise<void> => {
  const { engine } = reachOf(run);
  const key = await keyOfRun(reachOf(run));
  if (!(await engine.store.runs.pause(key))) return refuse(run, "paused");
  await refresh(engine, key);
};

/** Lets a paused, blocked or quarantined run go on. Throws `run_not_found`, `run_ended`, and `wrong_state` when it is none of them. */
export const resume = async (run: Handle): Promise<void> => {
  const { engine } = reachOf(run);
  const key = await keyOfRun(reachOf(run));
  if (!(await engine.store.runs.resume(key, engine.clock.now()))) return refuse(run, "resumed");
  await refresh(engine, key);
};

/**
 * Lets a failed or cancelled run go on from where it failed. Recorded results stay. Every failed step and child that the end may have come from
 * is tried again, steps that were undone are done anew, children that ended with the run go on, and messages that are taken anew are in the
 * mailbox again. When no failed step qualifies, the end of the body runs again. When an undo had failed, only the undoing is tried again.
 * One transaction: a crash leaves all of it or nothing. Throws `run_not_found`, `run_ended` when it completed, and `wrong_state` when it is not at
 * its end, or when a child is still being cancelled after 10 s.
 */
export const retry = async (run: Handle): Promise<void> => {
  const { engine } = reachOf(run);
  const key = await keyOfRun(reachOf(run));
  if (!(await reopen(engine, key))) return refuse(run, "retried");
  engine.poke();
};

const checkFork = createCheck<{ readonly from: string; readonly id?: string }>("Run.fork", { from: true, id: true });

/**
 * Starts a new run of the same workflow with the same input, that has everything recorded before the step `from`. Throws
 * `run_not_found`, `invalid_option` when the run has no such step, and `run_conflict` when the id is taken.
 */
export const fork = async <Output>(
  run: Handle<Output>,
  options: { readonly from: string; readonly id?: string },
): Promise<Handle<Output>> => {
  const reach = reachOf(run);
  checkFork(options, run.id);
  const id = options.id ?? Bun.randomUUIDv7();
  assertRunId(id);
  const row = await rowOfRun(reach);
  const { engine } = reach;
  const key = await forkRun(engine, row, { from: options.from, id });
  engine.poke();
  return createHandle({ engine, id, key }, row.workflow, "created");
};
