// What a round of a move carries: of runs that have grown the records that are new, and of all others what is not the same; and what needs no second look.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { Fault, Runtime } from "../../src/index.ts";
import { beginAtTarget } from "../../src/store/move/begin.ts";
import { ask, type Place } from "../../src/store/move/place.ts";
import { assertSame, changedSince, partsOf, prove } from "../../src/store/move/proof.ts";
import { pagesOf } from "../../src/store/move/read.ts";
import { reconcile, type Carry } from "../../src/store/move/reconcile.ts";
import type { Row, Table } from "../../src/store/move/tables.ts";
import { openPlace } from "../../src/store/places.ts";
import { chanceOf } from "../fuzz/chance.ts";
import { afterwards } from "../kit/afterwards.ts";
import { fresh, kinds, open, type Kind } from "./kit.ts";

setDefaultTimeout(120_000);

const placed = async (kind: Kind): Promise<Place> => {
  const url = await fresh(kind);
  await Runtime.close(await open(url));
  const place = await openPlace({ database: url }, "source");
  afterwards(() => place.close());
  return place;
};

const tableOf = ({ words }: Place, name: string): Table => words.tables.find((table) => table.name === `holdfast_${name}`)!;

const rowIn = (table: Table, fields: Row): Row =>
  Object.fromEntries(table.columns.map(({ name }) => [name, fields[name] ?? null]));

const add = async (place: Place, name: string, ...rows: readonly Row[]): Promise<void> => {
  const table = tableOf(place, name);
  const statements = place.words.insert(
    table,
    rows.map((row) => rowIn(table, row)),
  );
  for (const { text, params } of statements) await place.use((link) => link.send(text, params));
};

const contentsOf = async (place: Place): Promise<Record<string, Row[]>> => {
  const contents: Record<string, Row[]> = {};
  for (const table of place.words.tables) {
    contents[table.name] = [];
    for await (const rows of pagesOf(place, table)) contents[table.name]!.push(...rows);
  }
  return contents;
};

const runOf = (key: number, fields: Row = {}): Row => ({
  key,
  id: `run-${key}`,
  workflow: "w",
  version: 1,
  status: "waiting",
  lease: 1,
  strikes: 0,
  mark: 0,
  mail: 0,
  pause: 0,
  created_at: 1_000 + key,
  ...fields,
});

const recordOf = (run: number, seq: number, at = 2_000 + seq): Row => ({
  run,
  seq,
  kind: seq === 0 ? "started" : "step",
  key: seq === 0 ? null : `step-${seq}`,
  value: `"${run} ${seq}"`,
  attempt: 1,
  issued: seq,
  at,
});

/** Runs with so many records each, at a place and carried to another; `sent` counts the rows that are put in there, by table. */
const carried = async (from: Kind, to: Kind, runs: readonly Row[], records: number) => {
  const source = await placed(from);
  const there = await placed(to);
  const sent: Record<string, number> = {};
  const target: Place = {
    ...there,
    words: {
      ...there.words,
      insert: (table, rows) => {
        sent[table.name] = (sent[table.name] ?? 0) + rows.length;
        return there.words.insert(table, rows);
      },
    },
  };
  await add(source, "runs", ...runs);
  const seqs = Array.from({ length: records }, (_, seq) => seq);
  await add(source, "history", ...runs.flatMap(({ key }) => seqs.map((seq) => recordOf(Number(key), seq))));
  const move = await beginAtTarget(source, target, {
    role: "source",
    state: "copying",
    other: target.name,
    token: Bun.randomUUIDv7(),
    turn: 0,
  });
  const carry: Carry = { source, target, move, batch: 50, onward: () => {} };
  expect(await reconcile(carry)).toHaveLength(runs.length);
  const assertCarried = async (): Promise<void> => {
    expect(await contentsOf(target)).toEqual(await contentsOf(source));
    await assertSame(carry);
  };
  await assertCarried();
  for (const name of Object.keys(sent)) delete sent[name];
  return { source, target, carry, sent, assertCarried };
};

const keys = (from: number, count: number): number[] => Array.from({ length: count }, (_, index) => from + index);

const pairs = kinds
  .flatMap((from) => kinds.map((to) => [from, to] as const))
  .filter(([from, to]) => from === "sqlite" || to === "sqlite");

describe("a round of a move", () => {
  for (const [from, to] of pairs) {
    test(`from ${from} to ${to} carries the new records of runs that have grown, and nothing else`, async () => {
      const { source, carry, sent, assertCarried } = await carried(
        from,
        to,
        keys(1, 120).map((key) => runOf(key)),
        8,
      );
      await add(source, "history", ...[7, 8, 119].flatMap((run) => [recordOf(run, 8), recordOf(run, 9)]));
      expect(await reconcile(carry)).toHaveLength(3);
      expect(sent).toEqual({ holdfast_history: 6 });
      await assertCarried();
      expect(await reconcile(carry)).toHaveLength(0);
    });

    test(`from ${from} to ${to} takes away what a retry took away`, async () => {
      const { source, carry, sent, assertCarried } = await carried(
        from,
        to,
        keys(1, 10).map((key) => runOf(key)),
        8,
      );
      const history = "holdfast_history";
      // One grew by more than it lost, one lost and grew by as many, one only lost, and one has another record in the place of the one it had.
      await ask(source, `delete from ${history} where run = 2 and seq in (5, 7)`);
      await add(source, "history", ...[8, 9, 10].map((seq) => recordOf(2, seq)));
      await ask(source, `delete from ${history} where run = 3 and seq = 7`);
      await add(source, "history", recordOf(3, 8));
      await ask(source, `delete from ${history} where run = 4 and seq = 7`);
      await ask(source, `delete from ${history} where run = 5 and seq = 7`);
      await add(source, "history", recordOf(5, 7, 5_000));
      await ask(source, "update holdfast_runs set lease = lease + 1 where lease = 1");
      expect(await reconcile(carry)).toHaveLength(10);
      // What was tried first, the new records only, and then those two anew; and two anew at once.
      expect(sent).toEqual({ holdfast_runs: 10, holdfast_history: 3 + 1 + 9 + 8 + 7 + 8 });
      await assertCarried();
    });
  }

  test("carries what an executing run has published, though it looks the same", async () => {
    const { source, carry, assertCarried } = await carried("sqlite", "sqlite", [runOf(1, { worker: 3 }), runOf(2)], 1);
    await add(source, "states", { run: 1, value: '"aaa"', at: 5 });
    await reconcile(carry);
    await ask(source, `update holdfast_states set value = '"bbb"'`);
    expect(await reconcile(carry)).toHaveLength(1);
    expect((await contentsOf(carry.target))["holdfast_states"]).toEqual([{ run: 1, value: '"bbb"', at: 5 }]);
    await assertCarried();
  });

  test("carries a run that has the number of another one as what it is", async () => {
    const { source, carry, assertCarried } = await carried("sqlite", "sqlite", [runOf(1), runOf(2)], 3);
    await ask(source, "delete from holdfast_runs where id = 'run-2'");
    await ask(source, "delete from holdfast_history where run = 2 and seq = 2");
    await add(source, "runs", runOf(2, { id: "another" }));
    await add(source, "history", { ...recordOf(2, 2), value: '"2 9"' });
    await reconcile(carry);
    await assertCarried();
  });

  test("names the run of a value that has no place at the other end", async () => {
    if (!kinds.includes("postgres")) return;
    const { source, carry } = await carried("sqlite", "postgres", [runOf(1), runOf(2)], 3);
    await add(source, "history", recordOf(1, 3), recordOf(2, 3), { ...recordOf(2, 4), value: "a \0" });
    const error: unknown = await reconcile(carry).catch((failure: unknown) => failure);
    expect(Fault.is(error, "invalid_value") && error.data["run"]).toBe("run-2");
  });

  for (const to of kinds)
    test(`to ${to}, whatever is done at the other end in between, leaves no difference`, async () => {
      const chance = chanceOf(7);
      const upTo = (most: number): number => Math.floor(chance.next() * most);
      const over = new Set(keys(1, 45));
      const all = keys(1, 60);
      const first = all.map((key) => runOf(key, over.has(key) ? { status: "failed", ended_at: 9 } : {}));
      const { source, carry, assertCarried } = await carried("sqlite", to, first, 4);
      const last = new Map(all.map((key) => [key, 3]));
      let signals = 0;
      /** What workers do, to runs that are open; and what people do. */
      const works: ((run: number) => Promise<unknown>)[] = [
        // One goes on,
        async (run) => {
          const seq = (last.get(run) ?? -1) + 1;
          last.set(run, seq);
          await add(source, "history", recordOf(run, seq, 3_000 + upTo(5)));
        },
        // claims, gives back and ends,
        (run) => ask(source, "update holdfast_runs set lease = lease + 1, worker = 4, wake_at = null where key = ?", run),
        (run) => ask(source, "update holdfast_runs set worker = null, wake_at = 7 where key = ?", run),
        (run) => {
          over.add(run);
          return ask(source, "update holdfast_runs set worker = null, ended_at = 9, status = 'failed' where key = ?", run);
        },
        // publishes, and takes a message,
        async (run) => {
          await ask(source, "update holdfast_runs set worker = 4 where key = ?", run);
          await ask(source, "delete from holdfast_states where run = ?", run);
          await add(source, "states", { run, value: `"${upTo(9)}"`, at: 1 });
        },
        (run) => ask(source, "update holdfast_signals set taken_at = 5, value = null where run = ?", run),
      ];
      const wishes: typeof works = [
        // One sends, retries, and starts.
        async (run) => {
          await add(source, "signals", { key: ++signals, run, name: "n", value: "1", at: 4 });
          await ask(source, "update holdfast_runs set mail = mail + 1 where key = ?", run);
        },
        async (run) => {
          if (!over.delete(run)) return;
          const from = upTo(last.get(run) ?? 0) + 1;
          await ask(source, `delete from holdfast_history where run = ? and seq >= ${from} and seq % 2 = 0`, run);
          await ask(source, "update holdfast_runs set lease = lease + 1, ended_at = null where key = ?", run);
          await add(source, "history", recordOf(run, (last.get(run) ?? 0) + 1, 3_100));
          last.set(run, (last.get(run) ?? 0) + 1);
        },
        async () => {
          const run = last.size + 1;
          last.set(run, 0);
          await add(source, "runs", runOf(run));
          await add(source, "history", recordOf(run, 0));
          await add(source, "tags", { run, tag: "t" });
        },
      ];
      const live = async (): Promise<void> => {
        for (let doing = 0; doing < 30; doing++) {
          const run = 1 + upTo(last.size);
          const choice = over.has(run) ? wishes : [...works, ...wishes];
          await choice[upTo(choice.length)]!(run);
        }
      };
      for (let round = 0; round < 15; round++) {
        await live();
        await reconcile(carry);
        await assertCarried();
        const proven = await prove(carry);
        for (let more = upTo(3); more > 0; more--) {
          await live();
          await reconcile(carry, await changedSince(source, proven));
        }
        await live();
        await assertSame(carry, await reconcile(carry, await changedSince(source, proven)));
        await assertCarried();
      }
    });
});

describe("what is proven before the fence", () => {
  const ended = (key: number): Row => runOf(key, { status: "completed", ended_at: 9 });
  /** A window that is over, one in which a run is open, and one in which all are. */
  const runs = [...keys(1, 5).map(ended), ...keys(3_000, 5).map(ended), runOf(3_005), ...keys(5_000, 5).map((key) => runOf(key))];
  const end = "update holdfast_runs set status = 'completed', ended_at = 9 where key = ?";

  for (const kind of kinds)
    test(`is not looked at again on ${kind}; what was open then, or is now, or came in between, is`, async () => {
      const { source, carry, sent, assertCarried } = await carried(kind, "sqlite", runs, 4);
      const proven = await prove(carry);
      expect([...proven.windows].toSorted((one, other) => one - other)).toEqual([0, 2_048, 4_096]);
      expect(await changedSince(source, proven)).toEqual([{ runs: [3_005, ...keys(5_000, 5)] }]);
      // One that was open is over, one came, and one came and is over.
      await add(source, "history", recordOf(3_005, 4));
      await ask(source, end.replace("key", source.words.quote("key")), 3_005);
      await add(source, "runs", runOf(5_005), ended(5_006), runOf(9_000));
      const parts = await changedSince(source, proven);
      expect(parts).toEqual([{ runs: [3_005, ...keys(5_000, 7), 9_000] }]);
      const runsCarried = await reconcile(carry, parts);
      expect(runsCarried).toEqual([3_005, 5_005, 5_006, 9_000]);
      expect(sent).toEqual({ holdfast_runs: 4, holdfast_history: 1 });
      await assertSame(carry, runsCarried);
      await assertCarried();
    });

  test("is looked at again when one of them was retried, even if it is at its end again", async () => {
    const { source, carry, sent, assertCarried } = await carried("sqlite", "sqlite", runs, 4);
    const proven = await prove(carry);
    await ask(source, "delete from holdfast_history where run = 3001 and seq = 3");
    await add(source, "history", recordOf(3_001, 3, 9_000));
    await ask(source, "update holdfast_runs set lease = lease + 1 where key = 3001");
    const parts = await changedSince(source, proven);
    expect(parts).toEqual([{ start: 2_048 }, { runs: keys(5_000, 5) }]);
    const runsCarried = await reconcile(carry, parts);
    expect(runsCarried).toEqual([3_001]);
    expect(sent).toEqual({ holdfast_runs: 1, holdfast_history: 4 });
    await assertSame(carry, runsCarried);
    await assertCarried();
  });

  test("is looked at again when one left the end and another came to it", async () => {
    const { source, carry, assertCarried } = await carried("sqlite", "sqlite", runs, 4);
    const proven = await prove(carry);
    await ask(source, "update holdfast_runs set status = 'queued', ended_at = null where key = 3001");
    await ask(source, end, 3_005);
    const parts = await changedSince(source, proven);
    expect(parts).toEqual([{ start: 2_048 }, { runs: keys(5_000, 5) }]);
    await reconcile(carry, parts);
    await assertCarried();
  });

  test("is only what is the same at both places", async () => {
    const { source, target, carry, assertCarried } = await carried("sqlite", "sqlite", runs, 4);
    await ask(target, "delete from holdfast_history where run = 2 and seq = 2");
    const proven = await prove(carry);
    expect([...proven.windows].toSorted((one, other) => one - other)).toEqual([2_048, 4_096]);
    // A look at what the runs count would not have found it.
    expect(await reconcile(carry)).toHaveLength(0);
    expect(await reconcile(carry, await changedSince(source, proven))).toHaveLength(1);
    await assertCarried();
  });

  test("leaves what was carried behind it to be added up", async () => {
    const { source, target, carry } = await carried("sqlite", "sqlite", runs, 4);
    const proven = await prove(carry);
    await add(source, "history", recordOf(5_002, 4));
    const runsCarried = await reconcile(carry, await changedSince(source, proven));
    expect(runsCarried).toEqual([5_002]);
    await ask(target, "delete from holdfast_history where run = 5002 and seq = 2");
    const error: unknown = await assertSame(carry, runsCarried).catch((failure: unknown) => failure);
    expect(Fault.is(error, "copy_mismatch")).toBe(true);
  });

  test("looks at a window as a whole that is open for the greater part", () => {
    expect(partsOf(keys(2_048, 1_025))).toEqual([{ start: 2_048 }]);
    expect(partsOf(keys(2_048, 1_024))).toEqual([
      { runs: keys(2_048, 500) },
      { runs: keys(2_548, 500) },
      { runs: keys(3_048, 24) },
    ]);
    expect(partsOf([5, 5_000], new Set([0]))).toEqual([{ start: 0 }, { runs: [5_000] }]);
  });

  test("leaves the number of runs to be counted behind it", async () => {
    const { source, target, carry } = await carried("sqlite", "sqlite", runs, 4);
    const proven = await prove(carry);
    await ask(target, "delete from holdfast_runs where key = 2");
    const error: unknown = await assertSame(carry, await reconcile(carry, await changedSince(source, proven))).catch(
      (failure: unknown) => failure,
    );
    expect(Fault.is(error, "copy_mismatch")).toBe(true);
  });
});
