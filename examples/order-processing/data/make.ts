// Writes orders.jsonl: 500 lines as a web shop would send them, the odd ones among them. The seed is fixed, so the same
// file comes out every time: `bun data/make.ts`.

import catalogue from "./catalogue.json";

const LINES = 500;
const DAILY = ["kelp-tea", "rope-10m", "storm-lantern", "brass-compass", "oilskin-coat", "message-in-a-bottle"];

const NAMES = [
  "Ada Lovelace",
  "Grace Hopper",
  "Jürgen Müller",
  "Łukasz Żółć",
  "Þórunn Ægisdóttir",
  "Nguyễn Thị Ánh",
  "Σωκράτης Ξένος",
  "Мария Ильина",
  "שרה כהן",
  "محمد بن عبد الله",
  "فاطمة \u200fالزهراء\u200e",
  "王小明",
  "山田 太郎",
  "김민준",
  "ราตรี ศรีสุข",
  "अनन्या शर्मा",
  "Zoe\u0308 (combining)",
  "Zoë (composed)",
  "Z̷̡̛a̵͝l̴͌g̶o̸",
  "👩🏽‍🚀 Captain 🏴‍☠️",
  "𝕱𝖗𝖆𝖐𝖙𝖚𝖗",
  "Robert'); DROP TABLE orders;--",
  "<script>alert(1)</script>",
  "__proto__",
  "null",
  'O’Brien "Bo" \\ Sons',
  "tab\there, line\nthere",
  "\u202Eesrever",
  "ﷺ",
  "x".repeat(200),
];

type Order = ReturnType<typeof plain>;
type Oddity = (order: Order, earlier: readonly string[]) => string;

const random = seeded(1891);
const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
const upTo = (most: number) => 1 + Math.floor(random() * most);

const priced = (sku: string, quantity: number) => ({
  sku,
  quantity,
  price: catalogue.find((article) => article.sku === sku)?.price ?? 0,
});

const plain = (position: number) => ({
  id: `order-${String(position).padStart(4, "0")}`,
  customer: { name: NAMES[position % NAMES.length] ?? "", email: `customer${position}@example.test` },
  country: pick(["DE", "IS", "JP", "NZ", "PT", "SE", "VN"]),
  card: { number: `tok_${Math.floor(random() * 1e12).toString(36)}`, expires: `20${50 + upTo(40)}-0${upTo(9)}` },
  lines: Array.from({ length: upTo(3) }, () => priced(pick(DAILY), upTo(4))),
  note: pick(["", "", "", "Please ring twice.", "勝手口に置いてください", "שלום 🌊"]),
});

const changed =
  (change: Partial<Order>): Oddity =>
  (order) =>
    JSON.stringify({ ...order, ...change });
const ordering = (sku: string, quantity: number) => changed({ lines: [priced("kelp-tea", 1), priced(sku, quantity)] });

const free = changed({ lines: [priced("sticker", 2)] });
const outOfStock = ordering("sextant", 1);
const lastPieces = ordering("chart-of-1891", 1);
const flagged = ordering("dinghy", 1);
const undeliverable = changed({ country: "AQ" });
const longNote = changed({ note: "A very long note. 🌊 ".repeat(2000) });
const expiredCard: Oddity = (order) => JSON.stringify({ ...order, card: { ...order.card, expires: "2019-02" } });
const freeWithExpiredCard: Oddity = (order) =>
  JSON.stringify({ ...order, lines: [priced("sticker", 1)], card: { ...order.card, expires: "2019-02" } });
const sentTwice: Oddity = (_, earlier) => earlier.at(-50) ?? "";
const sameIdOtherBody: Oddity = (_, earlier) => {
  const before = JSON.parse(earlier.at(-50) ?? "") as Order;
  return JSON.stringify({ ...before, lines: [...before.lines, priced("rope-10m", 7)] });
};

const invalid: Oddity[] = [
  changed({ lines: [priced("kelp-tea", 0)] }),
  changed({ lines: [priced("kelp-tea", 1), priced("rope-10m", 0)] }),
  changed({ lines: [] }),
  changed({ lines: [{ sku: "kelp-tea", quantity: 1, price: -450 }] }),
  changed({ lines: [{ sku: "kelp-tea", quantity: 1.5, price: 450 }] }),
  changed({ id: "../../etc/passwd" }),
  (order) => JSON.stringify(order).slice(0, 80),
];

const times = (count: number, oddity: Oddity): Oddity[] => Array.from({ length: count }, () => oddity);
const oddities = shuffled([
  ...times(8, free),
  ...times(1, freeWithExpiredCard),
  ...times(8, outOfStock),
  ...times(6, lastPieces),
  ...times(12, flagged),
  ...times(5, undeliverable),
  ...times(9, expiredCard),
  ...times(1, longNote),
  ...invalid,
]);
const repeats = [...times(12, sentTwice), ...times(6, sameIdOtherBody)];

// Every sixth line is odd. A repeat takes the place of a plain order and repeats the plain one 50 lines before it.
const lines: string[] = [];
for (let position = 0; position < LINES; position += 1) {
  const odd = position % 6 === 5 ? oddities.pop() : undefined;
  const repeat = position % 20 === 2 && position >= 100 ? repeats.pop() : undefined;
  lines.push((odd ?? repeat ?? changed({}))(plain(position), lines));
}
await Bun.write(new URL("orders.jsonl", import.meta.url), `${lines.join("\n")}\n`);
console.log(`${lines.length} lines, ${oddities.length + repeats.length} oddities left over`);

function shuffled<T>(from: T[]): T[] {
  return from
    .map((each) => ({ each, rank: random() }))
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ each }) => each);
}

/** mulberry32: small, fast, and the same everywhere. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
