/** Workflows for processes that die, and the ledger of all that is known of them: what was acknowledged, and which functions began. */
import { Signal, Step, Workflow, type Context } from "../../src/index.ts";
import type { Run } from "../../src/index.ts";
import { looking, type Act } from "./act.ts";
import { inOwnContext, look, lookFrom } from "./foreign.ts";
import * as Ledger from "./ledger.ts";
import { computedOf, computes, hangs, races, rejectsLate } from "./programs.ts";

/** One ledger for everything, so that its lines have one order. */
export type Line =
  | { readonly kind: "start"; readonly run: string; readonly workflow: string; readonly input: number }
  | { readonly kind: "signal"; readonly run: string }
  | { readonly kind: "cancel"; readonly run: string }
  | { readonly kind: "result"; readonly run: string; readonly value: number }
  /** A step's function began. A step of a stage begins only when all of the stages before it are recorded. */
  | { readonly kind: "effect"; readonly run: string; readonly key: string; readonly stage: number }
  | { readonly kind: "stuck"; readonly run: string; readonly why: string };

export const ledgerFile = (): string => {
  const file = process.env["LEDGER"];
  if (file === undefined) throw new Error("The environment variable LEDGER names the ledger.");
  return file;
};

export const go = Signal.define<number>("go");
const never = Signal.define("never");

const effect =
  (stage: number, value: number, ms = 0) =>
  async ({ key }: Step.Tools): Promise<number> => {
    Ledger.write(ledgerFile(), { kind: "effect", run: key.slice(0, key.lastIndexOf("/")), key, stage } satisfies Line);
    if (ms > 0) await Bun.sleep(ms);
    return value;
  };

const part = Workflow.define({ name: "part" }, async (ctx, n: number) => {
  lookFrom(ctx, "the body of a child");
  return (await Step.run(ctx, "half", effect(1, n))) + (await Step.run(ctx, "other", effect(2, n, 1)));
});

/** A step of the third stage. */
const act: Act = looking((ctx, name, run, limits) =>
  Step.run(ctx, name, (tools) => effect(3, 0)(tools).then(() => run(tools)), limits),
);

/** What real programs do besides: each order something else. The first orders of a customer have the most of it. */
const besides = async (ctx: Context.Context, n: number): Promise<number> => {
  switch (n % 5) {
    case 0:
      return (await Promise.all([hangs(ctx, act, n), rejectsLate(ctx, act, n)])).reduce((a, b) => a + b);
    case 1:
      return computes(ctx, act, n, "names");
    case 2:
      return computes(ctx, act, n, "places");
    case 3:
      return races(ctx, act, n);
    default:
      return computes(ctx, act, n, "map");
  }
};

const besidesOf = (n: number): number => [2 * n, computedOf(n), computedOf(n), n, computedOf(n)][n % 5] ?? 0;

const ordering = async (ctx: Context.Context, n: number): Promise<number> => {
  const reserved = await Step.run(ctx, "reserve", effect(1, n, 1));
  const [paid, packed] = await Promise.all([Step.run(ctx, "pay", effect(2, n * 2, 2)), Step.run(ctx, "pack", effect(2, n * 3))]);
  const more = await besides(ctx, n);
  await Step.sleep(ctx, "rest", 120);
  const sent = await Step.wait(ctx, go);
  look(ctx, "after a signal");
  const child = await Step.call(ctx, part, n);
  return reserved + paid + packed + more + sent + child + (await Step.run(ctx, "ship", effect(4, 1)));
};

/** Its result is a checksum of its input. */
export const order = Workflow.define({ name: "order" }, (ctx, n: number) => inOwnContext(ctx, n, () => ordering(ctx, n)));

export const expected = (n: number): number => n * 8 + 7 + 1 + besidesOf(n);

/** The steps of a completed run, by their keys. */
export const stepsOf = (workflow: string, run: string): string[] =>
  (workflow === "order" ? ["reserve", "pay", "pack", "ship"] : workflow === "part" ? ["half", "other"] : []).map(
    (step) => `${run}/${step}`,
  );

/** Ends only by a cancel. */
export const endless = Workflow.define({ name: "endless" }, async (ctx, n: number) => {
  await Step.run(ctx, "begin", effect(1, n));
  await Step.wait(ctx, never);
});

export const all = [order, part, endless];

/** What a customer sends to each order. A second signal with the same key is the same. */
export const release = (run: Run.Handle): Promise<void> => Signal.send(run, go, 7, { key: "once" });
