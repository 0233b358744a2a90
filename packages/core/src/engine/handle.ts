/** A run as a client holds it: which one, and by which runtime it is reached. */
import * as Fault from "../model/fault.ts";
import type { RunRow } from "../store/rows.ts";
import { stranger } from "./copies.ts";
import { heldBy, hold } from "./held.ts";
import type { Engine } from "./engine.ts";

export type Reach = { readonly engine: Engine; readonly id: string; key: number | undefined };

declare const held: unique symbol;

/** A run, as its starter holds it. `disposition` says whether this start made it; `found` is a handle from `Run.of`. */
export type Handle<Output = unknown> = {
  readonly id: string;
  readonly workflow: string | undefined;
  readonly disposition: "created" | "existing" | "found";
  /** Only for the type checker. */
  readonly [held]?: Output;
};

/** Throws `invalid_option` for what is not a handle of this copy of the library. */
export const reachOf = (run: Handle): Reach => {
  const reach = heldBy("handle", run);
  if (reach === undefined) throw stranger("handle", run);
  return reach as Reach;
};

/** The way to the run is kept aside, so that a handle logs and compares as what it says. */
export const createHandle = <Output>(
  to: Reach,
  workflow: string | undefined,
  disposition: Handle["disposition"],
): Handle<Output> => {
  const handle: Handle<Output> = { id: to.id, workflow, disposition };
  hold("handle", handle, to);
  return handle;
};

/** The row of the run. Throws `run_not_found`. */
export const rowOfRun = async (reach: Reach): Promise<RunRow> => {
  assertOpen(reach.engine);
  const { runs } = reach.engine.store;
  const row = isSure(reach) ? await runs.byKey(reach.key) : await runs.byId(reach.id);
  if (!row) throw Fault.make("run_not_found", `There is no run with the id "${reach.id}" in this database.`, { run: reach.id });
  reach.key = row.key;
  return row;
};

/** The inner key of the run. Throws `run_not_found`. */
export const keyOfRun = async (reach: Reach): Promise<number> => (isSure(reach) ? reach.key : (await rowOfRun(reach)).key);

/** In a database that was exchanged for another, a run may be missing, or be there under another key. */
export const isSure = (reach: Reach): reach is Reach & { key: number } => reach.key !== undefined && reach.engine.rewinds === 0;

export const assertOpen = (engine: Engine): void => {
  if (engine.closed) throw Fault.make("runtime_closed", "This runtime is closed. Open another one with Runtime.open.");
};
