// What the service is told by its environment.

import { z } from "zod";

const duration = z.custom<`${number}${"ms" | "s" | "h" | "d"}`>(
  (text) => /^\d+(ms|s|h|d)$/.test(String(text)),
  "for example 30s",
);

const Environment = z.object({
  PORT: z.coerce.number().int().default(3000),
  DATABASE: z.string().default("orders.db"),
  NORTHPAY: z.url(),
  SOUTHPAY: z.url(),
  WAREHOUSE: z.url(),
  CARRIER: z.url(),
  POST: z.url(),
  /** How long a third party may take for one answer. */
  PATIENCE: duration.default("10s"),
  /** The wait before the second attempt of a step. */
  RETRY_DELAY: duration.default("1s"),
  /** Calls to a payment provider are counted for so long; when too many fail, it is left alone for so long. */
  BREAKER_WINDOW: duration.default("10s"),
  BREAKER_RESET: duration.default("30s"),
  /** How long a person has for a flagged order. */
  REVIEW: duration.default("3d"),
  /** How long a customer may think better of it before the parcel leaves. */
  COOLING_OFF: duration.default("1h"),
});
export type Settings = z.infer<typeof Environment>;

export const read = (): Settings => Environment.parse(Bun.env);
