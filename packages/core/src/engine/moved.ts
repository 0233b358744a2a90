/** The database was moved to another place: nothing that this process writes is accepted any more. It stops, and its runs go on there. */
import { drop } from "./drop.ts";
import type { Engine } from "./engine.ts";

/** Every run is let go of; whoever waits for one is told where it is. Reading goes on until the runtime is closed. */
export const stopMoved = (engine: Engine, fault: Error): void => {
  if (engine.moved !== undefined || engine.closed) return;
  engine.moved = fault;
  engine.logger.error({ err: fault }, fault.message);
  engine.poke = () => {};
  engine.stopLong();
  for (const stop of engine.stops.splice(0)) stop();
  for (const execution of [...engine.executing.values(), ...engine.hot.values()]) drop(execution, "moved");
  for (const listener of engine.listeners) listener();
  for (const closer of engine.closers) closer();
};
