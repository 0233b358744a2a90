/** A runtime as users hold it: opaque, with the engine kept aside. */
import { closeEngine } from "./close.ts";
import { stranger } from "./copies.ts";
import { closerOf, heldBy, hold } from "./held.ts";
import type { Engine } from "./engine.ts";

declare const opened: unique symbol;

/** An open database with its worker. Close it with `Runtime.close`; `await using` does so at the end of its block. */
export type Runtime = {
  readonly database: string;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
  readonly [opened]?: never;
};

/** The engine, and what the runtime was opened on, as its user said it. */
type Opened = { readonly engine: Engine; readonly ground: unknown };

const openedBy = (runtime: Runtime): Opened => {
  const opened = heldBy("runtime", runtime);
  if (opened === undefined) throw stranger("runtime", runtime);
  return opened as Opened;
};

/** Throws `invalid_option` for what is not a runtime of this copy of the library. */
export const engineOf = (runtime: Runtime): Engine => openedBy(runtime).engine;

export const groundOf = (runtime: Runtime): unknown => openedBy(runtime).ground;

export const runtimeOf = (engine: Engine, ground?: unknown): Runtime => {
  const close = (): Promise<void> => closeEngine(engine);
  const runtime: Runtime = { database: engine.store.name, [Symbol.asyncDispose]: close };
  const opened: Opened = { engine, ground };
  hold("runtime", runtime, opened, close);
  return runtime;
};

/** Closes a runtime, also one that another copy of the library or an earlier load of the program has opened. */
export const closeRuntime = (runtime: Runtime): Promise<void> => {
  const close = closerOf(runtime);
  if (!close) throw stranger("runtime", runtime);
  return close();
};
