// The judge holds three sources against each other: what the service acknowledged, what the third parties really did, and
// what the service's own database says, in its orders table and in its runs.

import type { Effect, Kind } from "../third-parties/ledger.ts";
import type { OrderRow } from "../src/database.ts";
import { amountOf } from "../src/orders.ts";
import type { Order } from "../src/orders.ts";

export type Evidence = {
  readonly order: Order;
  readonly row: OrderRow | undefined;
  /** The state of the order's run. */
  readonly run: string | undefined;
  readonly effects: readonly Effect[];
};

export type Complaint = { readonly order: string; readonly kind: "lost" | "charged twice" | "wrong"; readonly what: string };

const ENDS: Readonly<Record<string, OrderRow["status"]>> = { completed: "fulfilled", failed: "refused", cancelled: "cancelled" };

/** Everything that is not as it must be with one order. */
export const judge = (evidence: Evidence): Complaint[] => {
  const { order, row, run, effects } = evidence;
  if (row && run && row.status === ENDS[run]) return judgeEffects(evidence, row);
  const neverBegan = run === "cancelled" && row === undefined && effects.length === 0;
  if (neverBegan) return [];
  return [{ order: order.id, kind: "lost", what: `its run is ${run ?? "nowhere"}, its row ${row?.status ?? "nowhere"}` }];
};

const judgeEffects = ({ order, effects }: Evidence, row: OrderRow): Complaint[] => {
  const net = netOf(effects);
  const paid = net("charge", "refund") + net("invoice", "credit");
  const amount = amountOf(order);
  const due = row.status === "fulfilled" ? 1 : 0;

  const complaints: (readonly [fault: boolean, kind: Complaint["kind"], what: string])[] = [
    [row.customer !== order.customer.name || row.amount !== amount, "wrong", "its row is not what was ordered"],
    [paid > 1 || repeats(effects, "charge", "invoice"), "charged twice", "charged more than once"],
    [balanceOf(effects) !== amount * due, "wrong", `paid ${balanceOf(effects)} instead of ${amount * due}`],
    [net("reserve", "release") !== due, "wrong", `reserved ${net("reserve", "release")} times`],
    [net("ship", "recall") !== due, "wrong", `shipped ${net("ship", "recall")} times`],
    [repeats(effects, "reserve", "ship", "mail"), "wrong", "done more than once"],
  ];
  return complaints
    .filter(([fault]) => fault)
    .map(([, kind, what]) => ({ order: order.id, kind, what: `${row.status}, ${what}: ${told(effects)}` }));
};

const netOf =
  (effects: readonly Effect[]) =>
  (forth: Kind, back: Kind): number =>
    effects.filter(({ kind }) => kind === forth).length - effects.filter(({ kind }) => kind === back).length;

const balanceOf = (effects: readonly Effect[]): number =>
  effects.reduce((sum, { kind, amount }) => sum + amount * (SIGNS[kind] ?? 0), 0);

const SIGNS: Partial<Record<Kind, 1 | -1>> = { charge: 1, invoice: 1, refund: -1, credit: -1 };

/** The same deed twice at the same party: an idempotency key did not hold, even if one of the two was taken back later. */
const repeats = (effects: readonly Effect[], ...kinds: readonly Kind[]): boolean => {
  const deeds = effects.filter(({ kind }) => kinds.includes(kind)).map(({ party, kind }) => `${party} ${kind}`);
  return new Set(deeds).size < deeds.length;
};

const told = (effects: readonly Effect[]): string =>
  effects.map(({ party, kind, key }) => `${kind} at ${party} (${key})`).join(", ");
