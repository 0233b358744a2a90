/** The children that go on with their parent: those that its end has cancelled, and those whose failure it is tried again from. */
import { decode } from "../model/codec.ts";
import * as Fault from "../model/fault.ts";
import { isResult, type Row } from "../model/records.ts";
import type { Plan } from "../model/reopen.ts";
import { isEnd, open } from "../model/states.ts";
import type { GoingOn, RunRow } from "../store/rows.ts";
import type { Engine } from "./engine.ts";
import { readHistory } from "./read.ts";
import { resultOf } from "./result.ts";
import { page } from "./settings.ts";

type Known = { readonly rows: readonly Row[]; readonly plan: Plan };
type GoOn = (engine: Engine, run: RunRow) => Promise<readonly GoingOn[]>;

/** How long, in ms, a retry waits for a child that is being cancelled. */
const patience = 10_000;

/** What lets the children of a run go on with it, theirs too. Throws `wrong_state` for one that is still being cancelled. */
export const descendants = async (engine: Engine, parent: RunRow, known: Known, goOn: GoOn): Promise<readonly GoingOn[]> => {
  const isAwaited = awaitedIn(known);
  const isStarted = startedIn(known);
  if (!known.rows.some(({ kind }) => isOfChild(kind))) return [];
  const wanted: GoingOn[] = [];
  for (const child of await unfinished(engine, parent.key)) {
    if (!(child.parentKey === null ? isStarted(child) : isAwaited(child))) continue;
    if (isEnd(child.status)) wanted.push(...(await goOn(engine, child)));
    else wanted.push(...(await stopCancel(engine, child, goOn)));
  }
  return wanted;
};

const isOfChild = (kind: Row["kind"]): boolean => kind === "calling" || kind === "spawning" || kind === "spawned";

/** A child that the body waits for again, and that has nothing to say but that its parent had ended, or that it failed. */
const awaitedIn = ({ rows, plan }: Known): ((child: RunRow) => boolean) => {
  const [dropped, kept] = [new Set(plan.drop), new Set(plan.loose.map(({ seq }) => seq))];
  const answered = new Set(
    rows.filter(({ kind, seq }) => isResult(kind) && (!dropped.has(seq) || kept.has(seq))).map(({ key }) => key),
  );
  const asked = new Set(plan.asked.map(({ key }) => key));
  return (child) =>
    asked.has(child.parentKey) && !answered.has(child.parentKey) && (child.status === "failed" || child.orphan === "cancelled");
};

/** A child that goes its own way, unless the end of its parent stopped it. */
const startedIn = ({ rows, plan }: Known): ((child: RunRow) => boolean) => {
  const asked = new Set(plan.asked);
  const ids = new Set(
    rows.flatMap((row) => (row.kind === "spawned" || (row.kind === "spawning" && asked.has(row)) ? [decode(row.value)] : [])),
  );
  return (child) => child.orphan === "cancelled" && ids.has(child.id) && child.status !== "failed";
};

/** The children of a run that did not complete. */
const unfinished = async (engine: Engine, parent: number): Promise<readonly RunRow[]> => {
  const found: RunRow[] = [];
  for (;;) {
    const more = await engine.store.runs.list({
      workflow: undefined,
      statuses: [...open, "failed", "cancelled"],
      tag: undefined,
      parent,
      from: undefined,
      until: undefined,
      before: found.at(-1)?.key,
      limit: page,
    });
    found.push(...more);
    if (more.length < page) return found;
  }
};

/** A child that has not begun to cancel is asked no more. One that has is waited for, and goes on from its end. */
const stopCancel = async (engine: Engine, child: RunRow, goOn: GoOn): Promise<readonly GoingOn[]> => {
  const begun = child.worker !== null || (await readHistory(engine, child.key)).some(({ kind }) => kind === "cancel");
  if (!begun) return [{ kind: "spare", lease: { run: child.key, number: child.lease } }];
  await ended(engine, child);
  const row = await engine.store.runs.byKey(child.key);
  return row?.status === "cancelled" && row.orphan === "cancelled" ? goOn(engine, row) : [];
};

const ended = async (engine: Engine, { id, key }: RunRow): Promise<void> => {
  try {
    await resultOf({ engine, id, key }, { timeout: patience, signal: undefined });
  } catch (error) {
    if (Fault.is(error, "run_cancelled") || Fault.is(error, "run_failed")) return;
    if (!Fault.is(error, "result_timeout")) throw error;
    throw Fault.make(
      "wrong_state",
      `Child ${id} is still being cancelled, because its parent had ended. Nothing was retried; retry the parent once the child has ended.`,
      { child: id },
      { cause: error },
    );
  }
};
