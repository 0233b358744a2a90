/** A runtime as users hold it: opaque, with the engine kept aside. */
import * as Fault from "../model/fault.ts";
import type { Engine } from "./engine.ts";

declare const opened: unique symbol;

/** An open database with its worker. Close it with `Runtime.close`. */
export type Runtime = { readonly database: string; readonly [opened]?: never };

const engines = new WeakMap<Runtime, Engine>();

export const engineOf = (runtime: Runtime): Engine => {
  const engine = engines.get(runtime);
  if (!engine)
    throw Fault.make("invalid_option", "This is no runtime. Hand over what Runtime.open answered, and await it first.");
  return engine;
};

/** What a runtime was opened on, as its user said it. */
const grounds = new WeakMap<Runtime, unknown>();

export const groundOf = (runtime: Runtime): unknown => {
  engineOf(runtime);
  return grounds.get(runtime);
};

export const runtimeOf = (engine: Engine, ground?: unknown): Runtime => {
  const runtime: Runtime = { database: engine.store.name };
  engines.set(runtime, engine);
  grounds.set(runtime, ground);
  return runtime;
};
