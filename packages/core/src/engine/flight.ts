/** A function of the user's that is under way, and what tells it to stop. */
import { apart } from "./caller.ts";
import type { Execution } from "./execution.ts";
import { own } from "./owner.ts";

/** A function of the user's that is under way. Its abort signal is made at its first use. */
export type Flight = {
  /** Monotonic. */
  readonly startedAt: number;
  readonly attempt: number;
  noted: boolean;
  over: boolean;
  controller: AbortController | undefined;
  reason: unknown;
  /** Called when the function is told to stop, and when its run is cancelled while it is shielded from that. */
  readonly on: { readonly abort: (flight: Flight) => void; readonly cancel: (flight: Flight) => void };
  /** The attempt that it belongs to, for these. */
  attempted: unknown;
};

export const abort = (flight: Flight, reason: unknown): void => {
  flight.reason ??= reason;
  flight.on.abort(flight);
  const { controller } = flight;
  // A listener runs in the async context of the code that aborts.
  if (controller) apart(() => controller.abort(reason));
};

export const signalOf = (flight: Flight): AbortSignal => {
  flight.controller ??= new AbortController();
  if (flight.reason !== undefined && !flight.controller.signal.aborted) flight.controller.abort(flight.reason);
  return flight.controller.signal;
};

/** Tells every function of a run that is under way to stop. */
export const abortAll = (execution: Execution, reason: unknown): void => {
  if (execution.flights === 0) return;
  own(execution, reason);
  for (const { flight } of execution.operations.values()) if (flight) abort(flight, reason);
};
