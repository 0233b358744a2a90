/** The limit of a wait from outside: a timeout, an abort signal, and the end of the runtime. It counts from the moment it is made. */
import * as Fault from "../model/fault.ts";
import type { Engine } from "./engine.ts";

export type Wait = { readonly timeout: number | undefined; readonly signal: AbortSignal | undefined };

/** What the errors of a limit say, by what is waited for. */
export type Words<About> = {
  readonly late: (about: About, timeout: number) => Error;
  readonly closed: (about: About) => Error;
};

export type Limit = {
  readonly engine: Engine;
  readonly signal: AbortSignal | undefined;
  /** Set once the wait is given up, which may be while no work is under way. */
  over: { readonly error: unknown } | undefined;
  rejectWork: ((error: unknown) => void) | undefined;
  onClose: () => void;
  onAbort: (() => void) | undefined;
  callOff: (() => void) | undefined;
};

const giveUp = (limit: Limit, error: unknown): void => {
  limit.over ??= { error };
  limit.rejectWork?.(limit.over.error);
};

/** Throws the signal's reason when it has aborted already. */
export const createLimit = <About>(engine: Engine, { timeout, signal }: Wait, words: Words<About>, about: About): Limit => {
  signal?.throwIfAborted();
  const onClose = (): void => giveUp(limit, engine.moved ?? words.closed(about));
  const limit: Limit = {
    engine,
    signal,
    over: undefined,
    rejectWork: undefined,
    onClose,
    onAbort: undefined,
    callOff: undefined,
  };
  engine.closers.add(onClose);
  if (signal) {
    limit.onAbort = () => giveUp(limit, signal.reason);
    signal.addEventListener("abort", limit.onAbort);
  }
  if (timeout !== undefined) limit.callOff = engine.clock.after(timeout, () => giveUp(limit, words.late(about, timeout)));
  return limit;
};

/** Settles as the work does, and rejects as soon as the wait is given up. The work goes on; what it says then is not heard. One at a time. */
export const within = <T>(limit: Limit, work: Promise<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    work.then(resolve, reject);
    // The reason of the user's own signal is what the user made it.
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors
    if (limit.over) reject(limit.over.error);
    limit.rejectWork = reject;
  });

/** Removes its timer and its listeners. */
export const stopLimit = ({ engine, signal, onClose, onAbort, callOff }: Limit): void => {
  callOff?.();
  engine.closers.delete(onClose);
  if (onAbort) signal?.removeEventListener("abort", onAbort);
};

/** The option as it was given. Throws `invalid_option` when it is not an AbortSignal. */
export const signalOption = (signal: AbortSignal | undefined, verb: string): AbortSignal | undefined => {
  if (signal === undefined || (typeof signal?.addEventListener === "function" && typeof signal.aborted === "boolean"))
    return signal;
  throw Fault.make(
    "invalid_option",
    `The option signal of ${verb} is ${signal === null ? "null" : `of type ${typeof signal}`}; it takes an AbortSignal, for example request.signal or AbortSignal.timeout(ms).`,
    { option: "signal" },
  );
};
