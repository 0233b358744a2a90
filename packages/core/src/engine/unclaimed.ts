/** Says of runs why none executes them, when no worker can: of those that are due, and of one that is started. */
import { whyUnclaimed } from "../model/unclaimed.ts";
import type { RunRow } from "../store/rows.ts";
import { nameOf } from "./definition.ts";
import { definitionOf, type Engine } from "./engine.ts";

/** When a workflow was looked at last, by the monotonic clock. */
const looked = new WeakMap<Engine, Map<string, number>>();

/** How often, in ms, a process that starts runs of a workflow looks whether a worker has it. */
const everySo = 60_000;

/** Warns at once of a start that no worker can execute as things stand. Looks at the workers once a minute for each workflow. */
export const warnUnclaimed = (engine: Engine, workflow: { readonly name: string; readonly version: number }): void => {
  if (engine.execute && definitionOf(engine, workflow.name, workflow.version) !== undefined) return;
  const there = looked.get(engine) ?? new Map<string, number>();
  looked.set(engine, there);
  const now = engine.clock.monotonic();
  const before = there.get(nameOf(workflow));
  if (before !== undefined && now - before < everySo) return;
  there.set(nameOf(workflow), now);
  engine.store.workers.list().then(
    (workers) => {
      const message = whyUnclaimed(workflow, workers);
      if (message !== undefined && !engine.closing) engine.logger.warn({ workflow: workflow.name }, message);
    },
    (error: unknown) => engine.logger.debug({ workflow: workflow.name, err: error }, "workers could not be looked at"),
  );
};

const isDue = (run: RunRow, now: number): boolean =>
  run.worker === null && run.wakeAt !== null && run.wakeAt <= now && run.reason === null;

/** The runs, with a reason for those that no worker can execute. The workers are looked at only when a run is due. */
export const withReasons = async (engine: Engine, runs: readonly RunRow[]): Promise<readonly RunRow[]> => {
  const now = engine.clock.now();
  if (!runs.some((run) => isDue(run, now))) return runs;
  const workers = await engine.store.workers.list();
  return runs.map((run) => {
    if (!isDue(run, now)) return run;
    const message = whyUnclaimed({ name: run.workflow, version: run.version }, workers);
    return message === undefined ? run : { ...run, reason: { code: "no_worker", message } };
  });
};
