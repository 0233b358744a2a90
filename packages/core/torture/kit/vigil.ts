/** Watches over a suite: asks every second whether a run is stuck, and waits until all runs are at their end. */
import { Runtime } from "../../src/index.ts";
import type { Observer } from "./observer.ts";

export type Vigil = {
  /** What was found stuck, each once. */
  readonly stuck: ReadonlySet<string>;
  readonly end: () => Promise<void>;
};

/** Begins to ask "is a run stuck?", which nobody may ever answer with yes. */
export const keepVigil = (client: Runtime.Runtime): Vigil => {
  const stuck = new Set<string>();
  const state = { over: false };
  const look = async (): Promise<void> => {
    for (const { id, status, why } of await Runtime.check(client)) stuck.add(`stuck: run ${id} (${status}): ${why}`);
  };
  const looking = (async () => {
    while (!state.over) {
      await look();
      await Bun.sleep(1_000);
    }
  })();
  return {
    stuck,
    end: async () => {
      state.over = true;
      await looking;
      await look();
    },
  };
};

/**
 * Waits until every run is at its end. Gives up only when nothing at all has moved for a minute: that depends on no speed. Answers with
 * the runs that stand still.
 */
export const allEnded = async (observer: Observer, still = 60_000): Promise<string[]> => {
  let [seen, movedAt] = ["", performance.now()];
  while (observer.open() > 0) {
    const now = JSON.stringify(
      observer.query("select count(*) as records, (select count(*) from torture_leases) as leases from holdfast_history"),
    );
    if (now !== seen) [seen, movedAt] = [now, performance.now()];
    if (performance.now() - movedAt > still)
      return observer.openRuns().map(({ id, status }) => `run ${id} is ${status} and nothing has moved for ${still / 1_000} s`);
    await Bun.sleep(50);
  }
  return [];
};
