// The promises of the third parties. The demo's verdict rests on them, so they are tested by themselves.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "third-parties-"));
const parties = new Map<string, { readonly child: Bun.Subprocess; readonly url: string }>();

beforeAll(async () => {
  for (const name of ["southpay", "warehouse", "post"]) parties.set(name, await start(name));
});

afterAll(async () => {
  for (const { child } of parties.values()) child.kill();
  await Promise.all([...parties.values()].map(({ child }) => child.exited));
  rmSync(folder, { recursive: true });
});

const card = { number: "tok_1", expires: "2099-01" };

test("the same key is answered the same, and performed once, whatever the weather", async () => {
  const orders = Array.from({ length: 60 }, (_, position) => `same-${position}`);
  await Promise.all(orders.map((order) => insist("southpay", "/charges", order, { order, amount: 5, card })));
  await Promise.all(orders.map((order) => insist("southpay", "/charges", order, { order, amount: 5, card })));
  expect(effects("southpay", "same-", "charge")).toHaveLength(60);
});

test("a key is not lent to another wish", async () => {
  await insist("southpay", "/charges", "lent", { order: "lent", amount: 5, card });
  expect((await insist("southpay", "/charges", "lent", { order: "lent", amount: 6, card })).status).toBe(422);
});

test("what is taken back is taken back once, and a late wish finds the door closed", async () => {
  await insist("southpay", "/charges", "back/1", { order: "back", amount: 5, card });
  await insistOnEnd("southpay", "/charges/back");
  await insistOnEnd("southpay", "/charges/back");
  expect((await insist("southpay", "/charges", "back/2", { order: "back", amount: 5, card })).status).toBe(410);
  expect(effects("southpay", "back", "refund")).toHaveLength(1);
  expect(effects("southpay", "back", "charge")).toHaveLength(1);
});

test("a refusal leaves no trace", async () => {
  const expired = { order: "expired", amount: 5, card: { ...card, expires: "2019-02" } };
  expect((await insist("southpay", "/charges", "expired", expired)).status).toBe(402);
  expect(effects("southpay", "expired", "charge")).toHaveLength(0);
});

test("the last pieces go to those who come first, and come back when they are released", async () => {
  const chart = (order: string) =>
    insist("warehouse", "/reservations", order, { order, lines: [{ sku: "chart-of-1891", quantity: 1 }] });
  for (const order of ["one", "two", "three"]) expect((await chart(order)).status).toBe(201);
  expect((await chart("four")).status).toBe(409);
  await insistOnEnd("warehouse", "/reservations/one");
  expect((await chart("five")).status).toBe(201);
});

test("a party sums up its ledger", async () => {
  await insist("post", "/invoices", "bill", { order: "bill", amount: 700 });
  await insistOnEnd("post", "/invoices/bill");
  const ledger: unknown = await (await fetch(`${address("post")}/ledger`)).json();
  expect(ledger).toEqual({ party: "post", invoice: { effects: 1, amount: 700 }, credit: { effects: 1, amount: 700 } });
});

const start = async (name: string) => {
  const child = Bun.spawn([process.execPath, "--no-orphans", join(import.meta.dir, "../third-parties", `${name}.ts`)], {
    env: { ...process.env, LEDGER: join(folder, `${name}.jsonl`) },
    stdout: "pipe",
  });
  const first = await child.stdout.getReader().read();
  return { child, url: new TextDecoder().decode(first.value).trim() };
};

const address = (party: string): string => parties.get(party)?.url ?? "";

/** Asks until there is an answer that is no matter of weather. */
const insist = (party: string, path: string, key: string, wish: object): Promise<Response> =>
  untilAnswered((signal) =>
    fetch(address(party) + path, { signal, method: "POST", headers: { "idempotency-key": key }, body: JSON.stringify(wish) }),
  );

const insistOnEnd = (party: string, path: string): Promise<Response> =>
  untilAnswered((signal) => fetch(address(party) + path, { signal, method: "DELETE" }));

const untilAnswered = async (ask: (signal: AbortSignal) => Promise<Response>): Promise<Response> => {
  const answer = await ask(AbortSignal.timeout(150)).catch(() => undefined);
  return answer && answer.status < 500 && answer.status !== 429 ? answer : untilAnswered(ask);
};

const effects = (party: string, order: string, kind: string) =>
  readFileSync(join(folder, `${party}.jsonl`), "utf8")
    .split("\n")
    .filter((line) => line.includes(`"order":"${order}`) && line.includes(`"kind":"${kind}"`));
