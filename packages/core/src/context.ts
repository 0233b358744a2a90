/** Context: what a body may ask besides steps. Everything here answers the same on replay. */
import type { Logger } from "pino";
import { Chain } from "./chain.ts";
import { allResults, open } from "./chain/ends.ts";
import { withResult } from "./chain/results.ts";
import { walk } from "./chain/walk.ts";
import { apart, strandOf } from "./engine/caller.ts";
import { drawNow, drawRandom, drawUuid } from "./engine/draws.ts";
import type { Context } from "./engine/scope.ts";
import { scopeUnder } from "./engine/scope.ts";
import { isReplaying, type Execution } from "./engine/execution.ts";
import { bodyLogger } from "./engine/logs.ts";
import { silently } from "./engine/operation.ts";
import { note } from "./engine/record.ts";
import { assertName } from "./model/ids.ts";

export type { Context } from "./engine/scope.ts";

/** The id of the run. */
export const id = (ctx: Context): string => ctx.execution.id;

/** A pino logger with the run, the workflow and the correlation id. It is silent during a replay: what was said was said. */
export const log = (ctx: Context): Logger => bodyLogger(ctx.execution);

/** The time at which the run learned what it knows, in ms since 1970: that of the last record it was given. The same on replay. */
export const now = (ctx: Context): number => drawNow(ctx);

/** A random number from 0 up to 1, the same on replay and in a fork that begins later. Not for secrets. Throws `wrong_context`. */
export const random = (ctx: Context): number => drawRandom(ctx);

/** A random UUID, the same on replay and in a fork that begins later. Not for secrets. Throws `wrong_context`. */
export const uuid = (ctx: Context): string => drawUuid(ctx);

const signals = new WeakMap<Execution, AbortSignal>();

/** Aborts when the run is cancelled. Steps get a signal of their own, which also fires on a timeout and a lost lease. */
export const signal = (ctx: Context): AbortSignal => {
  const { execution } = ctx;
  const there = signals.get(execution);
  if (there) return there;
  const controller = new AbortController();
  // A listener runs in the async context of whoever aborts.
  execution.onCancel.push((fault) => apart(() => controller.abort(fault)));
  if (execution.root.fault) controller.abort(execution.root.fault);
  signals.set(execution, controller.signal);
  return controller.signal;
};

export { publish } from "./engine/publish.ts";

/**
 * Guards changed code: true for runs that come here for the first time, false for runs that passed here with the old code.
 * Keep the old branch for as long as such runs exist.
 */
export const patched = (ctx: Context, patch: string): boolean => {
  const { execution } = strandOf(ctx, "Context.patched", patch);
  assertName(patch, "id of a patch");
  const known = execution.patches.get(patch);
  if (known !== undefined) return known;
  const isNew = !isReplaying(execution) || marks(execution, patch);
  execution.patches.set(patch, isNew);
  if (isNew && !isReplaying(execution) && execution.phase === "executing")
    execution.seen = note(execution, { kind: "patched", key: patch }).seq;
  return isNew;
};

/** True when an earlier execution took the new branch here. */
const marks = (execution: Execution, patch: string): boolean =>
  execution.inbox.some(({ row }, at) => at >= execution.cursor && row.kind === "patched" && row.key === patch);

/**
 * Calls back with a context that a cancel does not reach, for cleaning up: its steps still work, and get no abort.
 * What they record is replayed like everything else.
 */
export const shield = <T>(ctx: Context, run: (ctx: Context) => Promise<T>): Promise<T> => {
  strandOf(ctx, "Context.shield");
  return run({ ...ctx, scope: scopeUnder(undefined) });
};

/**
 * Says a part of a body as a chain: its steps run in this run, under this context, and every result is there under its name for those
 * that follow. Answers with all results but the input. The same keys, promises and crashes as the calls of `Step` in its place.
 */
export const chain = <Input, Results>(
  ctx: Context,
  input: Input,
  say: (chain: Chain<Input, { readonly input: Input }>) => Chain<Input, Results>,
): Promise<{ readonly [K in Exclude<keyof Results, "input">]: Results[K] }> => {
  strandOf(ctx, "Context.chain");
  return silently(follow(ctx, input, say as Say)) as Promise<Results>;
};

type Say = (chain: Chain<unknown, { readonly input: unknown }>) => Chain<unknown, unknown>;

const follow = async (ctx: Context, input: unknown, say: Say): Promise<unknown> => {
  const { plan } = say(new Chain(open({ name: ctx.execution.definition.name })));
  return allResults(await walk(ctx, plan.nodes, withResult({}, "input", input)));
};
