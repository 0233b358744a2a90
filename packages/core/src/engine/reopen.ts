/** Going on with a run that is at its end, together with the children that ended because of it. */
import { decode } from "../model/codec.ts";
import type { Failure } from "../model/failure.ts";
import * as Fault from "../model/fault.ts";
import type { Row } from "../model/records.ts";
import { failedUndos, reopening, type Plan } from "../model/reopen.ts";
import { returned } from "../model/returned.ts";
import { isEnd } from "../model/states.ts";
import type { GoingOn, Reopening, RunRow } from "../store/rows.ts";
import type { Engine } from "./engine.ts";
import { descendants } from "./family.ts";
import { endOf } from "./result.ts";
import { readHistory } from "./read.ts";

/** How often a run is read anew when another process has moved it, or a child of it, in between. */
const mostReads = 10;

/** Reopens a failed or cancelled run with its children. False when it is not at such an end. Throws `wrong_state` for a child that is still being cancelled. */
export const reopen = async (engine: Engine, key: number): Promise<boolean> => {
  for (let read = 0; read < mostReads; read++) {
    const run = await engine.store.runs.byKey(key);
    if (!run || !isEnd(run.status) || run.status === "completed") return false;
    const wanted = await goOn(engine, run);
    if (await engine.store.runs.reopen(wanted, engine.clock.now())) return true;
  }
  throw Fault.make(
    "wrong_state",
    "The run or a child of it is being changed by others all the while. Nothing was retried; try again.",
    {
      key,
    },
  );
};

/** What lets a run go on, and the children that are to go on with it. */
export const goOn = async (engine: Engine, run: RunRow): Promise<readonly GoingOn[]> => {
  const rows = await readHistory(engine, run.key);
  const undos = new Set(failedUndos(rows).flatMap((row) => row.key ?? []));
  if (undos.size > 0) return [undoAgain(engine, run, rows, undos)];
  const last = rows.at(-1);
  const plan = reopening(
    rows.filter(({ kind }) => kind !== "redo"),
    last ? endOf(last).failure : null,
    (row) => decode(row.value) as Failure,
  );
  sayIfNothing(engine, run, rows, plan);
  const undoRounds = rows.filter((row) => row.kind === "redo" && row.key?.startsWith("undo:"));
  const own: Reopening = {
    kind: "reopen",
    lease: { run: run.key, number: run.lease },
    drop: [...plan.drop, ...seqsOf(undoRounds)],
    add: [...plan.loose, ...anew(rows, plan.redo, engine.clock.now())],
    back: await messagesOf(engine, run, rows, plan),
  };
  return [own, ...(await descendants(engine, run, { rows, plan }, goOn))];
};

/** Only the undos that failed are tried again: the run itself is at its end. */
const undoAgain = (engine: Engine, run: RunRow, rows: readonly Row[], undos: ReadonlySet<string>): Reopening => ({
  kind: "reopen",
  lease: { run: run.key, number: run.lease },
  drop: seqsOf(rows.filter((row) => row.kind === run.status || (row.kind !== "redo" && undos.has(row.key ?? "")))),
  add: anew(rows, [...undos], engine.clock.now()),
  back: [],
});

/** The messages that records took which are forgotten. */
const messagesOf = async (engine: Engine, run: RunRow, rows: readonly Row[], plan: Plan): Promise<Reopening["back"]> => {
  const [dropped, kept] = [new Set(plan.drop), new Set(seqsOf(plan.loose))];
  const forgotten = rows.filter(({ kind, seq }) => kind === "taken" && dropped.has(seq) && !kept.has(seq));
  if (forgotten.length === 0) return [];
  return returned(forgotten, rows, await engine.store.signals.taken(run.key));
};

/** A retry that tries nothing again runs the end of the body once more. Whoever wanted more is told why. */
const sayIfNothing = (engine: Engine, run: RunRow, rows: readonly Row[], { retried, redo }: Plan): void => {
  const failed = rows.flatMap(({ kind, key }) => (kind === "step-failed" || kind === "call-failed" ? [key ?? ""] : []));
  if (run.status !== "failed" || retried.length > 0 || redo.length > 0 || failed.length === 0) return;
  engine.logger.warn(
    { run: run.id, workflow: run.workflow, steps: failed },
    `Run ${run.id} is retried, and no failed step of it is tried again: its body went on after each and ended by another error. To have a step tried again, throw its error or one that holds it (cause, errors), or use Run.fork.`,
  );
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
