/** Runtime: a database opened for workflows, and this process as one of its workers. */
import pino, { type Logger } from "pino";
import { system, type Clock } from "./engine/clock.ts";
import { closeEngine } from "./engine/close.ts";
import { definitionWithin, nameOf, type AnyDefinition, type Untyped } from "./engine/definition.ts";
import { defaults, type Settings } from "./engine/settings.ts";
import { engineOf, runtimeOf, type Runtime } from "./engine/opened.ts";
import { milliseconds, type Duration } from "./model/duration.ts";
import * as Fault from "./model/fault.ts";
import { openEngine } from "./engine/open.ts";
import { settleRetry, type RetryOptions } from "./engine/options.ts";
import { openStore, type DrizzleDatabase } from "./store/open.ts";

export type { Runtime } from "./engine/opened.ts";

export type Options = {
  /** `"sqlite:orders.db"`, `"sqlite::memory:"`, or a Drizzle database on `bun:sqlite`. Default: `HOLDFAST_DATABASE`, else `"sqlite:holdfast.db"`. */
  readonly database?: string | DrizzleDatabase | undefined;
  /** The workflows that this process knows, in every version that may still run. */
  readonly workflows?: readonly AnyDefinition[] | undefined;
  /** False makes this process a client: it starts and reads runs, and others execute them. Default true. */
  readonly execute?: boolean | undefined;
  /** Runs executed at the same time. A waiting run does not count. Default 256. */
  readonly concurrency?: number | undefined;
  /** Parked runs kept in memory, so that they go on without a replay. Default 1000. */
  readonly hot?: number | undefined;
  /** The largest value kept (input, result, signal, state), in bytes. Default 1 MiB. */
  readonly payload?: number | undefined;
  /** Retries of steps that say nothing else. Default 5 attempts from 1 s, factor 2, up to 1 min, full jitter. */
  readonly retry?: RetryOptions | undefined;
  /** How long a silent process keeps its runs. Default 30 s. A dead process on this machine is noticed at once. */
  readonly lease?: Duration | undefined;
  /** How long `close` lets steps finish. Default 10 s. */
  readonly drain?: Duration | undefined;
  /** Crashes in a row after which a run that gets nowhere is put aside. Default 5. */
  readonly crashes?: number | undefined;
  /** A pino logger. Default: warnings and errors, on stderr. */
  readonly logger?: Logger | undefined;
  /** The clock, for tests. */
  readonly clock?: Clock | undefined;
};

export type { Clock } from "./engine/clock.ts";

/**
 * Opens the database (made and migrated when needed) and begins to execute its runs.
 *
 * Throws `storage_…` when the file cannot be used, `schema_newer` when a newer release has migrated it, `invalid_option` and
 * `invalid_definition`. Killed at any moment, it leaves the database as it was or migrated.
 */
export const open = async (options: Options = {}): Promise<Runtime> => {
  const settings = settle(options);
  const definitions = byName(options.workflows ?? []);
  const opening = {
    settings,
    definitions,
    execute: options.execute ?? true,
    clock: options.clock ?? system,
    chance: Math.random,
    logger: options.logger ?? pino({ level: "warn", name: "holdfast" }, pino.destination(2)),
  };
  const database = options.database ?? process.env["HOLDFAST_DATABASE"] ?? "sqlite:holdfast.db";
  return runtimeOf(await openEngine(opening, (hooks) => openStore(database, hooks)));
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

const atLeast = (least: number, value: number, what: string): number => {
  if (Number.isInteger(value) && value >= least) return value;
  throw Fault.make("invalid_option", `The option ${what} of Runtime.open is ${value}; it takes a whole number from ${least}.`, {
    option: what,
  });
};

const settle = (options: Options): Settings => {
  const lease = options.lease === undefined ? defaults.lease : milliseconds(options.lease, "lease of Runtime.open");
  return {
    ...defaults,
    concurrency: atLeast(1, options.concurrency ?? defaults.concurrency, "concurrency"),
    hot: atLeast(0, options.hot ?? defaults.hot, "hot"),
    payload: atLeast(1, options.payload ?? defaults.payload, "payload"),
    crashes: atLeast(1, options.crashes ?? defaults.crashes, "crashes"),
    retry: settleRetry(options.retry, defaults.retry, "retry of Runtime.open"),
    lease,
    heartbeat: Math.min(defaults.heartbeat, lease / 6),
    drain: options.drain === undefined ? defaults.drain : milliseconds(options.drain, "drain of Runtime.open"),
  };
};

const byName = (workflows: readonly AnyDefinition[]): ReadonlyMap<string, Untyped> => {
  const definitions = new Map<string, Untyped>();
  for (const workflow of workflows) {
    const definition = definitionWithin(workflow);
    const name = nameOf(definition);
    if (definitions.has(name)) {
      throw Fault.make(
        "invalid_definition",
        `Two workflows are named "${definition.name}" with version ${definition.version}. Give one of them another name or version.`,
        { workflow: name },
      );
    }
    definitions.set(name, definition);
  }
  return definitions;
};
