/** Asking for a turn. */
import type { Execution } from "./execution.ts";

/** The run is looked at in the next turn, before its commit. */
export const wake = (execution: Execution): void => {
  if (execution.awake || execution.engine.closed) return;
  execution.awake = true;
  execution.engine.ready.push(execution);
  execution.engine.store.touch();
};
