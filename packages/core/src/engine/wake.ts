/** Asking for a turn. */
import type { Execution } from "./execution.ts";

/** The run is looked at in the next turn, before its commit. */
export const wake = (execution: Execution): void => {
  execution.engine.ready.add(execution);
  execution.engine.store.touch();
};
