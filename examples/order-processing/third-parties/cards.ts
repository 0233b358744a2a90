// What a payment provider does, whichever it is: it charges a card, and refunds by the order's id. A refund of an order
// that it never charged is a promise never to charge it.

import * as Party from "./party.ts";

export const charges: Party.Service = {
  path: "/charges",
  performs: "charge",
  reverts: "refund",
  decide: ({ order, amount, card }) => {
    if (!card || !amount || amount < 0) return Party.no(400, "a charge needs a card and an amount");
    if (card.expires < thisMonth()) return Party.no(402, `the card expired in ${card.expires}`);
    return Party.yes({ payment: `pay_${Bun.hash(`${order}/${card.number}`).toString(36)}` });
  },
};

const thisMonth = (): string => new Date().toISOString().slice(0, "2026-01".length);
