/** What stopped processes were in the middle of: a step that holds on until it is told to stop, beside others that want to be recorded. */
import { existsSync } from "node:fs";
import { Fault, Signal, Step, Workflow, type Context } from "../../src/index.ts";
import { signed } from "../kit/act.ts";
import { leaseUnder, tell, type Signed } from "../kit/effects.ts";
import { inOwnContext, look, lookFrom } from "../kit/foreign.ts";
import { act } from "../kit/mix.ts";
import { branchings, computedOf, computes, hangs, rejectsLate } from "../kit/programs.ts";
import { shareOf } from "../kit/share.ts";

export const nudge = Signal.define<number>("nudge");

/** The file that lets go of every hold. */
const isReleased = (): boolean => existsSync(`${process.env["LEDGER"]}.release`);

export const mostHeld = 20_000;

/**
 * Under a run's first lease it holds on until it is told to stop, and then answers all the same: a late result, which must not be taken.
 * Under a later lease it takes a moment.
 */
const hold = async (ctx: Context.Context, value: number): Promise<number> => {
  const signed = await Step.run(ctx, "hold", async (tools): Promise<Signed<number>> => {
    const lease = leaseUnder(ctx);
    tell(ctx, tools, "began", lease);
    lookFrom(ctx, "the function that holds on");
    tools.signal.addEventListener("abort", () => tell(ctx, tools, "aborted", lease));
    const end = performance.now() + (lease === 1 ? mostHeld : shareOf(tools.key) * 300);
    while (!tools.signal.aborted && !isReleased() && performance.now() < end) await Bun.sleep(50);
    tell(ctx, tools, "answered", lease);
    return { value, lease };
  });
  return signed.value;
};

const inTurn = async (ctx: Context.Context, n: number, steps: number): Promise<number> => {
  let sum = 0;
  for (let at = 0; at < steps; at++) sum += await act(ctx, "quick", n, { ms: 250 });
  return sum;
};

const naps = async (ctx: Context.Context): Promise<number> => {
  for (let at = 0; at < 3; at++) {
    await Step.sleep(ctx, "doze", 350);
    look(ctx, "after a sleep");
  }
  return 0;
};

const heard = async (ctx: Context.Context): Promise<number> => {
  let sum = 0;
  for (let at = 1; at <= 3; at++) {
    const said = await Step.wait(ctx, nudge);
    if (said !== at) throw Fault.fatal(`nudge ${said} came in the place of ${at}`);
    sum += said;
  }
  return sum;
};

const errand = Workflow.define({ name: "errand" }, (ctx, n: number) => act(ctx, "own", n, { ms: 400 }));

/** Branches that compute beside what holds on, then a function that hangs beside promises that are rejected late. */
const besides = async (ctx: Context.Context, n: number): Promise<number> => {
  const computed = await computes(ctx, signed, n, branchings[n % branchings.length] ?? "names");
  const [hung, late] = await Promise.all([hangs(ctx, signed, n), rejectsLate(ctx, signed, n)]);
  return computed + hung + late;
};

const standing = async (ctx: Context.Context, n: number): Promise<number> => {
  const steady = [hold(ctx, n), inTurn(ctx, n, 8), naps(ctx), heard(ctx), Step.call(ctx, errand, n)];
  const parts = await Promise.all([...steady, besides(ctx, n)]);
  return parts.reduce((a, b) => a + b, 0) + (await act(ctx, "last", 1, { ms: 0 }));
};

export const stand = Workflow.define({ name: "stand" }, (ctx, n: number) => inOwnContext(ctx, n, () => standing(ctx, n)));

export const expectedOf = (n: number): number => n + 8 * n + 6 + n + computedOf(n) + 2 * n + 1;

/** Holds the event loop, as a careless step does. */
export const spin = Workflow.define({ name: "spin" }, (ctx, ms: number) =>
  Step.run(ctx, "spin", (tools): Signed<number> => {
    const lease = leaseUnder(ctx);
    tell(ctx, tools, "began", lease);
    const end = performance.now() + ms;
    while (performance.now() < end);
    return { value: 1, lease };
  }),
);

export const all = [stand, errand, spin];
