/** `Step.all` and `Step.map`: parallel branches of a body, each with a context of its own, with a limit, failing fast or settling. */
import { abandon, branchOf, runBranch } from "./engine/branch.ts";
import { strandOf, type Strand } from "./engine/caller.ts";
import { listenedTo } from "./engine/listened.ts";
import { silently } from "./engine/operation.ts";
import type { Context } from "./engine/scope.ts";
import * as Fault from "./model/fault.ts";
import { asText, isError, read } from "./model/guarded.ts";
import { assertName } from "./model/ids.ts";
import { createCheck } from "./model/known.ts";

export type BranchOptions = {
  /** How many branches are under way at a time. Default: all. */
  readonly limit?: number | undefined;
};

type Settling = BranchOptions & { readonly onError: "settle" };
type Failing = BranchOptions & { readonly onError?: "fail" };

type Modes = { readonly limit?: number | undefined; readonly onError?: "fail" | "settle" | undefined };
const checkAll = createCheck<Modes>("Step.all", { limit: true, onError: true });
const checkMap = createCheck<Modes>("Step.map", { limit: true, onError: true });

const assertMode = (onError: unknown, what: string): void => {
  if (onError === undefined || onError === "fail" || onError === "settle") return;
  throw Fault.make("invalid_option", `The option onError of ${what} is ${asText(onError)}; it takes "fail" or "settle".`, {
    option: "onError",
  });
};

export type Branch = { readonly name: string; readonly run: (ctx: Context) => unknown };

export const limitOf = (options: BranchOptions, what: string): number => {
  const { limit = Infinity } = options;
  if (limit === Infinity || (Number.isInteger(limit) && limit >= 1)) return limit;
  throw Fault.make("invalid_option", `The limit of ${what} is ${limit}; it takes a whole number from 1.`);
};

/** Runs branches with a limit. The first failure cancels the others and what they have under way, and is thrown once all are at their end. */
export const failFast = async (ctx: Context, strand: Strand, branches: readonly Branch[], limit: number): Promise<unknown[]> => {
  const results: unknown[] = [];
  const scopes = branches.map(({ name }) => branchOf(ctx, name));
  let failure: { readonly error: unknown } | undefined;
  await inTurn(branches.length, limit, async (index) => {
    const scope = scopes[index];
    const branch = branches[index];
    if (failure || !scope || !branch) return;
    try {
      results[index] = await runBranch(scope, strand, branch.run);
    } catch (error) {
      failure ??= { error };
      for (const other of scopes)
        if (other !== scope)
          abandon(
            other,
            Fault.make(
              "cancelled",
              `Another branch failed: ${asText(isError(error) ? read(error, "message") : error)}`,
              {},
              { cause: error },
            ),
          );
    }
  });
  if (failure) throw failure.error;
  return results;
};

const settleAll = async (
  ctx: Context,
  strand: Strand,
  branches: readonly Branch[],
  limit: number,
): Promise<PromiseSettledResult<unknown>[]> => {
  const results: PromiseSettledResult<unknown>[] = [];
  await inTurn(branches.length, limit, async (index) => {
    const branch = branches[index];
    if (!branch) return;
    try {
      results[index] = { status: "fulfilled", value: await runBranch(branchOf(ctx, branch.name), strand, branch.run) };
    } catch (reason) {
      results[index] = { status: "rejected", reason };
    }
  });
  return results;
};

const inTurn = async (count: number, limit: number, work: (index: number) => Promise<void>): Promise<void> => {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(limit, count) }, lane));
};

type Results<B extends Readonly<Record<string, (ctx: Context) => unknown>>> = {
  -readonly [K in keyof B]: Awaited<ReturnType<B[K]>>;
};
type Settled<B extends Readonly<Record<string, (ctx: Context) => unknown>>> = {
  -readonly [K in keyof B]: PromiseSettledResult<Awaited<ReturnType<B[K]>>>;
};

/**
 * Runs named branches at the same time, each with a context of its own: the keys of its steps read `prepare[label]/print`.
 * By default the first failure cancels the other branches and is thrown; with `onError: "settle"` all are let finish. Rejects with
 * `invalid_option` for a branch whose name could not be one of a step.
 */
export function all<B extends Readonly<Record<string, (ctx: Context) => unknown>>>(
  ctx: Context,
  name: string,
  branches: B,
  options: Settling,
): Promise<Settled<B>>;
export function all<B extends Readonly<Record<string, (ctx: Context) => unknown>>>(
  ctx: Context,
  name: string,
  branches: B,
  options?: Failing,
): Promise<Results<B>>;
export function all(
  ctx: Context,
  name: string,
  branches: Readonly<Record<string, (ctx: Context) => unknown>>,
  options: Settling | Failing = {},
): Promise<unknown> {
  return silently(listenedTo(runNamed(ctx, strandOf(ctx, "Step.all", name), name, branches, options)));
}

const runNamed = async (
  ctx: Context,
  strand: Strand,
  name: string,
  branches: Readonly<Record<string, (ctx: Context) => unknown>>,
  options: Settling | Failing,
): Promise<unknown> => {
  assertName(name, "name of Step.all");
  checkAll(options, name);
  assertMode(options.onError, `Step.all "${name}"`);
  const keys = Object.keys(branches);
  for (const key of keys) assertName(key, `name of a branch of Step.all "${name}"`);
  const list = keys.map((key): Branch => ({ name: `${name}[${key}]`, run: (scope) => branches[key]?.(scope) }));
  const run = options.onError === "settle" ? settleAll : failFast;
  const results = await run(ctx, strand, list, limitOf(options, `Step.all "${name}"`));
  return Object.fromEntries(keys.map((key, index) => [key, results[index]]));
};

/**
 * Runs a function for each item, at most `limit` at a time, each with a context of its own: the keys of its steps read
 * `label[3]/print`. Answers in the order of the items. By default the first failure cancels the rest and is thrown.
 */
export function map<Item, Result>(
  ctx: Context,
  name: string,
  items: Iterable<Item>,
  call: (ctx: Context, item: Item, index: number) => Result,
  options: Settling & BranchOptions,
): Promise<PromiseSettledResult<Awaited<Result>>[]>;
export function map<Item, Result>(
  ctx: Context,
  name: string,
  items: Iterable<Item>,
  call: (ctx: Context, item: Item, index: number) => Result,
  options?: Failing,
): Promise<Awaited<Result>[]>;
export function map(
  ctx: Context,
  name: string,
  items: Iterable<unknown>,
  call: (ctx: Context, item: unknown, index: number) => unknown,
  options: Settling | Failing = {},
): Promise<unknown> {
  return silently(listenedTo(runEach(ctx, strandOf(ctx, "Step.map", name), name, items, call, options)));
}

const runEach = async (
  ctx: Context,
  strand: Strand,
  name: string,
  items: Iterable<unknown>,
  call: (ctx: Context, item: unknown, index: number) => unknown,
  options: Settling | Failing,
): Promise<unknown> => {
  assertName(name, "name of Step.map");
  checkMap(options, name);
  assertMode(options.onError, `Step.map "${name}"`);
  const list = Array.from(items, (item, index): Branch => ({
    name: `${name}[${index}]`,
    run: (scope) => call(scope, item, index),
  }));
  const run = options.onError === "settle" ? settleAll : failFast;
  return run(ctx, strand, list, limitOf(options, `Step.map "${name}"`));
};
