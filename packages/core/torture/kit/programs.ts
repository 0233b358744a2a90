/**
 * Parts of bodies as real programs have them: branches that compute between their steps, functions that hang, promises that are rejected before anything
 * awaits them, failures that the body wraps. Each part answers with a checksum of `n`, and writes down what it must not see.
 */
import { existsSync, writeFileSync } from "node:fs";
import { Context, Fault, Step } from "../../src/index.ts";
import type { Act } from "./act.ts";
import { look, lookFrom } from "./foreign.ts";
import { sight } from "./sights.ts";
import { anyWork, work } from "./work.ts";

/** A file beside the ledger: worker and client tell each other of a run by it. */
const flagOf = (ledger: string, run: string, flag: "healed" | "hangs"): string =>
  `${ledger}.${Bun.hash(run).toString(36)}.${flag}`;

/** How branches differ: by the names of their steps, by the step before their work, or by a context. */
export const branchings = ["names", "places", "map"] as const;
export type Branching = (typeof branchings)[number];

const branches = [0, 1, 2];

export const computedOf = (n: number): number => 3 * n + 3;

type Kept = { readonly at: number; readonly drawn: readonly unknown[] };

/** A branch gets its own results, and draws again what it drew. */
const branch = async (own: Context.Context, act: Act, how: Branching, at: number, n: number): Promise<number> => {
  const suffix = how === "names" ? ` ${at}` : "";
  const asked = await act(own, `ask${suffix}`, () => at);
  await (how === "places" ? work() : anyWork());
  look(own, "after work");
  const drawn = [Context.now(own), Context.random(own), Context.uuid(own)];
  const kept = await act(own, `keep${suffix}`, (): Kept => ({ at, drawn }));
  if (asked !== at || kept.at !== at) sight(own, "swapped", `branch ${at} got the results of ${asked} and ${kept.at}`);
  else if (!Bun.deepEquals(kept.drawn, drawn)) sight(own, "redrawn", `${kept.drawn.join()} and then ${drawn.join()}`);
  return kept.at + n;
};

/** Parallel branches that compute between their steps. */
export const computes = async (ctx: Context.Context, act: Act, n: number, how: Branching): Promise<number> => {
  const one = (own: Context.Context, at: number): Promise<number> => branch(own, act, how, at, n);
  const sums =
    how === "map" ? await Step.map(ctx, "computing", branches, one) : await Promise.all(branches.map((at) => one(ctx, at)));
  return sums.reduce((a, b) => a + b, 0);
};

/** A race between branches that compute: its winner is the same in each life. */
export const races = async (ctx: Context.Context, act: Act, n: number): Promise<number> => {
  const runner = async (who: string): Promise<string> => {
    await act(ctx, `set off ${who}`, () => who);
    await anyWork();
    return act(ctx, `arrive ${who}`, () => who);
  };
  const running = ["a", "b"].map(runner);
  const winner = await Promise.race(running);
  const told = await act(ctx, "won", () => winner);
  if (told !== winner) sight(ctx, "swapped", `the race was won by ${told}, and then by ${winner}`);
  const all = await Promise.all(running);
  return all.join() === "a,b" ? n : Number.NaN;
};

const never = (): Promise<never> => new Promise(() => {});
const once = { retry: { attempts: 1 } } as const;

/** How long a function that comes far too late takes, in ms, and how long it may take. */
const tooLate = 500;
const timeout = 40;

/** The first attempt ignores its signal, and ends never or far too late. The next one answers. */
export const hangs = (ctx: Context.Context, act: Act, n: number): Promise<number> =>
  act(
    ctx,
    "hangs",
    ({ attempt, signal }): number | Promise<number> => {
      if (attempt > 1) return n;
      signal.addEventListener("abort", () => lookFrom(ctx, "an abort"));
      if (n % 3 === 0) return never();
      return Bun.sleep(tooLate).then(() => (n % 3 === 1 ? -1 : Promise.reject(new Error("far too late"))));
    },
    { timeout, grace: 20, retry: { attempts: 5, delay: 5, factor: 1, jitter: "none" } },
  );

export const foreverKey = "hangs for ever";

/** Ends by a cancel only: its function ignores its signal and never settles. */
export const hangsForever = (ctx: Context.Context, act: Act): Promise<never> =>
  act(
    ctx,
    foreverKey,
    () => {
      writeFileSync(flagOf(process.env["LEDGER"] ?? "", Context.id(ctx), "hangs"), "");
      return never();
    },
    { grace: 60 },
  );

/** Waits until the function of such a run hangs. Gives up after a while: the run may be at its end by then. */
export const untilHangs = async (ledger: string, run: string): Promise<void> => {
  for (const end = performance.now() + 20_000; !existsSync(flagOf(ledger, run, "hangs")) && performance.now() < end;)
    await Bun.sleep(20);
};

/** Promises that are rejected while the body sleeps, and that it handles later. */
export const rejectsLate = async (ctx: Context.Context, act: Act, n: number): Promise<number> => {
  const decline = (): Promise<never> => act(ctx, "declines", () => Promise.reject(new Error("declined")), once);
  const over = Promise.withResolvers<void>();
  const helper = async (): Promise<number> => {
    try {
      if (n % 2 === 0) return await decline();
      await act(ctx, "answers", () => "no");
      throw new RangeError("the helper itself fails");
    } finally {
      over.resolve();
    }
  };
  const begun = helper();
  const derived = begun.then(() => -1);
  // The sleep is asked for when the promises are rejected: however slow the machine is, it ends in a later task.
  await over.promise;
  await Step.sleep(ctx, "meanwhile", 20);
  look(ctx, "after a sleep");
  const settled = await Promise.allSettled([begun, derived]);
  return settled.every(({ status }) => status === "rejected") ? n : Number.NaN;
};

export const wrappings = ["text", "fatal text", "settled", "aggregate", "any"] as const;
export type Wrapping = (typeof wrappings)[number];

/** From now on the outside answers this run. */
export const heal = (ledger: string, run: string): void => writeFileSync(flagOf(ledger, run, "healed"), "");

/** Fails until its run is healed, with an error that the body wraps. A retry goes on from the steps that failed. */
export const wraps = async (ctx: Context.Context, act: Act, n: number, how: Wrapping): Promise<number> => {
  const ask = (name: string): Promise<number> =>
    act(
      ctx,
      name,
      () => {
        if (existsSync(flagOf(process.env["LEDGER"] ?? "", Context.id(ctx), "healed"))) return n;
        throw new Error(`${name} is down`);
      },
      once,
    );
  if (how === "text" || how === "fatal text")
    return ask("outside").catch((error: Error) => {
      const text = `the order failed: ${error.message}`;
      throw how === "text" ? new Error(text) : Fault.fatal(text);
    });
  if (how === "any") return Promise.any([ask("outside"), ask("other side")]);
  const settled = await Promise.allSettled([ask("outside"), ask("other side")]);
  const errors = settled.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
  if (errors.length > 0) throw how === "aggregate" ? new AggregateError(errors, "both failed") : new Error("some failed");
  return n;
};
