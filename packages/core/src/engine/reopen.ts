/** Going on with a run that is at its end, and beginning another from its middle. */
import { decode } from "../model/codec.ts";
import type { Failure } from "../model/failure.ts";
import * as Fault from "../model/fault.ts";
import type { Row } from "../model/records.ts";
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
  const undos = failedUndos(rows);
  if (undos.length > 0) {
    const ends = rows.filter(({ kind }) => kind === run.status);
    return engine.store.runs.reopen(lease, [...undos, ...ends].map(({ seq }) => seq), [], now);
  }
  const last = rows.at(-1);
  const { drop, redo } = reopening(rows, last ? endOf(last).failure : null, (row) => decode(row.value) as Failure);
  const seq = last?.seq ?? 0;
  const rounds = rows.filter(({ kind }) => kind === "redo");
  const notes = redo.map((step, index): Row => {
    const round = rounds.filter((row) => row.key === step).length + 1;
    return { seq: seq + 1 + index, kind: "redo", key: step, value: null, attempt: round, issued: 0, due: null, at: now };
  });
  return engine.store.runs.reopen(lease, drop, notes, now);
};

/** A new run with the records before a step. Answers with its key. */
export const fork = async (engine: Engine, run: RunRow, { from, id }: { readonly from: string; readonly id: string }): Promise<number> => {
  const rows = await readHistory(engine, run.key);
  const kept = forkRows(rows, from);
  if (!kept) {
    throw Fault.make("invalid_option", `Run ${run.id} has no step "${from}" to fork from. Run.history shows the keys of its steps.`, { run: run.id, from });
  }
  const at = engine.clock.now();
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
      deadline: null,
      tags: await engine.store.runs.tags(run.key),
    },
    kept,
  );
  if (started.kind === "existing") throw Fault.make("run_conflict", `There is a run with the id "${id}" already. Fork to another id.`, { run: id });
  return started.key;
};
