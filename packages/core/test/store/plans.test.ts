/** No statement that a busy worker runs reads a whole table, however many runs there are. */
import type { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { claimOf, everything, known, t0 } from "./contract/kit.ts";
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

/** The list of workers is as long as there are processes, that of leaders as there are things to lead; `turn` is what a look has found so far. */
const isShort = (line: string): boolean => /^SCAN (holdfast_workers|l|turn)$/.test(line);

test("every statement that is prepared at open goes along an index: heldBy, stuck, append, settle and the others", () => {
  const { database, texts } = listening();
  const scans = texts
    .filter((text) => !/^(BEGIN|COMMIT|PRAGMA)|sqlite_master|pragma_table_info/.test(text))
    .flatMap((text) => fullScans(plan(database, text)).map((line) => [line, text]));
  expect(texts.length).toBeGreaterThan(25);
  for (const word of ["union all", '"worker" = ?', '"lease" = ?']) expect(texts.some((text) => text.includes(word))).toBe(true);
  expect(scans.filter(([line]) => !isShort(line ?? ""))).toEqual([]);
});

const verbs = {
  claim: ({ runs }) => runs.claim(claimOf(1)),
  nextDue: ({ runs }) => runs.nextDue(known, t0, 9),
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
  const { database, texts } = listening();
  const looks = texts.filter((each) => /isShared|as count|turn\(|order by due\.wake_at/.test(each));
  expect(looks).toHaveLength(7);
  for (const text of looks) {
    const found = plan(database, text).join("\n");
    expect(found).toMatch(/INDEX holdfast_runs_(due|share) \(workflow=\? AND version=\?|INDEX holdfast_runs_due \(\(?workflow/);
    expect(found).not.toMatch(/SCAN (due|r)\b(?!.*INDEX)/);
    expect(found).not.toContain("TEMP B-TREE");
  }
});
