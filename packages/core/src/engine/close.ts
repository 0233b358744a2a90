/** Closing in good order: steps finish, leases go back at once, and the worker takes itself off the list. */
import * as Fault from "../model/fault.ts";
import { flushBreakers } from "./breaker/member.ts";
import { drop } from "./drop.ts";
import { noWorker, type Engine } from "./engine.ts";
import { farewell } from "./settings.ts";
import { wake } from "./wake.ts";
import { begun } from "./workers.ts";

const closings = new WeakMap<Engine, Promise<void>>();

/** Whoever closes a second time waits for the first. */
export const closeEngine = (engine: Engine): Promise<void> => {
  const closing = closings.get(engine) ?? closeOnce(engine);
  closings.set(engine, closing);
  return closing;
};

const closeOnce = async (engine: Engine): Promise<void> => {
  if (engine.closing) return;
  engine.closing = true;
  for (const execution of engine.executing.values()) wake(execution);
  await drained(engine);
  for (const execution of engine.executing.values()) drop(execution, "runtime_closed");
  flushBreakers(engine);
  await begun(engine);
  const { worker } = engine;
  // From here on nothing is taken on for the worker that leaves, however late an answer comes.
  engine.worker = noWorker;
  await leaving(engine, worker);
  halt(engine);
  await engine.store.close();
};

/** A database that does not answer holds up nobody's end for long. */
const leaving = async (engine: Engine, worker: number): Promise<void> => {
  const { promise: late, resolve } = Promise.withResolvers<"late">();
  const callOff = engine.clock.after(farewell, () => resolve("late"));
  const left = engine.store.workers.leave(worker, engine.clock.now()).then(
    () => undefined,
    (error: unknown) => error,
  );
  const error = await Promise.race([left, late]);
  callOff();
  // Nobody is missed at a place that was moved elsewhere.
  if (error === undefined || Fault.is(error, "database_moved")) return;
  const message = "the worker could not be taken off the list; its runs are taken over when it is missed";
  engine.logger.warn(error === "late" ? { waited: farewell } : { err: error }, message);
};

/** Stops everything in memory at once, and writes nothing: what a crash does. */
export const halt = (engine: Engine): void => {
  engine.closing = true;
  engine.closed = true;
  engine.stopLong();
  for (const stop of engine.stops.splice(0)) stop();
  for (const execution of [...engine.executing.values(), ...engine.hot.values()]) drop(execution, "runtime_closed");
  for (const listener of engine.listeners) listener();
  for (const closer of engine.closers) closer();
};

/** Every run leaves when its steps have finished and what they did is written; those that take too long are not waited for. */
const drained = async (engine: Engine): Promise<void> => {
  if (engine.executing.size === 0) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  engine.emptied = resolve;
  const callOff = engine.clock.after(engine.settings.drain, resolve);
  await promise;
  callOff();
};
