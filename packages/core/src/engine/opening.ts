/** From what a user says to what an engine is told once: every option checked, every default filled in. */
import pino, { type Logger } from "pino";
import { milliseconds, type Duration } from "../model/duration.ts";
import * as Fault from "../model/fault.ts";
import { assertFunction } from "../model/known.ts";
import { assertText } from "../model/ids.ts";
import { bounds } from "./bounds.ts";
import { system, type Clock } from "./clock.ts";
import { definitionWithin, nameOf, type AnyDefinition, type Untyped } from "./definition.ts";
import type { Opening } from "./open.ts";
import { settleRetry, type RetryOptions } from "./options.ts";
import type { Report } from "./report.ts";
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
  /**
   * How long the functions of a run that is cancelled, timed out or failing may take to stop. Then the run ends without them, and says so. Default 30 s.
   * A workflow and a step may say another.
   */
  readonly grace?: Duration | undefined;
  /** Crashes in a row after which a run that gets nowhere is put aside. Default 5. */
  readonly crashes?: number | undefined;
  /** The version of your program, for `Runtime.workers` to show. */
  readonly release?: string | undefined;
  /**
   * How runs that are due find a worker. `"spread"` (default): whoever has room takes its share. `"sticky"`: a run that rests in the memory of this process
   * comes back to it, so that it goes on without a replay; others wait a moment, unless this process is dead or full.
   */
  readonly strategy?: "spread" | "sticky" | undefined;
  /** How much of the work this process takes beside others: one of weight 2 about twice as much as one of weight 1. From 0.01 to 100; default 1. */
  readonly weight?: number | undefined;
  /** A pino logger. Default: warnings and errors, on stderr. */
  readonly logger?: Logger | undefined;
  /**
   * Called for each failed attempt, each step that failed for good and each failed run, after the commit and never on a replay. What it
   * throws or rejects is logged. A crash right after the commit loses the call.
   */
  readonly report?: ((event: Report) => unknown) | undefined;
  /** The clock, for tests. */
  readonly clock?: Clock | undefined;
};

/** Throws `invalid_option` and `invalid_definition`. */
export const openingOf = (options: RuntimeOptions): Opening => ({
  settings: settle(options),
  definitions: byName(listOf(options.workflows)),
  execute: flagOf(options.execute, true, "execute"),
  strict: flagOf(options.strict, false, "strict"),
  release: releaseOf(options.release),
  clock: options.clock ?? system,
  chance: Math.random,
  logger: options.logger ?? pino({ level: "warn", name: "holdfast" }, pino.destination(2)),
  report: reportOf(options.report),
});

const reportOf = (report: RuntimeOptions["report"]): RuntimeOptions["report"] => {
  assertFunction(report, "report of Runtime.open");
  return report;
};

const listOf = (workflows: RuntimeOptions["workflows"]): readonly AnyDefinition[] => {
  const given: unknown = workflows === undefined ? [] : workflows;
  if (Array.isArray(given)) return given as readonly AnyDefinition[];
  throw Fault.make("invalid_option", "The option workflows of Runtime.open takes an array of workflows.", {
    option: "workflows",
  });
};

const flagOf = (given: boolean | undefined, otherwise: boolean, option: string): boolean => {
  if (given === undefined) return otherwise;
  if (typeof given === "boolean") return given;
  throw Fault.make("invalid_option", `The option ${option} of Runtime.open is ${String(given)}; it takes true or false.`, {
    option,
  });
};

const wholeNumber = (given: number | undefined, option: "concurrency" | "hot" | "payload" | "crashes"): number => {
  const value = given ?? defaults[option];
  const { least, most } = bounds[option];
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw Fault.make(
    "invalid_option",
    `The option ${option} of Runtime.open is ${String(value)}; it takes a whole number from ${least} to ${most}.`,
    { option },
  );
};

/** Without a lower bound a worker is silent for its lease before its first heartbeat; without an upper one nothing tells of a death. */
const leaseOf = (given: Duration | undefined): number => {
  if (given === undefined) return defaults.lease;
  const lease = milliseconds(given, "lease of Runtime.open");
  const { least, most } = bounds.lease;
  if (lease >= least && lease <= most) return lease;
  throw Fault.make(
    "invalid_option",
    `The option lease of Runtime.open is ${lease} ms; it takes a duration from ${least} ms to ${most} ms.`,
    { option: "lease" },
  );
};

const releaseOf = (release: string | undefined): string | null => {
  if (release === undefined) return null;
  if (typeof release === "string" && release.length <= 200) {
    assertText(release, "release of Runtime.open");
    return release;
  }
  throw Fault.make("invalid_option", "The option release of Runtime.open takes a text of up to 200 characters.", {
    option: "release",
  });
};

const strategyOf = (strategy: RuntimeOptions["strategy"]): Settings["strategy"] => {
  if (strategy === undefined) return defaults.strategy;
  if (strategy === "spread" || strategy === "sticky") return strategy;
  throw Fault.make("invalid_option", `The option strategy of Runtime.open is "spread" or "sticky", not "${String(strategy)}".`, {
    option: "strategy",
  });
};

const weightOf = (weight: number): number => {
  const { least, most } = bounds.weight;
  if (Number.isFinite(weight) && weight >= least && weight <= most) return weight;
  throw Fault.make(
    "invalid_option",
    `The option weight of Runtime.open is ${weight}; it takes a number from ${least} to ${most}.`,
    { option: "weight" },
  );
};

const settle = (options: RuntimeOptions): Settings => {
  const lease = leaseOf(options.lease);
  return {
    ...defaults,
    concurrency: wholeNumber(options.concurrency, "concurrency"),
    hot: wholeNumber(options.hot, "hot"),
    payload: wholeNumber(options.payload, "payload"),
    crashes: wholeNumber(options.crashes, "crashes"),
    retry: settleRetry(options.retry, defaults.retry, "retry of Runtime.open"),
    strategy: strategyOf(options.strategy),
    weight: weightOf(options.weight ?? defaults.weight),
    lease,
    heartbeat: Math.min(defaults.heartbeat, lease / 6),
    rare: Math.min(defaults.rare, lease / 6),
    grace: options.grace === undefined ? defaults.grace : milliseconds(options.grace, "grace of Runtime.open"),
    drain: options.drain === undefined ? defaults.drain : milliseconds(options.drain, "drain of Runtime.open"),
  };
};

const byName = (workflows: readonly AnyDefinition[]): ReadonlyMap<string, Untyped> => {
  const definitions = new Map<string, Untyped>();
  for (const workflow of workflows) {
    const definition = definitionWithin(workflow);
    const name = nameOf(definition);
    if (definition.isDeclared) {
      throw Fault.make(
        "invalid_definition",
        `Workflow "${definition.name}" is declared (Workflow.declare) and has no body, so this process can start its runs and not execute them. Give Runtime.open the workflow of Workflow.define, or leave it out here.`,
        { workflow: name },
      );
    }
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
