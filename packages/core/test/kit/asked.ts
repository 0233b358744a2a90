/** Counts what a store is asked and has not answered yet. */
import type { Store } from "../../src/store/contract.ts";

type Verb = (...of: unknown[]) => unknown;

/** Sees every verb of a store from now on. `change` is called with 1 when one is asked, and with -1 when it is answered. */
export const watchStore = (store: Store, change: (by: 1 | -1) => void): void => {
  const watched = (verb: Verb): Verb =>
    function (...of) {
      const answer = verb(...of);
      if (!(answer instanceof Promise)) return answer;
      change(1);
      void answer.then(
        () => change(-1),
        () => change(-1),
      );
      return answer;
    };
  for (const noun of Object.values(store))
    if (typeof noun === "object" && noun !== null)
      for (const [name, verb] of Object.entries(noun as Record<string, unknown>))
        if (typeof verb === "function") Object.assign(noun, { [name]: watched(verb as Verb) });
  const { record } = store.history;
  const { transact } = store;
  Object.assign(store, { transact: watched(transact as Verb) });
  Object.assign(store.history, {
    record: ((lease, row, told) => {
      change(1);
      record(lease, row, (outcome) => {
        change(-1);
        told(outcome);
      });
    }) satisfies typeof record,
  });
};
