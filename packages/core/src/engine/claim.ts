/** Taking due runs, and bringing them into memory: hot ones go on where they rested, cold ones replay. */
import type { Row, RunRow } from "../store/rows.ts";
import * as Fault from "../model/fault.ts";
import { progressOf } from "../model/progress.ts";
import { countUpTo, shareOf } from "../model/share.ts";
import { drop } from "./drop.ts";
import { definitionOf, enter, room, type Engine } from "./engine.ts";
import { createExecution, type Execution } from "./execution.ts";
import { attend } from "./mailbox.ts";
import { putAside } from "./park.ts";
import { readHistories } from "./read.ts";
import { partsOf } from "./parts.ts";
import { headStart, suspectAt } from "./settings.ts";
import { wake } from "./wake.ts";
import { tellWatchers } from "./watched.ts";

/** When more will be due, and how many runs were taken. */
export type Claimed = { readonly due: number | undefined; readonly took: number };

/** Claims what is due, as far as there is room; beside others that have room too a part of it. */
export const claimDue = async (engine: Engine): Promise<Claimed> => {
  for (let took = 0; ;) {
    const free = room(engine);
    const peers = engine.peers.length;
    const next = await engine.store.runs.nextDue(engine.known, engine.clock.now(), countUpTo(free, peers));
    const now = engine.clock.now();
    const ready = next.filter(({ wakeAt }) => wakeAt <= now);
    const due = next.length === 0 ? undefined : Math.min(...next.map(({ wakeAt }) => wakeAt));
    if (free <= 0 || ready.length === 0 || (peers > 0 && took > 0)) return { due, took };
    const count = ready.reduce((sum, each) => sum + each.count, 0);
    const { parts, each } = await partsOf(engine, ready, shareOf(free, count, { peers, places: engine.settings.concurrency }));
    const unfit = [...engine.unfit];
    const runs = await engine.store.runs.claim({ worker: engine.worker, parts, now, each, headStart, suspectAt, unfit });
    await takeAll(engine, runs);
    took += runs.length;
    if (runs.length === 0) return { due, took };
  }
};

/** True when the answer came so late that the run counted as lost, or its worker as dead: others may have it by now. */
export const isLost = ({ givenBack, worker }: Engine, run: Pick<RunRow, "key" | "lease" | "worker">): boolean =>
  run.worker !== worker || (givenBack.get(run.key) ?? 0) >= run.lease;

const takeAll = async (engine: Engine, runs: readonly RunRow[]): Promise<void> => {
  const cold = runs.filter((run) => !isLost(engine, run) && !contained(engine, run, () => wentOn(engine, run)));
  if (cold.length === 0) return;
  const histories = await readHistories(
    engine,
    cold.map(({ key }) => key),
  );
  for (const [index, run] of cold.entries()) contained(engine, run, () => replay(engine, run, histories[index] ?? []));
};

/** A run that cannot be brought into memory (a damaged record) must not keep out those claimed with it: it is put aside, with the reason. */
const contained = <T>(engine: Engine, run: RunRow, work: () => T): T | undefined => {
  try {
    return work();
  } catch (error) {
    const message = `Run ${run.id} cannot go on: ${error instanceof Error ? error.message : String(error)}`;
    engine.logger.error({ run: run.id, err: error }, message);
    engine.unfit.add(run.key);
    const reason = { code: Fault.is(error) ? error.code : "invalid_value", message };
    const rest = { status: "blocked", wakeAt: null, mail: run.mail, reason, home: false, now: engine.clock.now() } as const;
    engine.store.runs
      .rest({ run: run.key, number: run.lease }, rest)
      .then(() => tellWatchers(engine, run.key))
      .catch((failure: unknown) =>
        engine.logger.error({ run: run.id, err: failure }, "a run that cannot go on could not be put aside"),
      );
    return undefined;
  }
};

/** True for a run that is hot: it goes on where it rested. */
const wentOn = (engine: Engine, run: RunRow): boolean => {
  const stale = engine.executing.get(run.key);
  if (stale) drop(stale, "lease_lost");
  const hot = engine.hot.get(run.key);
  engine.hot.delete(run.key);
  if (hot?.phase !== "parked" || hot.lease !== run.lease - 1) return false;
  goOn(hot, run);
  return true;
};

const replay = (engine: Engine, run: RunRow, rows: readonly Row[]): void => {
  const definition = definitionOf(engine, run.workflow, run.version);
  if (!definition) return;
  if (isLost(engine, run)) return;
  // One body for a run, whatever a claim answers.
  if (engine.executing.get(run.key)?.lease === run.lease) return;
  const execution = createExecution(engine, definition, run, rows);
  enter(engine, execution);
  if (run.strikes > engine.settings.crashes) return quarantine(execution, rows);
  adopt(execution, run);
};

/** Puts a run to work that is already ours: a claimed one, or one that was started here. */
export const adopt = (execution: Execution, run: RunRow): void => {
  enter(execution.engine, execution);
  attend(execution, run);
  wake(execution);
};

const goOn = (hot: Execution, run: RunRow): void => {
  const { engine } = hot;
  engine.hot.delete(run.key);
  hot.lease = run.lease;
  hot.strikes = run.strikes;
  hot.phase = "executing";
  enter(engine, hot);
  attend(hot, run);
};

/** A run that ended its process time and again is put aside before it does so once more. */
const quarantine = (execution: Execution, rows: readonly Row[]): void => {
  const { crashes } = execution.engine.settings;
  // A suspect says which step it is about to try: those of them that have no result were under way.
  const steps = progressOf(rows).pending.flatMap(({ key, kind }) => (kind === "running" ? [key] : []));
  const where = steps.length === 0 ? "" : ` in step ${steps.map((key) => `"${key}"`).join(" or ")}`;
  putAside(execution, "paused", {
    code: "quarantined",
    message: `Run ${execution.id} was put aside: its process died ${crashes} times in a row${where}, and the run got no further.
Mend the step, then Run.resume the run, or cancel it.`,
    step: steps.at(-1) ?? null,
    ...(steps.length > 1 ? { steps } : {}),
    crashes,
  });
};
