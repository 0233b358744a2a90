/** A part of the suite: its order, and where it says which rule did not hold. */
import type { Order } from "../suite.ts";

export type Part = { readonly order: Order; readonly breach: (what: string) => void };
