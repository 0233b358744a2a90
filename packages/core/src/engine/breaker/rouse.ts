/** Steps that wait behind an open breaker, and what wakes them before their time: it closed. */
import type { Engine } from "../engine.ts";
import type { Execution } from "../execution.ts";
import type { Operation } from "../operation.ts";
import { leaseOf } from "../record.ts";
import { wake } from "../wake.ts";

const waiting = new WeakMap<Operation, string>();

/** Remembers what the operation waits for. After a crash that is forgotten, and it asks again when its time is over. */
export const waitBehind = (operation: Operation, breaker: string): void => void waiting.set(operation, breaker);

export const stopWaiting = (operation: Operation): void => void waiting.delete(operation);

/** Lets every step of this process that waits behind the breaker ask again now. */
export const rouse = (engine: Engine, breaker: string): void => {
  for (const execution of [...engine.executing.values(), ...engine.hot.values()]) {
    if (hasten(execution, breaker)) comeBack(execution);
  }
};

const hasten = (execution: Execution, breaker: string): boolean => {
  let hastened = false;
  for (const operation of execution.operations.values()) {
    if (waiting.get(operation) !== breaker || operation.settled || operation.flight || operation.due === null) continue;
    operation.due = execution.engine.clock.now();
    hastened = true;
  }
  return hastened;
};

const comeBack = (execution: Execution): void => {
  const { engine } = execution;
  switch (execution.phase) {
    case "executing":
      return wake(execution);
    case "parking":
    case "parked":
    case "evicted":
      return void engine.store.breakers.wake(leaseOf(execution), engine.clock.now()).then(
        (woken) => woken && engine.poke(),
        (error: unknown) =>
          engine.logger.warn(
            { run: execution.id, err: error },
            "a run behind a closed breaker could not be woken; it wakes in its time",
          ),
      );
    case "settling":
    case "over":
  }
};
