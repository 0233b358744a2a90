/**
 * Errands: runs whose steps are a chain. Each step hands on a token of its own and keeps the one before, so that a history tells whether it is of one piece: a step that was done in a past
 * that was lost does not fit to those that were done anew.
 */
import { sql } from "drizzle-orm";
import { Signal, Step, Workflow, type Context } from "../../src/index.ts";
import { signed } from "../kit/act.ts";
import { leaseUnder, tell, type Signed } from "../kit/effects.ts";
import { inOwnContext, look } from "../kit/foreign.ts";
import { read, write } from "../kit/ledger.ts";
import { branchings, computedOf, computes, hangs, rejectsLate } from "../kit/programs.ts";
import type { Shop } from "../kit/shop.ts";

/** What a step of the chain records. */
export type Link = { readonly token: string; readonly before: string };
/** A line of the ledger of links: this function began, and its body had seen that token. */
export type LinkBegun = Link & { readonly run: string; readonly key: string };

export type Answer = { readonly sum: number; readonly token: string };

export const nod = Signal.define<number>("nod");

/** The steps of a run, in order. `second` fails once; an attempt more, of any of them, fails the run. */
export const chain = ["first", "second", "third"] as const;

/** What real programs do besides: each errand something else. */
const besides = async (ctx: Context.Context, n: number): Promise<number> => {
  const how = branchings[n % 5];
  if (how !== undefined) return computes(ctx, signed, n, how);
  return n % 5 === 3 ? rejectsLate(ctx, signed, n) : hangs(ctx, signed, n);
};

export const answerOf = (n: number): number => n * 2 + (n % 5 < branchings.length ? computedOf(n) : n);

const ledgerOfLinks = (ledger: string): string => `${ledger}.links`;

export const readLinks = (ledger: string): LinkBegun[] => read<LinkBegun>(ledgerOfLinks(ledger));

const step = async (ctx: Context.Context, name: (typeof chain)[number], before: string): Promise<string> => {
  const fails = name === "second" ? 1 : 0;
  const { value } = await Step.run(
    ctx,
    name,
    (tools): Signed<Link> => {
      const lease = leaseUnder(ctx);
      tell(ctx, tools, "began", lease);
      if (tools.attempt <= fails) throw new RangeError(`${name} fails once`);
      const token = Bun.randomUUIDv7("base64url");
      const run = ctx.execution.id;
      write(ledgerOfLinks(process.env["LEDGER"] ?? ""), { run, key: name, token, before } satisfies LinkBegun);
      return { value: { token, before }, lease };
    },
    { retry: { attempts: 1 + fails, delay: 20, factor: 1, jitter: "none" } },
  );
  return value.token;
};

/** Every fourth writes a row of the user's own. */
const hasRow = (n: number): boolean => n % 4 === 0;

const going = async (ctx: Context.Context, shop: Shop, n: number): Promise<Answer> => {
  const first = await step(ctx, "first", "");
  const said = await Step.wait(ctx, nod);
  look(ctx, "after a signal");
  const second = await step(ctx, "second", first);
  const more = await besides(ctx, n);
  await Step.sleep(ctx, "breath", 30);
  if (hasRow(n))
    await Step.transaction(ctx, "row", shop.database, (tx, { key }) => {
      const written = shop.write(tx, sql`insert into torture_shop (step, n) values (${key}, ${n})`);
      return (written instanceof Promise ? written.then(() => n) : n) as number;
    });
  return { sum: n + said + more, token: await step(ctx, "third", second) };
};

export const errandsOn = (shop: Shop) => ({
  errand: Workflow.define({ name: "errand" }, (ctx, n: number) => inOwnContext(ctx, n, () => going(ctx, shop, n))),
});
