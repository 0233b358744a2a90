/** What steps did to the outside: which were begun, how often, and whether one was begun although it is recorded. */
import { on, type World } from "../kit/world.ts";

type Tools = { readonly key: string; readonly signal: AbortSignal };

export type Effects = {
  /** Functions begun that were recorded before: must stay empty. */
  readonly wrong: string[];
  /** How often each step's function was begun, by its key. */
  readonly begun: () => Readonly<Record<string, number>>;
  readonly clear: () => void;
  /** A step's function that shows in the ledger. */
  readonly does: <T>(work: (key: string) => T) => (tools: Tools) => T;
  /** The same, and it takes so many ms, unless it is told to stop. */
  readonly slow: <T>(ms: number, work: () => T) => (tools: Tools) => Promise<T>;
};

export const ledger = (world: World): Effects => {
  const begun = new Map<string, number>();
  const wrong: string[] = [];
  const recorded = (run: string, key: string): boolean =>
    // What a server holds cannot be asked at once: there the counts of what was begun have to tell.
    on === "sqlite" &&
    world.client
      .query(
        "select 1 from holdfast_history h join holdfast_runs r on r.key = h.run where r.id = ? and h.key = ? and h.kind in ('step', 'step-failed', 'undone', 'undo-failed')",
      )
      .get(run, key) !== null;
  const begin = (outside: string): void => {
    const slash = outside.indexOf("/");
    const key = outside.slice(slash + 1);
    begun.set(key, (begun.get(key) ?? 0) + 1);
    if (recorded(outside.slice(0, slash), key)) wrong.push(outside);
  };
  return {
    wrong,
    begun: () => Object.fromEntries(begun),
    clear: () => begun.clear(),
    does:
      (work) =>
      ({ key }) => {
        begin(key);
        return work(key);
      },
    slow:
      (ms, work) =>
      ({ key, signal }) => {
        begin(key);
        const { promise, resolve, reject } = Promise.withResolvers<ReturnType<typeof work>>();
        const callOff = world.clock.at(world.clock.now() + ms, () => resolve(work()));
        signal.addEventListener("abort", () => {
          callOff();
          reject(signal.reason as Error);
        });
        return promise;
      },
  };
};
