/** Steps that take long are recorded as running, so that people see them. Nothing is written for the others. */
import type { Engine } from "./engine.ts";
import type { Execution } from "./execution.ts";
import type { Operation } from "./operation.ts";
import { note } from "./record.ts";

/** Looks once more when functions are under way: one alarm for all of them. */
export const watchLong = (engine: Engine): void => {
  if (engine.watchingLong) return;
  engine.watchingLong = true;
  const callOff = engine.clock.after(engine.settings.visible, () => {
    engine.watchingLong = false;
    if (engine.closed) return;
    const since = engine.clock.monotonic() - engine.settings.visible;
    const flying = [...engine.executing.values()].filter(({ flights }) => flights > 0);
    for (const execution of flying)
      for (const operation of execution.operations.values()) showIfLong(execution, operation, since);
    if (flying.length > 0) watchLong(engine);
  });
  engine.stopLong = callOff;
};

const showIfLong = (execution: Execution, operation: Operation, since: number): void => {
  const { flight } = operation;
  if (!flight || flight.noted || flight.startedAt > since || execution.phase !== "executing") return;
  flight.noted = true;
  note(execution, { kind: "running", key: operation.key, attempt: flight.attempt, issued: operation.issued });
};
