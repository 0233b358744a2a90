/** Runs that gather messages of many senders, and runs whose wait is raced by a message. */
import { Context, Fault, Signal, Step, Workflow } from "../../src/index.ts";
import { signed } from "../kit/act.ts";
import { tellLife } from "../kit/effects.ts";
import { inOwnContext, look } from "../kit/foreign.ts";
import { computedOf, computes, rejectsLate } from "../kit/programs.ts";
import { work } from "../kit/work.ts";

export type Message = { readonly sender: number; readonly seq: number };

export const message = Signal.define<Message>("message");

/** Every other run waits with a heartbeat: each round leaves a wait behind, which must take no message. */
const next = async (ctx: Context.Context, n: number): Promise<Message> => {
  if (n % 2 === 0) return Step.wait(ctx, message);
  for (;;) {
    const said = await Promise.race([Step.wait(ctx, message), Step.sleep(ctx, "heartbeat", 150)]);
    look(ctx, "after a race");
    if (said !== undefined) return said;
  }
};

const gathering = async (ctx: Context.Context, n: number, total: number): Promise<Message[]> => {
  const got: Message[] = [];
  // Branches compute beside the waits, and before some of the steps.
  const beside = n % 3 === 0 ? computes(ctx, signed, n, "names") : rejectsLate(ctx, signed, n);
  while (got.length < total) {
    got.push(await next(ctx, n));
    if (got.length % 10 !== 0) continue;
    if (n % 5 === 0) await work();
    await signed(ctx, "tally", () => got.length);
  }
  const sum = await beside;
  if (sum !== (n % 3 === 0 ? computedOf(n) : n)) throw Fault.fatal(`what was done beside the waits came to ${sum}`);
  return got;
};

const numberOf = (ctx: Context.Context): number => Number(Context.id(ctx).split("-").at(-1));

/** Takes so many messages, and answers with them in the order in which it got them. */
export const gather = Workflow.define({ name: "gather" }, (ctx, total: number) =>
  inOwnContext(ctx, numberOf(ctx), () => gathering(ctx, numberOf(ctx), total)),
);

export const shot = Signal.define<number>("shot");
export const again = Signal.define<number>("again");

export type Race = { readonly timeout: number; readonly rounds: number };

/** Who won, as each life of the body saw it: the wait is behind it, so what it says comes out of its history. */
export const race = Workflow.define({ name: "race" }, async (ctx, { timeout, rounds }: Race) => {
  tellLife(ctx);
  const got = await Step.wait(ctx, shot, { timeout });
  const saw: string[] = [];
  for (let round = 0; round <= rounds; round++) {
    if (round > 0) await Step.wait(ctx, again);
    saw.push(await Step.run(ctx, "saw", () => (got === undefined ? "over" : `shot ${got}`)));
  }
  const late = got === undefined ? await Step.wait(ctx, shot, { name: "late" }) : got;
  return { saw, late };
});

export const all = [gather, race];
