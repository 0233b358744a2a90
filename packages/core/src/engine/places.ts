/**
 * Places of a worker that are given up for a while. A step whose function waits for the result of a run needs nothing while it waits, and the run that it
 * waits for may need a place: with all places taken by such steps none would ever go on. It takes its place back at once when it goes on, so the runs
 * in execution may be more than `concurrency` for a while; nothing new is taken until they are not.
 */
import type { Call } from "./caller.ts";
import type { Engine } from "./engine.ts";
import type { Flight } from "./flight.ts";

/** Gives the place of this function's run up, as soon as all its other functions wait too. Answers with what takes it back. */
export const giveUpPlace = ({ execution, key }: Call): (() => void) => {
  const { engine } = execution;
  const flight = execution.operations.get(key)?.flight;
  // A function that was given up holds nothing.
  if (flight === undefined) return () => {};
  const waits = engine.waitingSteps.get(execution) ?? new Map<Flight, number>();
  engine.waitingSteps.set(execution, waits);
  waits.set(flight, (waits.get(flight) ?? 0) + 1);
  engine.poke();
  return () => {
    const left = (waits.get(flight) ?? 1) - 1;
    if (left > 0) return void waits.set(flight, left);
    waits.delete(flight);
    if (waits.size === 0) engine.waitingSteps.delete(execution);
  };
};

/** How many of the runs in execution only wait for results of other runs. */
export const placesGivenUp = ({ waitingSteps, executing }: Engine): number => {
  let count = 0;
  for (const [execution, waits] of waitingSteps) {
    if (executing.get(execution.key) !== execution) continue;
    const waiting = [...waits.keys()].filter(({ over }) => !over).length;
    if (waiting > 0 && waiting >= execution.flights) count++;
  }
  return count;
};
