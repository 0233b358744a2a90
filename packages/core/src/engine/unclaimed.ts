/** Says of runs that are due why nobody executes them, when no worker can. */
import { whyUnclaimed } from "../model/unclaimed.ts";
import type { RunRow } from "../store/rows.ts";
import type { Engine } from "./engine.ts";

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
