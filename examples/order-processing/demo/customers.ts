// The customers send the lines of the data file, some of them cancel, and somebody looks at the flagged orders. What the
// service acknowledged is written in a book, and the service is held to it.

import { isFlagged, Order } from "../src/orders.ts";
import { insist } from "./client.ts";
import type { Supervisor } from "./supervisor.ts";

export type Book = {
  /** The orders that the service took on, by id, as they were sent when it said so. */
  readonly acknowledged: Map<string, Order>;
  /** Flagged orders whose approval was acknowledged. */
  readonly approved: Set<string>;
  /** Orders whose cancel was acknowledged. */
  readonly cancelled: Set<string>;
  readonly answers: { accepted: number; existing: number; conflicting: number; invalid: number; other: number };
};

export const emptyBook = (): Book => ({
  acknowledged: new Map(),
  approved: new Set(),
  cancelled: new Set(),
  answers: { accepted: 0, existing: 0, conflicting: 0, invalid: 0, other: 0 },
});

const AT_ONCE = 20;
const PAUSE = 250;
const CANCEL_EVERY = 60;

/** Sends all lines, a few at a time, and resolves when each is answered and each verdict and cancel is delivered. */
export const sendAll = async (lines: readonly string[], service: Supervisor, book: Book, over: AbortSignal): Promise<void> => {
  const queue = lines.map((line, position) => ({ line, position }));
  const errands: Promise<void>[] = [];
  const verdicts = verdictsOn(lines);

  const customer = async (): Promise<void> => {
    for (let next = queue.shift(); next && !over.aborted; next = queue.shift()) {
      const order = await send(next.line, service, book, over);
      if (order) errands.push(review(order, verdicts.get(order.id), service, book, over));
      if (order && next.position % CANCEL_EVERY === 0) errands.push(cancel(order, service, book, over));
      await Bun.sleep(PAUSE * Math.random() * 2);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, customer));
  await Promise.all(errands);
};

/** Answers with the order when this very answer is the first that acknowledged it. */
const send = async (line: string, service: Supervisor, book: Book, over: AbortSignal): Promise<Order | undefined> => {
  const { status, body } = await insist(service, "/orders", { method: "POST", body: line }, over);
  if (status === 400) book.answers.invalid += 1;
  else if (status === 409) book.answers.conflicting += 1;
  else if (status === 202) book.answers.accepted += 1;
  else if (status === 200) book.answers.existing += 1;
  else book.answers.other += 1;
  if (status !== 202 && status !== 200) return undefined;
  const order = Order.parse(JSON.parse(line));
  if (order.id !== (body as { readonly id: string }).id) throw new Error(`${order.id} was answered with another order`);
  if (book.acknowledged.has(order.id)) return undefined;
  book.acknowledged.set(order.id, order);
  return order;
};

type Verdict = "approve" | "decline" | "say nothing";

/** Of the flagged orders a few are declined, and a few forgotten. */
const verdictsOn = (lines: readonly string[]): Map<string, Verdict> => {
  const flagged = lines.map(parsed).filter((order) => order !== undefined && isFlagged(order));
  const rare: Readonly<Record<number, Verdict>> = { 1: "decline", 4: "say nothing", 6: "decline", 9: "say nothing" };
  return new Map(flagged.map((order, position) => [order?.id ?? "", rare[position] ?? "approve"]));
};

const parsed = (line: string): Order | undefined => {
  try {
    return Order.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
};

const review = async (
  { id }: Order,
  verdict: Verdict | undefined,
  service: Supervisor,
  book: Book,
  over: AbortSignal,
): Promise<void> => {
  if (verdict === undefined || verdict === "say nothing") return;
  await Bun.sleep(1_000 * Math.random());
  const body = JSON.stringify({ by: "Robin", approved: verdict === "approve" });
  const { status } = await insist(service, `/orders/${id}/review`, { method: "POST", body }, over);
  if (status === 202 && verdict === "approve") book.approved.add(id);
};

const cancel = async ({ id }: Order, service: Supervisor, book: Book, over: AbortSignal): Promise<void> => {
  await Bun.sleep(2_000 * Math.random());
  const { status } = await insist(service, `/orders/${id}`, { method: "DELETE" }, over);
  if (status === 202) book.cancelled.add(id);
};
