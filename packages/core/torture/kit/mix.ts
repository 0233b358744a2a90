/** The mix: a workflow that uses most of what there is, whose result is a checksum of its input. Every function tells the ledger. */
import { sql } from "drizzle-orm";
import { Fault, Signal, Step, Workflow, type Context } from "../../src/index.ts";
import type { Chance } from "../../test/fuzz/chance.ts";
import { signed } from "./act.ts";
import { leaseUnder, tell, type Signed } from "./effects.ts";
import { inOwnContext, look, lookFrom } from "./foreign.ts";
import {
  branchings,
  computedOf,
  computes,
  hangs,
  hangsForever,
  races,
  rejectsLate,
  wrappings,
  wraps,
  type Branching,
  type Wrapping,
} from "./programs.ts";
import type { Shop } from "./shop.ts";
import { shareOf } from "./share.ts";

/** The input of a run of the mix. */
export type Job = {
  readonly n: number;
  /** Steps that run side by side. */
  readonly width: number;
  readonly together: "all" | "map" | "settled" | "any";
  /** How long each function takes at most. */
  readonly ms: number;
  readonly nap: number;
  /** The wait before the second attempt of the step that fails once. */
  readonly delay: number;
  readonly words: number;
  readonly orphan: "cancel" | "keep";
  /** How long its children sleep. */
  readonly childNap: number;
  readonly ending: "returns" | "throws";
  /** What its body does besides, as real programs do. */
  readonly computes: Branching | "no";
  readonly races: boolean;
  readonly hangs: "no" | "once" | "for ever";
  readonly late: boolean;
  readonly wraps: Wrapping | "no";
};

export const jobOf = (n: number, { one, next, happens }: Chance): Job => ({
  n,
  width: one([2, 5, 9])!,
  together: one(["all", "map", "settled", "any"] as const)!,
  ms: one([2, 8, 30])!,
  nap: Math.floor(next() * 200),
  delay: one([1, 20, 150])!,
  words: Math.floor(next() * 4),
  orphan: one(["cancel", "keep"] as const)!,
  childNap: one([10, 20, 400])!,
  ending: happens(0.1) ? "throws" : "returns",
  computes: happens(0.4) ? one(branchings)! : "no",
  races: happens(0.2),
  hangs: happens(0.15) ? "once" : "no",
  late: happens(0.25),
  wraps: happens(0.1) ? one(wrappings)! : "no",
});

export const word = Signal.define<number>("word");

export const childResult = (n: number): number => n + 1;

/** What the parts of a job besides the mix itself add up to. */
const besidesOf = ({ n, computes, races, hangs, late, wraps }: Job): number =>
  (computes === "no" ? 0 : computedOf(n)) + [races, hangs === "once", late, wraps !== "no"].filter(Boolean).length * n;

/** What the run of a job answers. */
export const expectedOf = (job: Job): number => {
  const { n, width, together, words } = job;
  const steps = n + (together === "any" ? n : n * width) + n * 2 + (words * (words + 1)) / 2;
  return steps + childResult(n) + 1 + besidesOf(job);
};

type Act = { readonly ms: number; readonly fails?: number; readonly undo?: boolean; readonly delay?: number };

/** A step that tells the ledger when it begins, and signs its value with the lease. */
export const act = async (
  ctx: Context.Context,
  name: string,
  value: number,
  { ms, fails = 0, undo, delay = 5 }: Act,
): Promise<number> => {
  const sign = async (tools: Step.Tools): Promise<Signed<number>> => {
    const lease = leaseUnder(ctx);
    tell(ctx, tools, "began", lease);
    lookFrom(ctx, `the function of ${tools.key}`);
    if (ms > 0) await Bun.sleep(shareOf(`${tools.key} ${tools.attempt} ${lease}`) * ms);
    // Every other run's functions heed a wish to stop; the others answer all the same.
    if (value % 2 === 1) tools.signal.throwIfAborted();
    if (tools.attempt <= fails) throw new RangeError(`${name} fails ${fails} times`);
    return { value, lease };
  };
  const undoing = undo
    ? { undo: (_: Signed<number>, tools: Step.Tools) => sign({ ...tools, attempt: fails + tools.attempt }) }
    : {};
  const retry = { attempts: fails + 3, delay, factor: 1, jitter: "none" } as const;
  const answer = await Step.run(ctx, name, sign, { retry, ...undoing });
  look(ctx, `after ${name}`);
  return answer.value;
};

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** Steps side by side, in every way there is; in each the keys are `part`, `part#2` … or `fan[1]/part` … */
const fanOut = async (ctx: Context.Context, { n, width, together, ms }: Job): Promise<number> => {
  const each = Array.from({ length: width }, (_, at) => at);
  const part = (own: Context.Context): Promise<number> => act(own, "part", n, { ms, undo: true });
  switch (together) {
    case "all":
      return sum(await Promise.all(each.map(() => part(ctx))));
    case "map":
      return sum(await Step.map(ctx, "fan", each, part, { limit: 4 }));
    case "settled": {
      const settled = await Promise.allSettled(each.map(() => part(ctx)));
      return sum(settled.map((one) => (one.status === "fulfilled" ? one.value : Number.NaN)));
    }
    case "any":
      return Promise.any(each.map((at) => (at === 0 ? Promise.reject(new Error("never this one")) : part(ctx))));
  }
};

/** What real programs do besides. Those that compute do so beside a function that hangs. */
const besides = async (ctx: Context.Context, { n, computes: how, races: isRace, hangs: hanging, late, wraps: wrapping }: Job) => {
  const parts = await Promise.all([
    how === "no" ? 0 : computes(ctx, signed, n, how),
    hanging === "once" ? hangs(ctx, signed, n) : 0,
    late ? rejectsLate(ctx, signed, n) : 0,
  ]);
  if (isRace) parts.push(await races(ctx, signed, n));
  if (wrapping !== "no") parts.push(await wraps(ctx, signed, n, wrapping));
  if (hanging === "for ever") await hangsForever(ctx, signed);
  return sum(parts);
};

const child = Workflow.define({ name: "mix-child" }, async (ctx, { n, childNap }: Job) => {
  lookFrom(ctx, "the body of a child");
  const own = await act(ctx, "own", n, { ms: 5, undo: true });
  await Step.sleep(ctx, "child-nap", childNap);
  return own + (await act(ctx, "more", 1, { ms: 1 }));
});

const row = (ctx: Context.Context, shop: Shop, n: number): Promise<number> =>
  Step.transaction(ctx, "row", shop.database, (tx, { key }) => {
    const written = shop.write(tx, sql`insert into torture_shop (step, n) values (${key}, ${n})`);
    return (written instanceof Promise ? written.then(() => n) : n) as number;
  });

export const shopTable = "create table torture_shop (step varchar(255), n integer)";

/** The workflows of the mix. Its transactions are made on this database. */
export const mixOn = (shop: Shop) => {
  const mix = Workflow.define({ name: "mix" }, (ctx, job: Job) => inOwnContext(ctx, job.n, () => mixing(ctx, shop, job)));
  return { mix, child };
};

const mixing = async (ctx: Context.Context, shop: Shop, job: Job): Promise<number> => {
  const { n, nap, delay, words, orphan, ending, ms } = job;
  const first = await act(ctx, "first", n, { ms, undo: true });
  const parts = await fanOut(ctx, job);
  const more = await besides(ctx, job);
  const [flaky] = await Promise.all([
    act(ctx, "flaky", n, { ms, fails: 1, delay }),
    Promise.race([act(ctx, "hare", n, { ms: 20 }), Step.sleep(ctx, "tortoise", 10)]),
  ]);
  await Step.sleep(ctx, "nap", nap);
  let heard = 0;
  for (let at = 1; at <= words; at++) {
    const said = await Step.wait(ctx, word);
    look(ctx, "after a message");
    if (said !== at) throw Fault.fatal(`word ${said} came in the place of word ${at}`);
    heard += said;
  }
  await Step.start(ctx, child, job, { name: "away", orphan });
  const called = await Step.call(ctx, child, job);
  const rows = await row(ctx, shop, n);
  if (ending === "throws") throw Fault.fatal("its program throws");
  return first + parts + more + flaky + heard + called + rows + (await act(ctx, "last", 1, { ms: 0 }));
};
