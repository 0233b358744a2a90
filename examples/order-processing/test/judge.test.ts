// The judge of the demo must notice: a ledger that is always clean proves nothing.

import { expect, test } from "bun:test";

import { judge } from "../demo/judge.ts";
import type { Evidence } from "../demo/judge.ts";
import type { Effect, Kind } from "../third-parties/ledger.ts";

const order: Evidence["order"] = {
  id: "order-1",
  customer: { name: "Zoë", email: "zoe@example.test" },
  country: "NZ",
  card: { number: "tok_1", expires: "2099-01" },
  lines: [{ sku: "kelp-tea", quantity: 2, price: 450 }],
  note: "",
};

const effect = (party: string, kind: Kind, amount = 0): Effect => ({ party, kind, order: order.id, key: kind, amount, at: 0 });
const row = (status: "accepted" | "fulfilled" | "refused" | "cancelled") => ({
  id: order.id,
  customer: "Zoë",
  amount: 900,
  status,
  paidBy: null,
  tracking: null,
  reason: null,
});

const reserved = effect("warehouse", "reserve");
const released = effect("warehouse", "release");
const charged = effect("northpay", "charge", 900);
const refunded = effect("northpay", "refund", 900);
const shipped = effect("carrier", "ship");

const fulfilled = { order, row: row("fulfilled"), run: "completed", effects: [reserved, charged, shipped] };
const refused = { order, row: row("refused"), run: "failed", effects: [reserved, charged, refunded, released] };
const kinds = (evidence: Evidence): string[] => judge(evidence).map(({ kind }) => kind);

test("what is as it must be is not complained of", () => {
  expect(judge(fulfilled)).toEqual([]);
  expect(judge(refused)).toEqual([]);
});

test("an order that was cancelled before its run began has no row, and needs none", () => {
  expect(judge({ order, row: undefined, run: "cancelled", effects: [] })).toEqual([]);
  expect(kinds({ order, row: undefined, run: "cancelled", effects: [reserved] })).toEqual(["lost"]);
});

test("a charge that was voided before the other provider was asked is no second charge", () => {
  const effects = [reserved, charged, refunded, effect("southpay", "charge", 900), shipped];
  expect(judge({ ...fulfilled, effects })).toEqual([]);
});

test.each<[what: string, kind: string, evidence: Evidence]>([
  ["an order without a run", "lost", { ...fulfilled, run: undefined }],
  ["an order without a row", "lost", { ...fulfilled, row: undefined }],
  ["a run that is not at its end", "lost", { ...fulfilled, row: row("accepted"), run: "waiting" }],
  ["a row that says other than the run", "lost", { ...fulfilled, run: "failed" }],
  ["another customer's name", "wrong", { ...fulfilled, row: { ...row("fulfilled"), customer: "Zoe\u0308" } }],
  ["both providers", "charged twice", { ...fulfilled, effects: [...fulfilled.effects, effect("southpay", "charge", 900)] }],
  ["a card and an invoice", "charged twice", { ...fulfilled, effects: [...fulfilled.effects, effect("post", "invoice", 900)] }],
  ["the same provider twice", "charged twice", { ...fulfilled, effects: [...fulfilled.effects, charged, refunded] }],
  ["a parcel that nobody paid", "wrong", { ...fulfilled, effects: [reserved, shipped] }],
  ["a parcel that never left", "wrong", { ...fulfilled, effects: [reserved, charged] }],
  ["two parcels", "wrong", { ...fulfilled, effects: [...fulfilled.effects, shipped] }],
  ["a refused order that stays paid", "wrong", { ...refused, effects: [reserved, charged, released] }],
  ["a refused order that stays reserved", "wrong", { ...refused, effects: [reserved, charged, refunded] }],
])("%s: %s", (_, kind, evidence) => {
  expect(kinds(evidence)).toContain(kind);
});
