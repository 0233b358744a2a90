// Who pays how: by card at the first provider, else at the second, else by invoice. Before the second is asked, the first is
// told to void whatever it may have charged: an attempt without an answer is not an attempt without an effect.

import { Fault, Step } from "@holdfast/core";
import type { Context } from "@holdfast/core";

import { amountOf } from "./orders.ts";
import type { Order, Receipt } from "./orders.ts";
import { reversible } from "./reversible.ts";
import type { Shop } from "./shop.ts";

type Provider = keyof Shop["breakers"];

export const pay = async (ctx: Context.Context, shop: Shop, order: Order): Promise<Receipt["paidBy"]> => {
  if (amountOf(order) === 0) return "nothing";
  for (const provider of ["northpay", "southpay"] as const) {
    if (await charge(ctx, shop, provider, order)) return provider;
  }
  await reversible(ctx, "invoice", shop.parties.invoice(order), shop.usual);
  return "invoice";
};

const charge = async (ctx: Context.Context, shop: Shop, provider: Provider, order: Order): Promise<boolean> => {
  const deed = shop.parties.charge[provider](order);
  const payment = await reversible(ctx, `charge-${provider}`, deed, {
    ...shop.brief,
    breaker: shop.breakers[provider],
    fallback: noAnswer,
  });
  if (payment === undefined) await Step.run(ctx, `void-${provider}`, deed.takeBack, shop.usual);
  return payment !== undefined;
};

/** A refusal is an answer, and final. Anything else is none: perhaps charged, perhaps not. */
const noAnswer = (error: unknown): undefined => {
  if (Fault.is(error, "fatal")) throw error;
  return undefined;
};
