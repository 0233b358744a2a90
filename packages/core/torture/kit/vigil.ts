/** Watches over a suite: asks every second whether a run is stuck, and waits until all runs are at their end. */
import { Fault, Runtime } from "../../src/index.ts";
import { openStore } from "../../src/store/open.ts";
import type { Observer } from "./observer.ts";
import type { Place } from "./place.ts";

export type Vigil = {
  /** What was found stuck, each once. */
  readonly stuck: ReadonlySet<string>;
  readonly end: () => Promise<void>;
};

/** Begins to ask "is a run stuck?", which nobody may ever answer with yes. */
export const keepVigil = (client: Runtime.Runtime, observer: Observer): Vigil =>
  askEverySecond(async () => [...(await Runtime.check(client)), ...(await observer.overlooked())]);

/** The same of a place, without being one of the processes that look after each other there. */
export const keepVigilOver = async ({ url }: Place): Promise<Vigil> => {
  const store = await openStore(url, { beforeCommit: () => {} });
  const vigil = askEverySecond(() => store.runs.stuck(Date.now() - 5_000));
  return {
    ...vigil,
    end: async () => {
      await vigil.end();
      await store.close();
    },
  };
};

type Stuck = { readonly id: string; readonly status: string; readonly why: string };

const askEverySecond = (ask: () => Promise<readonly Stuck[]>): Vigil => {
  const stuck = new Set<string>();
  const state = { over: false };
  /** While the database is away nobody can be asked. */
  const look = async (): Promise<void> => {
    const found = await ask().catch((error: unknown) => {
      if (Fault.is(error, "storage_failed")) return [];
      throw error;
    });
    for (const { id, status, why } of found) stuck.add(`stuck: run ${id} (${status}): ${why}`);
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

/** Everything but a note that a step is under way: a run that is begun again and again gets nowhere. */
const progress = "select count(*) as records from holdfast_history where kind <> 'running'";

/**
 * Waits until no more than so many runs are not at their end. Gives up only when no run has got on for half a minute: that depends on
 * no speed. Answers with the runs that get nowhere.
 */
export const allEnded = async (observer: Observer, most = 0, still = 30_000): Promise<string[]> => {
  let [seen, movedAt] = [-1, performance.now()];
  for (;;) {
    const askedAt = performance.now();
    if ((await observer.open()) <= most) return [];
    const [{ records } = { records: 0 }] = await observer.query<{ records: number }>(progress);
    if (records !== seen) [seen, movedAt] = [records, performance.now()];
    if (performance.now() - movedAt > still)
      return (await observer.openRuns()).map(
        ({ id, status }) => `run ${id} is ${status} and gets nowhere for ${still / 1_000} s`,
      );
    // What takes the server long is not asked all the time.
    await Bun.sleep(Math.max(50, 4 * (performance.now() - askedAt)));
  }
};
