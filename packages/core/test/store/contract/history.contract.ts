/** The records of runs: who may write them, and how they are read. */
import { describe, expect, test } from "bun:test";
import { byKey, claim, execute, hire, newRun, row, seqs, stale, t0, writesNothing, type OpenStore } from "./kit.ts";

export const history = (openStore: OpenStore): void => {
  describe("append", () => {
    test("a record is kept as it was handed over", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      const rows = [
        row(1, { value: "naïve 😀 \u0000 'quoted' \"too\"", due: 8_640_000_000_000_000, at: t0 + 1 }),
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
      const stores = [store, again?.() ?? store];
      const client = async (n: number): Promise<void> => {
        const lease = await execute(stores[n % 2]!, `${n}`);
        for (let seq = 1; seq <= 32; seq++) expect(await stores[(n + seq) % 2]!.history.append(lease, row(seq))).toBe(true);
        expect(await seqs(store, lease.run)).toEqual(Array.from({ length: 33 }, (_, seq) => seq));
      };
      await Promise.all(Array.from({ length: 64 }, (_, n) => client(n)));
    });
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
      expect(await store.history.appendChild(parent, calling, child)).toBe("held");
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
