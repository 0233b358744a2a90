/** A runtime as users hold it: opaque, with the engine inside. */
import type { Engine } from "./engine.ts";

const inside: unique symbol = Symbol("holdfast.engine");

/** An open database with its worker. Close it with `Runtime.close`. */
export type Runtime = { readonly [inside]: Engine };

export const engineOf = (runtime: Runtime): Engine => runtime[inside];

export const runtimeOf = (engine: Engine): Runtime => ({ [inside]: engine });
