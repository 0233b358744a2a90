/** No statement that a busy worker runs reads a whole table, however many runs there are. */
import type { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { everything, known, t0 } from "./contract/kit.ts";
import { client, open } from "./sqlite.kit.ts";

/** Opens a store and tells which statements a piece of work prepared. */
const listening = () => {
  const database = client(":memory:");
  const texts: string[] = [];
  const prepare = database.prepare.bind(database);
  database.prepare = (text: string) => {
    texts.push(text);
    return prepare(text);
  };
  const store = open(database);
  return { database, store, texts };
};

const plan = (database: Database, text: string): string[] =>
  database
    .query<{ detail: string }, []>(`explain query plan ${text}`)
    .all()
    .map(({ detail }) => detail);

/** Scans of a whole table. A scan along an index goes in its order and stops at its limit; what comes from the statement itself is short. */
const fullScans = (lines: readonly string[]): string[] =>
  lines.filter((line) => /^SCAN (?!CONSTANT|json_each|\(|\d)/.test(line) && !/USING .*INDEX/.test(line));

/** The list of workers is as long as there are processes. */
const isShort = (line: string): boolean => line === "SCAN holdfast_workers";

test("every statement that is prepared at open goes along an index: heldBy, stuck, append, settle and the others", () => {
  const { database, texts } = listening();
  const scans = texts
    .filter((text) => !/^(BEGIN|COMMIT|PRAGMA)/.test(text))
    .flatMap((text) => fullScans(plan(database, text)).map((line) => [line, text]));
  expect(texts.length).toBeGreaterThan(25);
  for (const word of ["union all", '"worker" = ?', '"lease" = ?']) expect(texts.some((text) => text.includes(word))).toBe(true);
  expect(scans.filter(([line]) => !isShort(line ?? ""))).toEqual([]);
});

const verbs = {
  claim: ({ runs }) => runs.claim({ worker: 1, known, now: t0, limit: 5, suspectAt: 3, unfit: [] }),
  nextDue: ({ runs }) => runs.nextDue(known),
  unblock: ({ runs }) => runs.unblock(known, t0, []),
  pending: ({ signals }) => signals.pending(1, ["a", "b"], 5),
  "list of one status": ({ runs }) => runs.list({ ...everything, statuses: ["failed"] }),
  "list of several": ({ runs }) => runs.list({ ...everything, statuses: ["failed", "blocked"] }),
  "list of one tag": ({ runs }) => runs.list({ ...everything, tag: "vip" }),
  "list of children": ({ runs }) => runs.list({ ...everything, parent: 7 }),
} satisfies Record<string, (store: ReturnType<typeof listening>["store"]) => Promise<unknown>>;

test.each(Object.entries(verbs))("%s reads no whole table", async (_, verb) => {
  const { database, store, texts } = listening();
  const atOpen = texts.length;
  await verb(store);
  const scans = texts.slice(atOpen).flatMap((text) => fullScans(plan(database, text)));
  expect(scans.filter((line) => !isShort(line))).toEqual([]);
});

test("a look for due runs does not read the unknown ones, and stops at its limit", () => {
  const { database, texts, store } = listening();
  void store.runs.nextDue(known);
  const text = texts.find((each) => each.includes("order by") && each.includes('"wake_at" is not null')) ?? "";
  expect(plan(database, text).join("\n")).toMatch(/USING COVERING INDEX holdfast_runs_due/);
  expect(plan(database, text).join("\n")).not.toContain("TEMP B-TREE");
});
