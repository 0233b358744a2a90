/** What runs while clocks are set: sleeps, steps that take long, and steps that hang until their timeout. */
import { Fault, Step, Workflow, type Context } from "../../src/index.ts";
import { looking, type Act } from "../kit/act.ts";
import { inOwnContext } from "../kit/foreign.ts";
import * as Ledger from "../kit/ledger.ts";
import { branchings, computedOf, computes, rejectsLate } from "../kit/programs.ts";

/** A step's function began, in which process, and what that process's clock said. */
export type Line = { readonly key: string; readonly worker: string; readonly clock: number };

const begun =
  (ms = 0) =>
  async ({ key }: Step.Tools): Promise<void> => {
    const { LEDGER = "", WORKER = "" } = process.env;
    Ledger.write(LEDGER, { key, worker: WORKER, clock: Date.now() } satisfies Line);
    if (ms > 0) await Bun.sleep(ms);
  };

export const nap = Workflow.define({ name: "nap" }, async (ctx, ms: number) => {
  await Step.run(ctx, "lie-down", begun());
  await Step.sleep(ctx, "nap", ms);
  await Step.run(ctx, "woke", begun());
});

/** Longer than a lease, by time that passes, and with a timeout that only a jump of the clock can reach. */
export const toil = Workflow.define({ name: "toil" }, async (ctx, ms: number) => {
  await Step.run(ctx, "toil", begun(ms), { timeout: "20m", retry: { attempts: 1 } });
});

/** A step that hangs: only its timeout ends it. */
export const hang = Workflow.define({ name: "hang" }, async (ctx, timeout: number) => {
  const hangs = async (tools: Step.Tools): Promise<string> => {
    await begun()(tools);
    return new Promise(() => {});
  };
  return Step.run(ctx, "hang", hangs, { timeout, retry: { attempts: 1 }, fallback: () => "timed out" });
});

const act: Act = looking((ctx, name, run, limits) =>
  Step.run(ctx, name, (tools) => begun()(tools).then(() => run(tools)), limits),
);

const striving = async (ctx: Context.Context, n: number): Promise<void> => {
  const computed = await computes(ctx, act, n, branchings[n % branchings.length] ?? "names");
  const late = await rejectsLate(ctx, act, n);
  if (computed !== computedOf(n) || late !== n) throw Fault.fatal(`run ${n} came to ${computed} and ${late}`);
};

/** Branches that compute while the clock is set, and promises that are rejected late. */
export const strive = Workflow.define({ name: "strive" }, (ctx, n: number) => inOwnContext(ctx, n, () => striving(ctx, n)));

export const all = [nap, toil, hang, strive];
