/**
 * CircuitBreaker: stops calling what is down. Its state and its counts are one row of the database, so all processes share them
 * and a restart forgets nothing.
 *
 * Steps name it as their option `breaker`; other code calls through `CircuitBreaker.run`.
 */
import { createGate, force, gateOf, keepGate, rowNow, type Gate } from "./engine/breaker/gate.ts";
import { refusal, type Rule } from "./engine/breaker/rule.ts";
import type { Engine } from "./engine/engine.ts";
import { engineOf, type Runtime } from "./engine/opened.ts";
import { milliseconds, type Duration } from "./model/duration.ts";
import * as Fault from "./model/fault.ts";
import { assertName } from "./model/ids.ts";
import { assertFunction, createCheck } from "./model/known.ts";
import type { BreakerRow } from "./store/rows.ts";

declare const shape: unique symbol;

/**
 * A circuit breaker, by its name: breakers of one name, in whatever process, are one breaker. Define each once; of several definitions
 * with one name the first that a runtime uses says when it opens there.
 */
export type Definition = { readonly name: string; readonly [shape]?: never };

/** The options of opossum, with durations as everywhere. */
export type Options = {
  /** The share of failed calls, 0 to 100, from which on it opens. Default 50. */
  readonly errorThresholdPercentage?: number | undefined;
  /** It stays closed while fewer calls than this were made in the window. Default 5. */
  readonly volumeThreshold?: number | undefined;
  /** The window in which calls are counted. Default 10 s. */
  readonly rollingCountTimeout?: Duration | undefined;
  /** How long it stays open before it lets one call through as a probe. Default 30 s. */
  readonly resetTimeout?: Duration | undefined;
  /** How long a call may take: then it fails. A step's own `timeout` goes before it. Default: as long as it likes. */
  readonly timeout?: Duration | undefined;
  /**
   * False for an error that says nothing bad of the other side, such as an expired card: it answered, so the call counts as a success.
   * Default: every error is a failure. A call that was called off (a cancel, a lost lease, a closing runtime) is neither.
   */
  readonly isFailure?: ((error: unknown) => boolean) | undefined;
};

const checkDefine = createCheck<Options>("CircuitBreaker.define", {
  errorThresholdPercentage: true,
  volumeThreshold: true,
  rollingCountTimeout: true,
  resetTimeout: true,
  timeout: true,
  isFailure: true,
});

/** Defines a circuit breaker. Throws `invalid_option`. Nothing is written before its first call. */
export const define = (name: string, options: Options = {}): Definition => {
  assertName(name, "name of a circuit breaker");
  checkDefine(options, name);
  const breaker: Definition = { name };
  keepGate(breaker, createGate(name, settle(name, options)));
  return breaker;
};

/** What a call gets. */
export type Tools = {
  /** Aborts when the breaker's `timeout` is over. */
  readonly signal: AbortSignal;
};

type Awaitable<T> = T | Promise<T>;

export type RunOptions<Instead> = {
  /** Answers instead, when the call failed or was not made. */
  readonly fallback?: ((error: unknown) => Awaitable<Instead>) | undefined;
};

const checkRun = createCheck<RunOptions<unknown>>("CircuitBreaker.run", { fallback: true });

/**
 * Calls a function through the breaker, outside of workflows; in a workflow give the step the option `breaker`. Nothing is
 * recorded and nothing is retried.
 *
 * While the breaker is open the function is not called. Without a `fallback` it rejects with `breaker_open`, whose `data.retryAt`
 * says when a call will be let through (ms since 1970), with `breaker_timeout`, with `runtime_closed`, or with the function's error.
 * A crash in its middle counts nothing; if the call was the probe, another process probes as soon as the dead one is missed.
 */
export const run = async <Result, Instead = never>(
  runtime: Runtime,
  breaker: Definition,
  call: (tools: Tools) => Awaitable<Result>,
  options: RunOptions<Instead> = {},
): Promise<Result | Instead> => {
  const engine = openEngine(runtime, breaker);
  const gate = gateOf(breaker);
  checkRun(options, breaker.name);
  assertFunction(options.fallback, `fallback of a call through circuit breaker "${breaker.name}"`);
  try {
    return await through(engine, gate, call);
  } catch (error) {
    if (options.fallback) return options.fallback(error);
    throw error;
  }
};

/** The breaker as all processes see it. Times are ms since 1970. */
export type State = {
  /** `half-open`: the waiting time is over, and one call is or will be let through as a probe. */
  readonly state: "closed" | "open" | "half-open";
  /** Calls of all processes in the current window; while it is not closed, of the window that opened it and since then. */
  readonly successes: number;
  readonly failures: number;
  /** Calls that were not made. */
  readonly rejects: number;
  /** Since when it is not closed. A probe that fails does not change it. */
  readonly openedAt: number | null;
  /** When one call is let through. */
  readonly retryAt: number | null;
};

/**
 * The state and the counts now, those of this process included; other processes write theirs four times a second. A breaker
 * that nobody has called is closed. Rejects with `runtime_closed` and `storage_…`.
 */
export const state = async (runtime: Runtime, breaker: Definition): Promise<State> => {
  const engine = openEngine(runtime, breaker);
  const gate = gateOf(breaker);
  return view(await rowNow(engine, gate), gate.rule, engine.clock.now());
};

/**
 * Opens the breaker by a person's word, for all processes, whatever its state: for `duration`, by default its `resetTimeout`. Then it
 * lets a probe through as usual. Resolves once that is durable. Rejects with `invalid_option`, `runtime_closed`, and `storage_…`
 * when it was not kept.
 */
export const trip = async (runtime: Runtime, breaker: Definition, duration?: Duration): Promise<void> => {
  const engine = openEngine(runtime, breaker);
  const gate = gateOf(breaker);
  const length =
    duration === undefined ? gate.rule.reset : milliseconds(duration, `duration for which "${breaker.name}" is tripped`);
  await force(engine, gate, { kind: "open", retryAt: engine.clock.now() + length });
};

/**
 * Closes the breaker by a person's word, for all processes, and forgets its counts. Steps that wait behind it go on at once; those whose
 * process died meanwhile ask again in their time, which is at most as far off as the breaker was open. Resolves once that is
 * durable. Rejects with `runtime_closed`, and `storage_…` when it was not kept.
 */
export const reset = (runtime: Runtime, breaker: Definition): Promise<void> =>
  force(openEngine(runtime, breaker), gateOf(breaker), { kind: "closed" });

const openEngine = (runtime: Runtime, breaker: Definition): Engine => {
  const engine = engineOf(runtime);
  if (!engine.closed) return engine;
  throw Fault.make("runtime_closed", `The runtime is closed: circuit breaker "${breaker.name}" cannot be reached through it.`, {
    breaker: breaker.name,
  });
};

const through = async <Result>(engine: Engine, gate: Gate, call: (tools: Tools) => Awaitable<Result>): Promise<Result> => {
  const answer = await gate.enter(engine);
  if (answer.kind === "open") throw refusal(gate.name, answer.retryAt);
  try {
    const result = await inTime(engine, gate, call);
    answer.leave({ kind: "success" });
    return result;
  } catch (error) {
    answer.leave({ kind: "failure", error });
    throw error;
  }
};

/** The function's answer, or `breaker_timeout` when it takes too long; what it still answers then is not heard. */
const inTime = <Result>(engine: Engine, { name, timeout }: Gate, call: (tools: Tools) => Awaitable<Result>): Promise<Result> =>
  new Promise((resolve, reject) => {
    const controller = new AbortController();
    const callOff =
      timeout === undefined
        ? undefined
        : engine.clock.after(timeout, () => {
            const error = Fault.make(
              "breaker_timeout",
              `A call through circuit breaker "${name}" took longer than ${timeout} ms.`,
              { breaker: name, timeout },
            );
            controller.abort(error);
            reject(error);
          });
    void (async () => call({ signal: controller.signal }))()
      .then(resolve, reject)
      .finally(() => callOff?.());
  });

const view = (row: BreakerRow | undefined, rule: Rule, now: number): State => {
  const nothing: State = { state: "closed", successes: 0, failures: 0, rejects: 0, openedAt: null, retryAt: null };
  if (!row || (row.state === "closed" && row.windowAt + rule.window <= now)) return nothing;
  const { successes, failures, rejects, openedAt, retryAt } = row;
  const over = row.state === "open" && (retryAt ?? now) <= now;
  return { state: over ? "half-open" : row.state, successes, failures, rejects, openedAt, retryAt };
};

const settle = (name: string, options: Options): Rule => {
  const { errorThresholdPercentage: percentage = 50, volumeThreshold: volume = 5, isFailure = () => true } = options;
  const refuse = (option: string, given: unknown, takes: string): Fault.Fault =>
    Fault.make("invalid_option", `The ${option} of circuit breaker "${name}" is ${String(given)}; it takes ${takes}.`, {
      option,
      breaker: name,
    });
  const span = (option: "rollingCountTimeout" | "resetTimeout" | "timeout", given: Duration): number => {
    const ms = milliseconds(given, `${option} of circuit breaker "${name}"`);
    if (ms < 1) throw refuse(option, given, "at least 1 ms");
    return ms;
  };
  if (typeof percentage !== "number" || !(percentage >= 0 && percentage <= 100))
    throw refuse("errorThresholdPercentage", percentage, "a number from 0 to 100");
  if (!Number.isInteger(volume) || volume < 1) throw refuse("volumeThreshold", volume, "a whole number from 1");
  if (typeof isFailure !== "function") throw refuse("isFailure", isFailure, "a function");
  return {
    percentage,
    volume,
    window: span("rollingCountTimeout", options.rollingCountTimeout ?? "10s"),
    reset: span("resetTimeout", options.resetTimeout ?? "30s"),
    timeout: options.timeout === undefined ? undefined : span("timeout", options.timeout),
    isFailure,
  };
};
