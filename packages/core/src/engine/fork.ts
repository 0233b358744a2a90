/** Beginning another run from the middle of one. */
import * as Fault from "../model/fault.ts";
import { forkedText } from "../model/places.ts";
import { isResult, type Row } from "../model/records.ts";
import { forkRows } from "../model/reopen.ts";
import type { RunRow } from "../store/rows.ts";
import type { Engine } from "./engine.ts";
import { readHistory } from "./read.ts";

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
