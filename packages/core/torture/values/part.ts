/** A part of the suite of values: what it did, and which rules did not hold. */
import type { Order } from "../suite.ts";

export type Found = { readonly figures: Readonly<Record<string, number>>; readonly breaches: readonly string[] };

export type Part = (order: Order) => Promise<Found>;

export type Refused = { readonly code: string; readonly message: string; readonly data: Readonly<Record<string, unknown>> };

/** What a hand-over came to: undefined when it was taken. */
export const refusalOf = async (attempt: () => unknown): Promise<Refused | undefined> => {
  try {
    await attempt();
    return undefined;
  } catch (error) {
    const { code = "none", message = "", data = {} } = error as Partial<Refused>;
    return { code, message, data };
  }
};
