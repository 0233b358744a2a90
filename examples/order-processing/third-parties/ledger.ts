// The ledger of a third party: an append-only file with one line for each effect that was really performed. The demo
// believes this file and nothing else about what happened to the customers.

import { appendFileSync } from "node:fs";

export type Kind = "charge" | "refund" | "reserve" | "release" | "ship" | "recall" | "mail" | "invoice" | "credit";

export type Effect = {
  readonly party: string;
  readonly kind: Kind;
  readonly order: string;
  readonly key: string;
  readonly amount: number;
  readonly at: number;
};

export type Summary = Readonly<Record<string, { readonly effects: number; readonly amount: number }>>;
export type Ledger = { readonly add: (effect: Effect) => void; readonly summary: () => Summary };

/** Opens the ledger at `file`; without one it is kept in memory only, for a party that somebody started by hand. */
export const open = (file: string | undefined): Ledger => {
  const sums: Record<string, { effects: number; amount: number }> = {};
  return {
    add: (effect) => {
      if (file) appendFileSync(file, `${JSON.stringify(effect)}\n`);
      const sum = (sums[effect.kind] ??= { effects: 0, amount: 0 });
      sum.effects += 1;
      sum.amount += effect.amount;
    },
    summary: () => sums,
  };
};
