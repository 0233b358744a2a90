/** The records of runs: who may write them, and how they are read. */
import { describe, expect, test } from "bun:test";
import type { Store, Told } from "../../../src/store/contract.ts";
import type { Lease, Row } from "../../../src/store/rows.ts";
import { byKey, claim, execute, hire, newRun, row, seqs, stale, t0, writesNothing, type OpenStore } from "./kit.ts";

export const history = (openStore: OpenStore): void => {
  describe("append", () => {
    test("a record is kept as it was handed over", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      const rows = [
        row(1, { value: "naïve 😀 \\u0000 'quoted' \"too\"", due: 8_640_000_000_000_000, at: t0 + 1 }),
        row(2, { kind: "patched", key: null, value: null, attempt: null }),
        row(3, { value: "" }),
        row(4, { value: "x".repeat(1_000_000), key: "k".repeat(200) }),
      ];
      for (const record of rows) expect(await store.history.append(lease, record)).toBe(true);
      expect(await store.history.read(lease.run, 0, 10)).toEqual(rows);
    });

    test("the records of one turn are all kept, in their order", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      const all = Array.from({ length: 200 }, (_, n) => row(n + 1));
      expect(new Set(await Promise.all(all.map((record) => store.history.append(lease, record))))).toEqual(new Set([true]));
      expect(await store.history.read(lease.run, 0, 1_000)).toEqual(all);
    });

    test("a stale lease writes nothing", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      await writesNothing(store, lease.run, () => store.history.append(stale(lease), row(1)));
      await writesNothing(store, lease.run, () => store.history.append({ ...lease, number: 2 }, row(1)));
      expect(await store.history.append({ run: 12_345, number: 1 }, row(1))).toBe(false);
    });

    test("a worker that was declared dead writes nothing, its successor does", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      await store.workers.bury(lease.worker, 0, t0);
      await writesNothing(store, lease.run, () => store.history.append(lease, row(1)));
      const [run] = await claim(store, await hire(store));
      expect(await store.history.append({ run: lease.run, number: run!.lease }, row(1))).toBe(true);
    });

    test("a repeated append answers yes and leaves one record", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      expect(await store.history.append(lease, row(1))).toBe(true);
      expect(await store.history.append(lease, row(1))).toBe(true);
      expect(await seqs(store, lease.run)).toEqual([0, 1]);
    });

    test("a repeated append after the lease was lost answers no", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      await store.history.append(lease, row(1));
      await store.workers.bury(lease.worker, 0, t0);
      await writesNothing(store, lease.run, () => store.history.append(lease, row(1)));
    });

    test("64 clients append to 64 runs, and every acknowledged record is there", async () => {
      const { store, again } = await openStore();
      const stores = [store, (await again?.()) ?? store];
      const client = async (n: number): Promise<void> => {
        const lease = await execute(stores[n % 2]!, `${n}`);
        for (let seq = 1; seq <= 32; seq++) expect(await stores[(n + seq) % 2]!.history.append(lease, row(seq))).toBe(true);
        expect(await seqs(store, lease.run)).toEqual(Array.from({ length: 33 }, (_, seq) => seq));
      };
      await Promise.all(Array.from({ length: 64 }, (_, n) => client(n)));
    });
  });

  describe("record", () => {
    const record = (store: Store, lease: Lease, entry: Row) =>
      new Promise<Parameters<Told>[0]>((resolve) => store.history.record(lease, entry, resolve));

    test("many records of many runs in one turn are all kept as they were handed over", async () => {
      const { store } = await openStore();
      const leases = await Promise.all(Array.from({ length: 30 }, (_, n) => execute(store, `run ${n}`)));
      const rows = Array.from({ length: 11 }, (_, n) =>
        row(n + 1, n % 3 === 0 ? { value: null, key: null, attempt: null, due: t0 + n } : { value: `naïve 😀 \\u0000 ${n}` }),
      );
      const told = await Promise.all(leases.flatMap((lease) => rows.map((entry) => record(store, lease, entry))));
      expect(new Set(told)).toEqual(new Set(["kept"]));
      for (const { run } of leases) expect(await store.history.read(run, 0, 100)).toEqual(rows);
    });

    test("among many, those under a stale lease are refused and the others kept", async () => {
      const { store } = await openStore();
      const leases = await Promise.all(Array.from({ length: 150 }, (_, n) => execute(store, `run ${n}`)));
      const isStale = (n: number): boolean => n % 7 === 3;
      const told = await Promise.all(
        leases.map((lease, n) => record(store, isStale(n) ? { ...lease, number: lease.number + 1 } : lease, row(1))),
      );
      expect(told).toEqual(leases.map((_, n) => (isStale(n) ? "fenced" : "kept")));
      for (const [n, { run }] of leases.entries()) expect(await seqs(store, run)).toEqual(isStale(n) ? [0] : [0, 1]);
    });

    test("a repeated record is kept once, and its repetition is told the same", async () => {
      const { store } = await openStore();
      const leases = await Promise.all(Array.from({ length: 20 }, (_, n) => execute(store, `run ${n}`)));
      await Promise.all(leases.slice(0, 9).map((lease) => record(store, lease, row(1))));
      const again = await Promise.all(leases.map((lease) => record(store, lease, row(1))));
      expect(new Set(again)).toEqual(new Set(["kept"]));
      for (const { run } of leases) expect(await seqs(store, run)).toEqual([0, 1]);
    });

    test("is in the same commit as the other writes of its turn", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      const told = record(store, lease, row(1));
      const settled = store.runs.settle(lease, {
        status: "completed",
        row: row(2, { kind: "completed" }),
        parent: null,
        orphans: false,
      });
      expect([await told, await settled]).toEqual(["kept", true]);
      expect(await seqs(store, lease.run)).toEqual([0, 1, 2]);
    });

    test("is told that the store is closed", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      await store.close();
      expect(await record(store, lease, row(1))).toMatchObject({ refused: { code: "runtime_closed" } });
    });
  });

  test("the first records of several runs are read at one look, in order", async () => {
    const { store } = await openStore();
    const [one, two, none] = [await execute(store, "one"), await execute(store, "two"), await execute(store, "none")];
    for (const seq of [1, 2, 3]) await store.history.append(two, row(seq));
    const firsts = await store.history.readFirst([two.run, 99_999, none.run, one.run], 3);
    expect(firsts.map((rows) => rows.map(({ seq }) => seq))).toEqual([[0, 1, 2], [], [0], [0]]);
    expect(await store.history.readFirst([], 3)).toEqual([]);
  });

  describe("appendChild", () => {
    const calling = row(1, { kind: "calling", key: "call" });

    test("the record and the child are one", async () => {
      const { store } = await openStore();
      const parent = await execute(store, "parent");
      const child = newRun("child", { parent: parent.run, parentKey: "call", orphan: "cancel", tags: ["small"] });
      expect(await store.history.appendChild(parent, calling, child)).toBe("held");
      expect(await seqs(store, parent.run)).toEqual([0, 1]);
      const run = await store.runs.byId("child");
      expect(run).toMatchObject({ status: "queued", parent: parent.run, parentKey: "call", orphan: "cancel" });
      expect(await store.runs.tags(run!.key)).toEqual(["small"]);
    });

    test("a repeat finds its own child", async () => {
      const { store } = await openStore();
      const parent = await execute(store, "parent");
      const child = newRun("child", { parent: parent.run, parentKey: "call" });
      expect(await store.history.appendChild(parent, calling, child)).toBe("held");
      expect(await store.history.appendChild(parent, calling, child)).toBe("found");
      expect(await seqs(store, parent.run)).toEqual([0, 1]);
      expect(
        await store.runs.list({
          workflow: undefined,
          statuses: undefined,
          tag: undefined,
          parent: parent.run,
          from: undefined,
          until: undefined,
          before: undefined,
          limit: 9,
        }),
      ).toHaveLength(1);
    });

    test("a stale lease starts no child", async () => {
      const { store } = await openStore();
      const parent = await execute(store, "parent");
      expect(
        await store.history.appendChild(stale(parent), calling, newRun("child", { parent: parent.run, parentKey: "call" })),
      ).toBe("fenced");
      expect(await store.runs.byId("child")).toBeUndefined();
      expect(await seqs(store, parent.run)).toEqual([0]);
    });

    test.each([
      ["no parent", { parent: null, parentKey: null }],
      ["another parent", { parent: 9_999, parentKey: "call" }],
      ["another step", { parentKey: "other" }],
    ] as const)("an id that belongs to a run of %s is taken, and nothing is written", async (_, owner) => {
      const { store } = await openStore();
      const parent = await execute(store, "parent");
      await store.runs.start(newRun("child", { parent: parent.run, ...owner }));
      const before = await store.runs.byId("child");
      expect(await store.history.appendChild(parent, calling, newRun("child", { parent: parent.run, parentKey: "call" }))).toBe(
        "taken",
      );
      expect(await store.runs.byId("child")).toEqual(before);
      expect(await seqs(store, parent.run)).toEqual([0]);
    });
  });

  describe("read", () => {
    test("pages follow each other without a gap", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      await Promise.all([5, 3, 4, 1, 9].map((seq) => store.history.append(lease, row(seq))));
      const page = async (after: number): Promise<number[]> =>
        (await store.history.read(lease.run, after, 2)).map(({ seq }) => seq);
      expect([await page(-1), await page(1), await page(4), await page(9)]).toEqual([[0, 1], [3, 4], [5, 9], []]);
    });

    test("runs do not see each other's records", async () => {
      const { store } = await openStore();
      const [a, b] = [await execute(store, "a"), await execute(store, "b")];
      await store.history.append(a, row(1));
      expect(await seqs(store, b.run)).toEqual([0]);
      expect(await store.history.read(12_345, -1, 9)).toEqual([]);
    });

    test("the last record is the one with the highest seq", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      expect(await store.history.last(lease.run)).toMatchObject({ seq: 0, kind: "started" });
      await Promise.all([7, 2].map((seq) => store.history.append(lease, row(seq))));
      expect(await store.history.last(lease.run)).toEqual(row(7));
      expect(await store.history.last(12_345)).toBeUndefined();
    });

    test("a record does not move its run", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      const before = await byKey(store, lease.run);
      await store.history.append(lease, row(1));
      expect(await byKey(store, lease.run)).toEqual(before);
    });
  });
};
