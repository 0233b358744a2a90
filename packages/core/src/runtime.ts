/** Runtime: a database opened for workflows, and this process as one of its workers. */
import { reportOf } from "./engine/durability.ts";
import { openEngine } from "./engine/open.ts";
import { closeRuntime, engineOf, runtimeOf, type Runtime } from "./engine/opened.ts";
import { openingOf, type RuntimeOptions } from "./engine/opening.ts";
import { hasGone } from "./engine/machine.ts";
import type { Report } from "./model/durability/report.ts";
import * as Fault from "./model/fault.ts";
import { createCheck } from "./model/known.ts";
import { openStore, type DrizzleDatabase, type PoolOptions, type TlsOptions } from "./store/open.ts";

export type { Runtime } from "./engine/opened.ts";

export type Options = RuntimeOptions & {
  /** `"sqlite:orders.db"`, `"sqlite::memory:"`, `"postgres://user@host/database"`, `"mysql://user@host/database"`, or a Drizzle database on `bun:sqlite`, `bun-sql`, `node-postgres` or `mysql2`. Default: `HOLDFAST_DATABASE`, else `"sqlite:holdfast.db"`. */
  readonly database?: string | DrizzleDatabase | undefined;
  /**
   * What becomes of the schema. `true` brings it to this release's. `"verify"` writes nothing and refuses one that is not this release's. `false` looks no
   * further than whether this release can work on it. Default true.
   */
  readonly migrate?: true | "verify" | false | undefined;
  /** Connections to a server: how many, and how long a question may take. Goes before what the URL says (`?pool=16&timeout=5s`). */
  readonly pool?: PoolOptions | undefined;
  /** How connections to a server are encrypted. Goes before what the URL says (`?sslmode=…`, on MySQL `?ssl-mode=…`). */
  readonly tls?: TlsOptions | undefined;
};

export type { PoolOptions, TlsOptions } from "./store/open.ts";
export { unclaimed, workers, type Load, type Unclaimed, type Worker } from "./workers.ts";
export type { Clock } from "./engine/clock.ts";
export type { Report } from "./engine/report.ts";
export type { Fact, Report as Durability, Warning } from "./model/durability/report.ts";

const checkOpen = createCheck<Options>("Runtime.open", {
  database: true,
  workflows: true,
  migrate: true,
  execute: true,
  concurrency: true,
  retry: true,
  payload: true,
  hot: true,
  lease: true,
  drain: true,
  grace: true,
  crashes: true,
  release: true,
  strategy: true,
  weight: true,
  strict: true,
  pool: true,
  tls: true,
  logger: true,
  report: true,
  clock: true,
});

const checkPool = createCheck<PoolOptions>("", { size: true, timeout: true, pooler: true });
const checkTls = createCheck<TlsOptions>("", { mode: true, ca: true, cert: true, key: true });

/**
 * Opens the database (made and migrated when needed) and begins to execute its runs.
 *
 * Throws `storage_…` when the database cannot be used (or, with `strict`, does not keep what is promised), `invalid_option` and `invalid_definition`. With nothing written: `schema_newer` when a newer
 * release has migrated it so that this one cannot work on it, `schema_in_use` when it cannot be migrated because workers of an older release live,
 * `schema_differs` when its tables are not as they should be, and `schema_older` when it is to be migrated and `migrate` does not say so. Killed at any moment, it leaves the database as it was or migrated.
 */
export const open = async (options: Options = {}): Promise<Runtime> => {
  checkOpen(options);
  if (options.pool !== undefined) checkPool(options.pool, "option pool of Runtime.open");
  if (options.tls !== undefined) checkTls(options.tls, "option tls of Runtime.open");
  const database = options.database ?? process.env["HOLDFAST_DATABASE"] ?? "sqlite:holdfast.db";
  const opening = openingOf(options);
  const reach = { pool: options.pool, tls: options.tls };
  const migrate = modeOf(options.migrate);
  const warn = (text: string): void =>
    opening.logger.warn({ schema: text }, "the schema is not as it should be; it costs speed, and no promise");
  return runtimeOf(
    await openEngine(opening, (hooks) => openStore(database, { ...hooks, schema: { migrate, warn, isGone: hasGone } }, reach)),
    { database, tls: options.tls },
  );
};

const modeOf = (migrate: Options["migrate"] = true): true | "verify" | false => {
  if (typeof migrate === "boolean" || migrate === "verify") return migrate;
  throw Fault.make(
    "invalid_option",
    `The option migrate of Runtime.open is ${String(migrate)}; it takes true, "verify" or false.`,
    {
      option: "migrate",
    },
  );
};

/**
 * Closes the runtime: nothing new is begun, steps under way may finish for as long as `drain` says, and every run is handed
 * back at once for other processes to go on with. A database that does not answer is waited for 5 s more, and then its runs go on elsewhere when this worker is
 * missed. `await using runtime = await Runtime.open(…)` calls it at the end of the block. Safe to call twice, and for a runtime that an earlier load of the program opened (`bun --hot`).
 */
export const close = (runtime: Runtime): Promise<void> => closeRuntime(runtime);

/** A run for which nothing will ever happen. */
export type Stuck = { readonly id: string; readonly status: string; readonly why: string };

/** The runs that are stuck. It answers with an empty list, always: anything else is a defect of Holdfast. */
export const check = (runtime: Runtime): Promise<readonly Stuck[]> => {
  const { store, clock } = engineOf(runtime);
  return store.runs.stuck(clock.now() - overlookedAfter);
};

/** How long, in ms, a message or the end of a child is there before a run that waits for it counts as stuck. */
const overlookedAfter = 5_000;

/**
 * What keeps this process from working as it should, now: the database takes no writes (`storage_…`: a full disk, a missing right), or the heartbeat thread
 * ended or could not give its heartbeats (`heartbeat_failed`). Undefined when all is well.
 */
export const trouble = (runtime: Runtime): Error | undefined => {
  const { store, heartbeat } = engineOf(runtime);
  return store.trouble() ?? heartbeat.trouble;
};

/**
 * What the database really promises, asked now: its settings, and what weakens a promise with what it means and what to do. The same is
 * logged once when the runtime is opened. A setting that the database does not tell is `"unknown"`, with the reason.
 *
 * Throws `storage_…` when the database cannot be reached, and `runtime_closed`.
 */
export const durability = (runtime: Runtime): Promise<Report> => reportOf(engineOf(runtime).store);
