/** The limit of a wait from outside: a timeout, an abort signal, and the end of the runtime. It counts from the moment it is made. */
import * as Fault from "../model/fault.ts";
import type { Engine } from "./engine.ts";

export type Wait = { readonly timeout: number | undefined; readonly signal: AbortSignal | undefined };

export type Limit = {
  /** Settles as the work does, and rejects as soon as the wait is given up. The work goes on; what it says then is not heard. */
  readonly within: <T>(work: Promise<T>) => Promise<T>;
  /** Removes its timer and its listeners. */
  readonly stop: () => void;
};

type Words = { readonly late: (timeout: number) => Error; readonly closed: () => Error };

/** Throws the signal's reason when it has aborted already. */
export const createLimit = (engine: Engine, { timeout, signal }: Wait, words: Words): Limit => {
  signal?.throwIfAborted();
  const { promise: over, reject } = Promise.withResolvers<never>();
  // The limit may be reached while no work is under way.
  over.catch(() => {});
  const onClose = (): void => reject(engine.moved ?? words.closed());
  const onAbort = (): void => reject(signal?.reason);
  engine.closers.add(onClose);
  signal?.addEventListener("abort", onAbort);
  const callOff = timeout === undefined ? undefined : engine.clock.after(timeout, () => reject(words.late(timeout)));
  return {
    within: (work) => Promise.race([work, over]),
    stop: () => {
      callOff?.();
      engine.closers.delete(onClose);
      signal?.removeEventListener("abort", onAbort);
    },
  };
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
