/** What may be found in a database that somebody else has written to, and where. */

const n = 200_000;
const rich = (...nodes: readonly string[]): string => `~[${nodes.join(",")}]`;
const list = (length: number, of: (at: number) => string): string[] => Array.from({ length }, (_, at) => of(at));

/** Texts in the place of a value. Made late: some are large. */
export const texts: Readonly<Record<string, () => string>> = {
  "a hundred million holes": () => rich("[-7,100000000]"),
  "as many holes as there can be": () => rich("[-7,4294967295]"),
  "200,000 levels of arrays": () => "[".repeat(n) + "]".repeat(n),
  "200,000 levels of objects": () => '{"a":'.repeat(n) + "1" + "}".repeat(n),
  "200,000 rich levels": () => rich(...list(n, (at) => `[${at + 1}]`), "1"),
  "a million keys": () => `{${list(1e6, (at) => `"k${at}":1`).join(",")}}`,
  "200,000 rich keys": () => rich(`{${list(n, (at) => `"k${at}":1`).join(",")}}`, "1"),
  "a big integer of a million digits": () => rich('["bigint",1]', `"${"f".repeat(1e6)}"`),
  "a decimal of a million digits": () => rich(`["BigInt","${"9".repeat(1e6)}"]`),
  "a regular expression": () => rich('["RegExp",1]', '"(a+)+$"'),
  "a type that is not known": () => rich('["Function",1]', '"alert(1)"'),
  "a prototype as a type": () => rich('["__proto__",1]', "{}"),
  "a prototype as a key": () => '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}',
  "a rich prototype": () => rich('["null","__proto__",1]', "5"),
  "a list in itself": () => rich("[0]"),
  "a Set in itself": () => rich('["Set",0]'),
  "a Map in itself": () => rich('["Map",0,0]'),
  "an Error in itself": () => rich('["error",0]'),
  "an Error of rubbish": () => rich('["error",1]', '{"name":2,"message":3,"cause":4}', "5", "[5]", "6"),
  "a date that is none": () => rich('["Date","no date"]'),
  "bytes that are none": () => rich('["bytes",1]', "[2,3]", '"Uint8Array"', '"§§"'),
  "a reference to nowhere": () => rich("[1000000]"),
  "two to the hundredth power of laughs": () => rich(...list(100, (at) => `[${at + 1},${at + 1}]`), '"ha"'),
  nothing: () => "",
  "half a text": () => '{"a":',
  "a number beyond all": () => "1e999",
  "half a surrogate pair": () => '"\\ud800"',
};

export type Place = { readonly name: string; readonly sql: string };

const ofHistory = (name: string, kind: string): Place => ({
  name,
  sql: `update holdfast_history set value = ? where run = (select key from holdfast_runs where id = ?) and kind = '${kind}'`,
});

/** The places of a value: each statement takes the text and the id of the run. */
export const places: readonly Place[] = [
  ofHistory("input", "started"),
  ofHistory("result", "step"),
  ofHistory("failure", "step-failed"),
  { name: "signal", sql: "update holdfast_signals set value = ? where run = (select key from holdfast_runs where id = ?)" },
  {
    name: "output of its child",
    sql: "update holdfast_history set value = ? where run = (select key from holdfast_runs where id = ? || '/brief') and kind = 'completed'",
  },
  { name: "state", sql: "update holdfast_states set value = ? where run = (select key from holdfast_runs where id = ?)" },
];

/** The first whole number that a double does not hold; and the one before, which has no next. */
const beyond = "9007199254740993";
const last = "9007199254740992";
const runsWhere = "where id = ?";
const historyWhere = "where run = (select key from holdfast_runs where id = ?)";

/** Numbers beyond what a double holds: each statement takes the id of the run. */
export const numbers: readonly { readonly name: string; readonly sql: string; readonly isLease?: true }[] = [
  ...["created_at", "mail", "mark"].map((column) => ({
    name: `${column} beyond`,
    sql: `update holdfast_runs set ${column} = ${beyond} ${runsWhere}`,
  })),
  ...[beyond, last].map((lease) => ({
    name: `lease ${lease}`,
    sql: `update holdfast_runs set lease = ${lease} ${runsWhere}`,
    isLease: true as const,
  })),
  ...["at", "issued", "attempt"].map((column) => ({
    name: `${column} of its records beyond`,
    sql: `update holdfast_history set ${column} = ${beyond} ${historyWhere}`,
  })),
  { name: "at of its signals beyond", sql: `update holdfast_signals set at = ${beyond} ${historyWhere}` },
  { name: "key of its signals beyond", sql: `update holdfast_signals set key = ${beyond} ${historyWhere}` },
];
