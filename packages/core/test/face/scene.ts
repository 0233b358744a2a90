/** What the scenarios share: looking at errors, at histories, and holding a function back until the test says so. */
import { expect } from "bun:test";
import { Run } from "../../src/index.ts";
import type { Runtime } from "../../src/index.ts";
import { engineOf } from "../../src/engine/opened.ts";

type Thrown = Error & { readonly code: string; readonly cause: Thrown; readonly data: Readonly<Record<string, unknown>> };

/** The error that a promise rejects with. */
export const thrown = async (promise: Promise<unknown>): Promise<Thrown> => {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  expect(outcome).toHaveProperty("error");
  return (outcome as { error: Thrown }).error;
};

/** The error that a function throws at once. */
export const thrownBy = (call: () => unknown): Promise<Thrown> => thrown(Promise.try(call));

/** A history in short: `["started", "step a", "timer nap", …]`. */
export const story = async (run: Run.Handle): Promise<string[]> =>
  (await Run.history(run)).map(({ kind, key }) => (key === null ? kind : `${kind} ${key}`));

/** Sets the dice of a runtime, so that jitter is what the test says. */
export const rig = (runtime: Runtime.Runtime, chance: () => number): void => void Object.assign(engineOf(runtime), { chance });

/** Rejects when the signal aborts, as fetch does. */
export const untilAbort = (signal: AbortSignal, also: () => unknown = () => {}): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => {
      also();
      reject(signal.reason as Error);
    });
  });

/** Lets the promises and the loop come to rest without a clock. */
export const rest = async (turns = 12): Promise<void> => {
  for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => void setImmediate(resolve));
};
