// The life of an order.
//
//   accept → reserve → pay → (review) → cooling off → ship → fulfilled, confirmed
//
// Whatever fails on the way, the order is given up: its row says why, and the steps are undone, last first.

import { Context, Fault, Signal, Step, Workflow } from "@holdfast/core";
import { z } from "zod";

import * as Database from "./database.ts";
import { isFlagged, amountOf, Order, Receipt } from "./orders.ts";
import { pay } from "./payment.ts";
import { reversible } from "./reversible.ts";
import type { Settings } from "./settings.ts";
import type { Shop } from "./shop.ts";

/** What a person says of a flagged order. */
export const Verdict = z.object({ by: z.string().min(1), approved: z.boolean() });
export const verdict = Signal.define("verdict", Verdict);

const spec = { name: "fulfil-order", version: 1, input: Order, output: Receipt } as const;

export const fulfilment = (shop: Shop) =>
  Workflow.define({ ...spec, retry: shop.patience }, async (ctx, order) => {
    try {
      await Step.transaction(ctx, "accept", shop.database, (tx) => Database.accept(tx, order));
      return await fulfil(ctx, shop, order);
    } catch (error) {
      await Context.shield(ctx, (ctx) => giveUp(ctx, shop, order, error));
      throw error;
    }
  });

const fulfil = async (ctx: Context.Context, shop: Shop, order: Order): Promise<Receipt> => {
  const { parties, usual, settings, database } = shop;
  await reversible(ctx, "reserve", parties.reservation(order), usual);
  const paidBy = await pay(ctx, shop, order);
  if (isFlagged(order)) await review(ctx, settings.REVIEW);
  await Step.sleep(ctx, "cooling-off", settings.COOLING_OFF);
  const { tracking } = await reversible(ctx, "ship", parties.parcel(order), usual);
  const receipt: Receipt = { order: order.id, amount: amountOf(order), paidBy, tracking };
  await Promise.all([
    Step.transaction(ctx, "fulfilled", database, (tx) => Database.fulfil(tx, receipt)),
    // A mail that cannot be sent is no reason to take a parcel back.
    Step.run(ctx, "confirm", parties.confirmation(order).perform, { ...usual, fallback: () => undefined }),
  ]);
  return receipt;
};

const review = async (ctx: Context.Context, timeout: Settings["REVIEW"]): Promise<void> => {
  const answer = await Step.wait(ctx, verdict, { timeout });
  if (!answer) throw Fault.fatal("nobody looked at it in time");
  if (!answer.approved) throw Fault.fatal(`declined by ${answer.by}`);
};

const giveUp = async (ctx: Context.Context, { database }: Shop, order: Order, error: unknown): Promise<void> => {
  const status = Fault.is(error, "cancelled") ? "cancelled" : "refused";
  const reason = error instanceof Error ? error.message : String(error);
  await Step.transaction(ctx, "give-up", database, (tx) => Database.giveUp(tx, order, { status, reason }));
};
