// The ledger: gathers the evidence of the three sources, has each order judged, and adds up.

import { Run, Runtime } from "@holdfast/core";

import * as Database from "../src/database.ts";
import type { Effect, Kind } from "../third-parties/ledger.ts";
import type { Book } from "./customers.ts";
import { judge } from "./judge.ts";
import type { Complaint } from "./judge.ts";
import type { World } from "./world.ts";

export type Ledger = {
  readonly rows: readonly Database.OrderRow[];
  readonly states: ReadonlyMap<string, Run.Status>;
  readonly effects: readonly Effect[];
  readonly complaints: readonly Complaint[];
};

/** Draws up the ledger. The service must have closed: the database is read here, by a runtime that executes nothing. */
export const drawUp = async (world: World, book: Book): Promise<Ledger> => {
  const database = Database.open(world.database);
  const rows = database.select().from(Database.orders).all();
  const { states, stuck } = await readRuns(database);
  const effects = await world.effects();
  const rowOf = new Map(rows.map((row) => [row.id, row]));
  const effectsOf = Map.groupBy(effects, ({ order }) => order);

  const judged = [...book.acknowledged.values()].flatMap((order) =>
    judge({ order, row: rowOf.get(order.id), run: states.get(order.id), effects: effectsOf.get(order.id) ?? [] }),
  );
  const complaints = [...judged, ...stuck, ...unknown(book, effectsOf.keys()), ...unheard(book, rowOf)];
  return { rows, states, effects, complaints };
};

const readRuns = async (database: Database.OrdersDatabase) => {
  const states = new Map<string, Run.Status>();
  const runtime = await Runtime.open({ database, execute: false });
  let page = await Run.list(runtime, { limit: 200 });
  for (;;) {
    for (const { id, status } of page.runs) states.set(id, status);
    if (page.next === undefined) break;
    page = await Run.list(runtime, { limit: 200, after: page.next });
  }
  const stuck = await Runtime.check(runtime);
  await Runtime.close(runtime);
  return { states, stuck: stuck.map(({ id, why }): Complaint => ({ order: id, kind: "lost", what: `it is stuck: ${why}` })) };
};

/** Nothing may have happened for an order that was never acknowledged. */
const unknown = (book: Book, ids: Iterable<string>): Complaint[] =>
  [...ids]
    .filter((order) => !book.acknowledged.has(order))
    .map((order) => ({ order, kind: "wrong", what: "there were effects, but it was never acknowledged" }));

/** An approval that was acknowledged in time was heard. */
const unheard = (book: Book, rowOf: ReadonlyMap<string, Database.OrderRow>): Complaint[] =>
  [...book.approved]
    .filter((order) => rowOf.get(order)?.reason?.includes("nobody looked"))
    .map((order) => ({ order, kind: "lost", what: "its approval was acknowledged and not heard" }));

const counted = (effects: readonly Effect[], kind: Kind, party?: string): number =>
  effects.filter((effect) => effect.kind === kind && (party === undefined || effect.party === party)).length;

/** The ledger as lines of text: what, how many, and how that came about. */
export const print = ({ rows, states, effects, complaints }: Ledger, book: Book): string => {
  const ended = (end: Run.Status): number => [...states.values()].filter((status) => status === end).length;
  const paidBy = (payer: string): number => rows.filter((row) => row.status === "fulfilled" && row.paidBy === payer).length;
  const wrong = (kind: Complaint["kind"]): number =>
    new Set(complaints.filter((complaint) => complaint.kind === kind).map(({ order }) => order)).size;
  const refunds = `northpay ${counted(effects, "refund", "northpay")}, southpay ${counted(effects, "refund", "southpay")}`;
  const { existing, conflicting, invalid } = book.answers;

  const lines: readonly (readonly [string, number, string])[] = [
    ["acknowledged", book.acknowledged.size, `besides ${existing} sent again, ${conflicting} conflicts and ${invalid} invalid`],
    [
      "fulfilled",
      ended("completed"),
      ["northpay", "southpay", "invoice", "nothing"].map((by) => `${by} ${paidBy(by)}`).join(", "),
    ],
    ["refused", ended("failed"), reasons(rows)],
    ["cancelled", ended("cancelled"), "by the customer"],
    ["refunded", counted(effects, "refund") + counted(effects, "credit"), `${refunds}, invoices ${counted(effects, "credit")}`],
    ["charged twice", wrong("charged twice"), ""],
    ["lost", wrong("lost"), ""],
    ["otherwise wrong", wrong("wrong"), ""],
  ];
  return lines.map(([what, how, why]) => `  ${what.padEnd(16)}${String(how).padStart(5)}   ${why}`.trimEnd()).join("\n");
};

const reasons = (rows: readonly Database.OrderRow[]): string => {
  const refused = rows.filter((row) => row.status === "refused");
  const groups = Map.groupBy(refused, ({ reason }) => (reason ?? "").replace(/ in \d.*/, ""));
  return [...groups].map(([reason, { length }]) => `${reason} ${length}`).join(", ");
};
