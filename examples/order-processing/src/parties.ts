// The third parties, as the workflow speaks to them. What is asked of them is a deed: it is performed under the step's key, and
// taken back by the order's id. An answer that no repetition would change is fatal; anything else is worth another attempt.

import { Fault } from "@holdfast/core";

import { amountOf } from "./orders.ts";
import type { Order } from "./orders.ts";
import type { Settings } from "./settings.ts";

/** What a step hands to the outside: the idempotency key, and the signal that says when nobody waits for the answer any more. */
export type Call = { readonly key: string; readonly signal: AbortSignal };

export type Deed<Answer> = {
  readonly perform: (call: Call) => Promise<Answer>;
  /** Undoes whatever was performed for the order, and closes the door to what is still on its way. */
  readonly takeBack: (call: Call) => Promise<void>;
};

type Wish = { readonly order: string } & Readonly<Record<string, unknown>>;

export const connect = (settings: Settings) => ({
  reservation: ({ id, lines }: Order) => deed(`${settings.WAREHOUSE}/reservations`, { order: id, lines }),
  charge: { northpay: charge(settings.NORTHPAY), southpay: charge(settings.SOUTHPAY) },
  invoice: (order: Order) => deed(`${settings.POST}/invoices`, { order: order.id, to: order.customer, amount: amountOf(order) }),
  parcel: ({ id, country }: Order) => deed<{ tracking: string }>(`${settings.CARRIER}/parcels`, { order: id, country }),
  confirmation: ({ id, customer }: Order) => deed(`${settings.POST}/mails`, { order: id, to: customer }),
});

const charge = (url: string) => (order: Order) =>
  deed(`${url}/charges`, { order: order.id, amount: amountOf(order), card: order.card });

const deed = <Answer = unknown>(url: string, wish: Wish): Deed<Answer> => ({
  perform: async ({ key, signal }) => {
    const headers = { "idempotency-key": key };
    return (await answerOf(await fetch(url, { method: "POST", headers, body: JSON.stringify(wish), signal }))) as Answer;
  },
  takeBack: async ({ signal }) => {
    await answerOf(await fetch(`${url}/${wish.order}`, { method: "DELETE", signal }));
  },
});

const answerOf = async (response: Response): Promise<unknown> => {
  if (response.ok) return response.json();
  if (response.status === 429) throw Fault.retryAfter(`${Number(response.headers.get("retry-after") ?? 1)}s`);
  const { error } = (await response.json()) as { readonly error: string };
  throw response.status >= 500 ? new Error(error) : Fault.fatal(error);
};
