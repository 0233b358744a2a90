/** From what a user says to what an engine is told once: every option checked, every default filled in. */
import pino, { type Logger } from "pino";
import { milliseconds, type Duration } from "../model/duration.ts";
import * as Fault from "../model/fault.ts";
import { system, type Clock } from "./clock.ts";
import { definitionWithin, nameOf, type AnyDefinition, type Untyped } from "./definition.ts";
import type { Opening } from "./open.ts";
import { settleRetry, type RetryOptions } from "./options.ts";
import { defaults, type Settings } from "./settings.ts";

export type RuntimeOptions = {
  /** The workflows that this process knows, in every version that may still run. */
  readonly workflows?: readonly AnyDefinition[] | undefined;
  /** False makes this process a client: it starts and reads runs, and others execute them. Default true. */
  readonly execute?: boolean | undefined;
  /** True refuses a database that breaks a promise (`storage_unsafe`), such as one that does not sync its disk. Default false: it is said in the log. */
  readonly strict?: boolean | undefined;
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

/** Throws `invalid_option` and `invalid_definition`. */
export const openingOf = (options: RuntimeOptions): Opening => ({
  settings: settle(options),
  definitions: byName(options.workflows ?? []),
  execute: options.execute ?? true,
  strict: options.strict ?? false,
  clock: options.clock ?? system,
  chance: Math.random,
  logger: options.logger ?? pino({ level: "warn", name: "holdfast" }, pino.destination(2)),
});

const atLeast = (least: number, value: number, what: string): number => {
  if (Number.isInteger(value) && value >= least) return value;
  throw Fault.make("invalid_option", `The option ${what} of Runtime.open is ${value}; it takes a whole number from ${least}.`, {
    option: what,
  });
};

const settle = (options: RuntimeOptions): Settings => {
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
    rare: Math.min(defaults.rare, lease / 6),
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
