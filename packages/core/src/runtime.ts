/** Runtime: a database opened for workflows, and this process as one of its workers. */
import { closeEngine } from "./engine/close.ts";
import { reportOf } from "./engine/durability.ts";
import { openEngine } from "./engine/open.ts";
import { engineOf, runtimeOf, type Runtime } from "./engine/opened.ts";
import { openingOf, type RuntimeOptions } from "./engine/opening.ts";
import type { Report } from "./model/durability/report.ts";
import { openStore, type DrizzleDatabase } from "./store/open.ts";

export type { Runtime } from "./engine/opened.ts";

export type Options = RuntimeOptions & {
  /** `"sqlite:orders.db"`, `"sqlite::memory:"`, `"postgres://user@host/database"`, `"mysql://user@host/database"`, or a Drizzle database on `bun:sqlite`, `bun-sql`, `node-postgres` or `mysql2`. Default: `HOLDFAST_DATABASE`, else `"sqlite:holdfast.db"`. */
  readonly database?: string | DrizzleDatabase | undefined;
};

export type { Clock } from "./engine/clock.ts";
export type { Fact, Report as Durability, Warning } from "./model/durability/report.ts";

/**
 * Opens the database (made and migrated when needed) and begins to execute its runs.
 *
 * Throws `storage_…` when the database cannot be used (or, with `strict`, does not keep what is promised), `schema_newer` when a newer release has migrated it, `invalid_option` and
 * `invalid_definition`. Killed at any moment, it leaves the database as it was or migrated.
 */
export const open = async (options: Options = {}): Promise<Runtime> => {
  const database = options.database ?? process.env["HOLDFAST_DATABASE"] ?? "sqlite:holdfast.db";
  return runtimeOf(await openEngine(openingOf(options), (hooks) => openStore(database, hooks)));
};

/**
 * Closes the runtime: nothing new is begun, steps under way may finish for as long as `drain` says, and every run is handed
 * back at once for other processes to go on with. Safe to call twice.
 */
export const close = (runtime: Runtime): Promise<void> => closeEngine(engineOf(runtime));

/** A run for which nothing will ever happen. */
export type Stuck = { readonly id: string; readonly status: string; readonly why: string };

/** The runs that are stuck. It answers with an empty list, always: anything else is a defect of Holdfast. */
export const check = (runtime: Runtime): Promise<readonly Stuck[]> => engineOf(runtime).store.runs.stuck();

/** What keeps the database from taking writes now (a full disk, a missing right), or undefined. */
export const trouble = (runtime: Runtime): Error | undefined => engineOf(runtime).store.trouble();

/**
 * What the database really promises, asked now: its settings, and what weakens a promise with what it means and what to do. The same is
 * logged once when the runtime is opened. A setting that the database does not tell is `"unknown"`, with the reason.
 *
 * Throws `storage_…` when the database cannot be reached, and `runtime_closed`.
 */
export const durability = (runtime: Runtime): Promise<Report> => reportOf(engineOf(runtime).store);
