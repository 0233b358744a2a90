/** Letting go of a run: whoever holds its lease goes on with it. Its promises never settle, and are collected. */
import * as Fault from "../model/fault.ts";
import type { Execution } from "./execution.ts";

const reasons = {
  lease_lost: "another worker has taken over the run",
  runtime_closed: "the runtime is closing",
} as const;

/** Ends an execution in this process: its functions are told to stop, and nothing they still answer is heard. */
export const drop = (execution: Execution, why: keyof typeof reasons): void => {
  if (execution.phase === "over") return;
  const { engine } = execution;
  leave(execution);
  const fault = Fault.make(why, `Run ${execution.id} is no longer executed here: ${reasons[why]}.`, { run: execution.id });
  for (const [operation, of] of engine.flights) {
    if (of !== execution) continue;
    operation.flight?.abort(fault);
    engine.flights.delete(operation);
  }
  engine.poke();
};

/** Takes an execution out of memory without a word to its functions. */
export const leave = (execution: Execution): void => {
  const { engine } = execution;
  execution.phase = "over";
  execution.callOff?.();
  execution.callOff = undefined;
  if (engine.executing.get(execution.key) === execution) engine.executing.delete(execution.key);
  if (engine.executing.size === 0) engine.emptied();
  if (engine.hot.get(execution.key) === execution) engine.hot.delete(execution.key);
};
