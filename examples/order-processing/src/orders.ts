// An order as the shop sends it, and what can be said about it without asking anybody.

import { z } from "zod";

const Line = z.object({
  sku: z.string().min(1).max(100),
  quantity: z.int().min(1).max(1_000),
  /** In cents, as the shop quoted it. Gifts cost nothing. */
  price: z.int().min(0),
});

export const Order = z.object({
  id: z.string().regex(/^[a-z0-9-]{1,64}$/, "letters, digits and dashes only"),
  customer: z.object({ name: z.string().min(1).max(500), email: z.email() }),
  country: z.string().length(2),
  card: z.object({ number: z.string().min(1), expires: z.string().regex(/^\d{4}-\d{2}$/) }),
  lines: z.array(Line).min(1).max(100),
  note: z.string().max(100_000),
});
export type Order = z.infer<typeof Order>;

export const Receipt = z.object({
  order: z.string(),
  amount: z.int(),
  paidBy: z.enum(["northpay", "southpay", "invoice", "nothing"]),
  tracking: z.string(),
});
export type Receipt = z.infer<typeof Receipt>;

/** What the customer pays, in cents. */
export const amountOf = (order: Order): number => order.lines.reduce((sum, { quantity, price }) => sum + quantity * price, 0);

/** Large orders are looked at by a person. */
export const isFlagged = (order: Order): boolean => amountOf(order) >= 150_000;
