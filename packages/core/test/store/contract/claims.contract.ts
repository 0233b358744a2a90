/** Claims: who gets which run when, and which runs nobody gets at once. */
import { describe, expect, test } from "bun:test";
import type { Store } from "../../../src/store/contract.ts";
import { byKey, claim, claimIds, execute, hire, nextDue, rest, row, start, t0, type OpenStore } from "./kit.ts";

/** Ends the life of a run's worker, as a crash does, and claims again. Answers with the strikes after it. */
const crash = async (store: Store, run: number): Promise<number | undefined> => {
  const { worker } = await byKey(store, run);
  if (worker !== null) await store.workers.bury(worker, 0, t0);
  return (await claim(store, await hire(store))).find(({ key }) => key === run)?.strikes;
};

export const claims = (openStore: OpenStore): void => {
  describe("claim", () => {
    test("a claimed run is running, under a lease one higher, and due for nobody", async () => {
      const { store } = await openStore();
      const worker = await hire(store);
      const key = await start(store, "a");
      const [run] = await claim(store, worker);
      expect(run).toMatchObject({ key, status: "running", lease: 1, worker, wakeAt: null, strikes: 1 });
      expect(run).toEqual(await byKey(store, key));
      expect(await claim(store, worker)).toEqual([]);
    });

    test("the longest due come first, as many as asked for", async () => {
      const { store } = await openStore();
      const worker = await hire(store);
      for (const [id, wakeAt] of [
        ["late", t0 + 3],
        ["first", t0 + 1],
        ["third", t0 + 3],
        ["second", t0 + 2],
      ] as const)
        await start(store, id, { wakeAt });
      expect(await claimIds(store, worker, { now: t0 + 9, each: 2 })).toEqual(["first", "second"]);
      expect(await claimIds(store, worker, { now: t0 + 9, each: 0 })).toEqual([]);
      expect(await claimIds(store, worker, { now: t0 + 9, each: 9 })).toEqual(["late", "third"]);
    });

    test("a run is not claimed before it is due", async () => {
      const { store } = await openStore();
      const worker = await hire(store);
      await start(store, "a", { wakeAt: t0 + 10 });
      expect(await claimIds(store, worker, { now: t0 + 9 })).toEqual([]);
      expect(await claimIds(store, worker, { now: t0 + 10 })).toEqual(["a"]);
    });

    test("only workflows and versions that are known are claimed", async () => {
      const { store } = await openStore();
      const worker = await hire(store);
      await start(store, "v1");
      await start(store, "v2", { version: 2 });
      await start(store, "other", { workflow: "refund" });
      expect(await claimIds(store, worker, { known: [] })).toEqual([]);
      expect(await claimIds(store, worker, { known: [{ name: "refund", version: 2 }] })).toEqual([]);
      expect(
        await claimIds(store, worker, {
          known: [
            { name: "order", version: 2 },
            { name: "refund", version: 1 },
          ],
        }),
      ).toEqual(["other", "v2"]);
    });

    test("runs that nobody here knows do not keep known ones waiting", async () => {
      const { store } = await openStore();
      const worker = await hire(store);
      await Promise.all(
        Array.from({ length: 500 }, (_, n) => start(store, `unknown ${n}`, { workflow: "gone", wakeAt: t0 - 500 })),
      );
      await start(store, "a");
      expect(await claimIds(store, worker, { each: 1 })).toEqual(["a"]);
      expect(await nextDue(store)).toBeUndefined();
    });

    test("a run is claimed by one of 64 workers", async () => {
      const { store, again } = await openStore();
      const stores = [store, (await again?.()) ?? store];
      for (let n = 0; n < 100; n++) await start(store, `${n}`);
      const workers = await Promise.all(Array.from({ length: 64 }, () => hire(store)));
      const claimed = await Promise.all(workers.map((worker, n) => claim(stores[n % 2]!, worker, { each: 3 })));
      const all = claimed.flat().map(({ id }) => id);
      expect(all).toHaveLength(100);
      expect(new Set(all).size).toBe(100);
    });

    test("a worker that was declared dead claims nothing", async () => {
      const { store } = await openStore();
      const worker = await hire(store);
      await start(store, "a");
      await store.workers.bury(worker, 0, t0);
      expect(await claimIds(store, worker)).toEqual([]);
      expect(await claimIds(store, await hire(store))).toEqual(["a"]);
    });

    test("paused, blocked, waiting and ended runs without a wake time are not due", async () => {
      const { store } = await openStore();
      for (const status of ["paused", "blocked", "waiting"] as const)
        await store.runs.rest(await execute(store, status), rest({ status }));
      expect(await claimIds(store, await hire(store))).toEqual([]);
      expect(await nextDue(store)).toBeUndefined();
    });
  });

  describe("strikes", () => {
    test("claims without progress count", async () => {
      const { store } = await openStore();
      const run = await start(store, "a");
      expect(await crash(store, run)).toBe(1);
      expect(await crash(store, run)).toBe(2);
      expect(await crash(store, run)).toBe(3);
    });

    test("a start in place is the first strike", async () => {
      const { store } = await openStore();
      const { run } = await execute(store, "a");
      expect(await crash(store, run)).toBe(2);
    });

    test("a record is progress, and the count begins anew", async () => {
      const { store } = await openStore();
      const run = await start(store, "a");
      await crash(store, run);
      await crash(store, run);
      const { lease } = await byKey(store, run);
      await store.history.append({ run, number: lease }, row(1));
      expect(await crash(store, run)).toBe(1);
      expect(await crash(store, run)).toBe(2);
    });

    test("a step that is merely running is no progress: it may be the one that kills", async () => {
      const { store } = await openStore();
      const run = await start(store, "a");
      await crash(store, run);
      for (const seq of [1, 2]) {
        await store.history.append({ run, number: (await byKey(store, run)).lease }, row(seq, { kind: "running" }));
        expect(await crash(store, run)).toBe(seq + 1);
      }
    });

    test("a rest in good order forgets the strikes", async () => {
      const { store } = await openStore();
      const run = await start(store, "a");
      await crash(store, run);
      await crash(store, run);
      await store.runs.rest({ run, number: (await byKey(store, run)).lease }, rest({ status: "queued", wakeAt: t0 }));
      expect((await claim(store, await hire(store)))[0]?.strikes).toBe(1);
    });

    test("a worker that leaves in good order leaves no strike", async () => {
      const { store } = await openStore();
      const run = await start(store, "a");
      for (let turn = 0; turn < 5; turn++) {
        const worker = await hire(store);
        expect((await claim(store, worker))[0]?.strikes).toBe(1);
        await store.workers.leave(worker, t0);
      }
      expect((await byKey(store, run)).strikes).toBe(0);
    });

    const makeSuspects = async (store: Store, names: readonly string[], suspectAt: number): Promise<void> => {
      for (const id of names) await start(store, id, { wakeAt: t0 - 1 });
      for (let strike = 0; strike < suspectAt; strike++) {
        const worker = await hire(store);
        await claim(store, worker, { suspectAt: 99 });
        await store.workers.bury(worker, 0, t0);
      }
    };

    test("suspects are executed one at a time, and healthy runs go ahead of them", async () => {
      const { store } = await openStore();
      await makeSuspects(store, ["s1", "s2", "s3"], 2);
      await start(store, "healthy");
      const [one, two] = [await hire(store), await hire(store)];
      expect(await claimIds(store, one, { suspectAt: 2, each: 1 })).toEqual(["healthy"]);
      const first = await claim(store, one, { suspectAt: 2 });
      expect(first).toHaveLength(1);
      expect(first[0]?.strikes).toBe(3);
      expect(await claim(store, two, { suspectAt: 2 })).toEqual([]);
      await start(store, "healthy too");
      expect(await claimIds(store, two, { suspectAt: 2 })).toEqual(["healthy too"]);
      await store.runs.rest({ run: first[0]!.key, number: first[0]!.lease }, rest({ status: "paused" }));
      expect(await claim(store, two, { suspectAt: 2 })).toHaveLength(1);
    });

    test("the next suspect is taken when the worker of the last one died", async () => {
      const { store } = await openStore();
      await makeSuspects(store, ["s1", "s2"], 2);
      const one = await hire(store);
      expect(await claim(store, one, { suspectAt: 2 })).toHaveLength(1);
      await store.workers.bury(one, 0, t0);
      expect(await claim(store, await hire(store), { suspectAt: 2 })).toHaveLength(1);
    });
  });

  describe("heldBy and nextDue", () => {
    test("a worker sees the runs it holds, with what came for them", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      await execute(store, "of another");
      await store.runs.pause(lease.run);
      expect(await store.runs.heldBy(lease.worker)).toEqual([{ key: lease.run, lease: 1, mail: 1, cancel: null, pause: true }]);
      await store.runs.cancel(lease.run, "enough", t0);
      expect(await store.runs.heldBy(lease.worker)).toEqual([
        { key: lease.run, lease: 1, mail: 2, cancel: "enough", pause: false },
      ]);
      await store.runs.rest(lease, rest());
      expect(await store.runs.heldBy(lease.worker)).toEqual([]);
    });

    test("the next moment is that of the earliest known run, overdue or not", async () => {
      const { store } = await openStore();
      expect(await nextDue(store)).toBeUndefined();
      await start(store, "later", { wakeAt: t0 + 50 });
      await start(store, "unknown", { wakeAt: t0 + 1, version: 9 });
      expect(await nextDue(store)).toBe(t0 + 50);
      await start(store, "overdue", { wakeAt: t0 - 50 });
      expect(await nextDue(store)).toBe(t0 - 50);
      expect(await nextDue(store, [])).toBeUndefined();
    });
  });

  describe("shares", () => {
    const tenants = async (store: Store, counts: Readonly<Record<string, number>>): Promise<void> => {
      for (const [tenant, count] of Object.entries(counts))
        for (let n = 0; n < count; n++) await start(store, `${tenant} ${n}`, { tenant, wakeAt: t0 - 100 + n });
    };
    const order = { name: "order", version: 1 };

    test("of each part so many are taken, those of a tenant apart from the backlog of another", async () => {
      const { store } = await openStore();
      await tenants(store, { big: 30, small: 2 });
      const worker = await hire(store);
      const parts = ["big", "small"].map((tenant) => ({ ...order, tenant }));
      expect(await claimIds(store, worker, { parts, each: 2 })).toEqual(["big 0", "big 1", "small 0", "small 1"]);
      expect((await claim(store, worker, { each: 1 })).map(({ id, tenant }) => [id, tenant])).toEqual([["big 2", "big"]]);
    });

    test("a run that is due for its tenant and for whoever waits longest is taken, and answered, once", async () => {
      const { store } = await openStore();
      await tenants(store, { a: 2, b: 1 });
      const worker = await hire(store);
      const taken = await claim(store, worker, {
        parts: [
          { ...order, tenant: null },
          { ...order, tenant: "a" },
        ],
        each: 9,
      });
      expect(taken.map(({ id, lease }) => `${id} ${lease}`).toSorted()).toEqual(["a 0 1", "a 1 1", "b 0 1"]);
    });

    test("tenants are found one after the other, with the moment at which each has a run due", async () => {
      const { store } = await openStore();
      await tenants(store, { a: 3, b: 1, c: 2 });
      await start(store, "of nobody");
      await start(store, "of another workflow", { workflow: "mail", tenant: "z" });
      const found = await store.runs.tenants(order, "", 9);
      expect(found).toEqual(["a", "b", "c"].map((tenant) => ({ tenant, wakeAt: t0 - 100 })));
      expect((await store.runs.tenants(order, "a", 1)).map(({ tenant }) => tenant)).toEqual(["b"]);
      expect(await store.runs.tenants(order, "c", 9)).toEqual([]);
      await claim(store, await hire(store), { parts: [{ ...order, tenant: "b" }] });
      expect((await store.runs.tenants(order, "", 9)).map(({ tenant }) => tenant)).toEqual(["a", "c"]);
    });

    test("what is due is told for each workflow, counted as far as asked for, and of all whoever knows them", async () => {
      const { store } = await openStore();
      await tenants(store, { a: 5 });
      await start(store, "later", { workflow: "mail", wakeAt: t0 + 50 });
      await start(store, "unknown", { workflow: "gone", version: 7 });
      expect(await store.runs.nextDue([order, { name: "mail", version: 1 }, { name: "none", version: 1 }], t0, 3)).toEqual([
        { ...order, wakeAt: t0 - 100, count: 3, isShared: true },
        { name: "mail", version: 1, wakeAt: t0 + 50, count: 0, isShared: false },
      ]);
      const all = await store.runs.allDue(t0, 9);
      expect(all.map(({ name, version, count }) => [name, version, count])).toEqual([
        ["gone", 7, 1],
        ["mail", 1, 0],
        ["order", 1, 5],
      ]);
    });
  });

  describe("a run that rests in the memory of a worker", () => {
    const resting = async (store: Store) => {
      const lease = await execute(store, "a");
      await store.runs.rest(lease, rest({ wakeAt: t0, home: true }));
      return { home: lease.worker, other: await hire(store) };
    };

    test("is left to it for a moment, and is then anybody's", async () => {
      const { store } = await openStore();
      const { other } = await resting(store);
      expect(await claimIds(store, other, { now: t0 + 99 })).toEqual([]);
      expect(await claimIds(store, other, { now: t0 + 100 })).toEqual(["a"]);
    });

    test("is that worker's at once", async () => {
      const { store } = await openStore();
      const { home } = await resting(store);
      expect(await claimIds(store, home)).toEqual(["a"]);
    });

    test("waits for no worker that is gone or has no room", async () => {
      const { store } = await openStore();
      const { home, other } = await resting(store);
      await store.workers.fill(home, true);
      expect(await claimIds(store, other)).toEqual(["a"]);
      const second = await openStore();
      const { home: dead, other: another } = await resting(second.store);
      await second.store.workers.bury(dead, 0, t0);
      expect(await claimIds(second.store, another)).toEqual(["a"]);
    });
  });
};
