/** Going on with a run that is at its end, and beginning another from its middle. */
import { decode } from "../model/codec.ts";
import type { Failure } from "../model/failure.ts";
import * as Fault from "../model/fault.ts";
import { forkedText } from "../model/places.ts";
import { isResult, type Row } from "../model/records.ts";
import { failedUndos, forkRows, reopening } from "../model/reopen.ts";
import { isEnd } from "../model/states.ts";
import type { RunRow } from "../store/rows.ts";
import { endOf } from "./result.ts";
import type { Engine } from "./engine.ts";
import { readHistory } from "./read.ts";

/** Reopens a failed or cancelled run. False when it is not at such an end. */
export const reopen = async (engine: Engine, key: number): Promise<boolean> => {
  const run = await engine.store.runs.byKey(key);
  if (!run || !isEnd(run.status) || run.status === "completed") return false;
  const rows = await readHistory(engine, key);
  const now = engine.clock.now();
  const lease = { run: key, number: run.lease };
  const undos = new Set(failedUndos(rows).flatMap((row) => row.key ?? []));
  if (undos.size > 0) {
    const drop = rows.filter((row) => row.kind === run.status || (row.kind !== "redo" && undos.has(row.key ?? "")));
    return engine.store.runs.reopen(lease, seqsOf(drop), anew(rows, [...undos], now), now);
  }
  const last = rows.at(-1);
  const { drop, redo } = reopening(
    rows.filter(({ kind }) => kind !== "redo"),
    last ? endOf(last).failure : null,
    (row) => decode(row.value) as Failure,
  );
  const undoRounds = rows.filter((row) => row.kind === "redo" && row.key?.startsWith("undo:"));
  return engine.store.runs.reopen(lease, [...drop, ...seqsOf(undoRounds)], anew(rows, redo, now), now);
};

const seqsOf = (rows: readonly Row[]): number[] => rows.map(({ seq }) => seq);

/** Notes that steps and undos are done anew, and for which time. */
const anew = (rows: readonly Row[], keys: readonly string[], at: number): Row[] => {
  const last = rows.at(-1)?.seq ?? 0;
  const rounds = rows.filter(({ kind }) => kind === "redo");
  return keys.map((key, index) => {
    const round = rounds.filter((row) => row.key === key).length + 1;
    return { seq: last + 1 + index, kind: "redo", key, value: null, attempt: round, issued: 0, due: null, at };
  });
};

/** A new run with the records before a step. Answers with its key. */
export const fork = async (
  engine: Engine,
  run: RunRow,
  { from, id }: { readonly from: string; readonly id: string },
): Promise<number> => {
  const rows = await readHistory(engine, run.key);
  const kept = forkRows(rows, from);
  if (!kept) {
    throw Fault.make(
      "invalid_option",
      `Run ${run.id} has no step "${from}" to fork from. Run.history shows the keys of its steps.`,
      { run: run.id, from },
    );
  }
  const at = engine.clock.now();
  const copied = withoutOpenChildren(kept);
  const seq = (copied.at(-1)?.seq ?? 0) + 1;
  const value = forkedText(run, rows);
  const forked: Row = { seq, kind: "forked", key: null, value, attempt: null, issued: 0, due: null, at };
  const started = await engine.store.runs.fork(
    {
      id,
      workflow: run.workflow,
      version: run.version,
      input: rows[0]?.value ?? null,
      at,
      worker: null,
      wakeAt: at,
      parent: null,
      parentKey: null,
      orphan: null,
      correlation: run.correlation ?? run.id,
      tenant: run.tenant,
      deadline: run.deadline === null ? null : at + run.deadline - run.createdAt,
      tags: await engine.store.runs.tags(run.key),
    },
    [...copied, forked],
  );
  if (started.kind === "existing")
    throw Fault.make("run_conflict", `There is a run with the id "${id}" already. Fork to another id.`, { run: id });
  return started.key;
};

/** A child tells its end to the run that called it: what had no answer yet is called anew by the fork. */
const withoutOpenChildren = (rows: readonly Row[]): Row[] => {
  const answered = new Set(rows.filter(({ kind }) => isResult(kind)).map(({ key }) => key));
  return rows.filter(({ kind, key }) => !(kind === "calling" || kind === "spawning") || answered.has(key));
};
