/** Breakers: counts that all processes add to, moves that one of them makes, and the one probe. */
import { describe, expect, test } from "bun:test";
import type { BreakerRow } from "../../../src/store/rows.ts";
import { byKey, execute, hire, rest, t0, type OpenStore } from "./kit.ts";

const none = { successes: 0, failures: 0, rejects: 0 };
const failed = (failures: number) => ({ ...none, failures });
const window = 1_000;

const closed: BreakerRow = {
  name: "gateway",
  state: "closed",
  ...none,
  windowAt: t0,
  openedAt: null,
  retryAt: null,
  probe: null,
  probeAt: null,
};

export const breakers = (openStore: OpenStore): void => {
  test("a breaker that nobody counted for is none yet", async () => {
    const { store } = await openStore();
    expect(await store.breakers.read("gateway")).toBeUndefined();
  });

  describe("count", () => {
    test("adds up within a window, whoever counts, and answers with the row", async () => {
      const { store, again } = await openStore();
      const other = (await again?.()) ?? store;
      expect(await store.breakers.count("gateway", failed(2), window, t0)).toEqual({ ...closed, failures: 2 });
      const second = { successes: 3, failures: 1, rejects: 4 };
      const sum = { ...closed, successes: 3, failures: 3, rejects: 4 };
      expect(await other.breakers.count("gateway", second, window, t0 + 999)).toEqual(sum);
      expect(await store.breakers.read("gateway")).toEqual(sum);
    });

    test("begins anew when the window is over, and when the clock was set back before it", async () => {
      const { store } = await openStore();
      await store.breakers.count("gateway", failed(2), window, t0);
      expect(await store.breakers.count("gateway", failed(1), window, t0 + 1_000)).toMatchObject({
        failures: 1,
        windowAt: t0 + 1_000,
      });
      expect(await store.breakers.count("gateway", failed(5), window, t0)).toMatchObject({ failures: 5, windowAt: t0 });
    });

    test("goes on from what opened it while it is not closed, however long that lasts", async () => {
      const { store } = await openStore();
      await store.breakers.count("gateway", failed(2), window, t0);
      await store.breakers.move("gateway", "closed", "open", { retryAt: t0 + 500, now: t0, probe: null });
      const row = await store.breakers.count("gateway", { ...none, rejects: 7 }, window, t0 + 50_000);
      expect(row).toMatchObject({ state: "open", failures: 2, rejects: 7, windowAt: t0 });
    });

    test("names are compared by their bytes", async () => {
      const { store } = await openStore();
      for (const name of ["Gateway", "gateway", "gateway ", "gatéway"]) await store.breakers.count(name, failed(1), window, t0);
      expect((await store.breakers.read("gateway"))?.failures).toBe(1);
    });
  });

  describe("move", () => {
    test("opens a closed breaker once, with the moment of its next probe", async () => {
      const { store, again } = await openStore();
      await store.breakers.count("gateway", failed(2), window, t0);
      const change = { retryAt: t0 + 500, now: t0 + 1, probe: null };
      const both = [store, (await again?.()) ?? store].map((each) => each.breakers.move("gateway", "closed", "open", change));
      expect((await Promise.all(both)).filter(Boolean)).toHaveLength(1);
      const open = { ...closed, state: "open", failures: 2, openedAt: t0 + 1, retryAt: t0 + 500 } as const;
      expect(await store.breakers.read("gateway")).toEqual(open);
    });

    test("a breaker without a row is a closed one", async () => {
      const { store } = await openStore();
      const change = { retryAt: t0 + 500, now: t0, probe: null };
      expect(await store.breakers.move("gateway", "half-open", "closed", { ...change, retryAt: null })).toBe(false);
      expect(await store.breakers.move("gateway", "closed", "open", change)).toBe(true);
      expect(await store.breakers.read("gateway")).toEqual({ ...closed, state: "open", openedAt: t0, retryAt: t0 + 500 });
    });

    test("does nothing from a state that it is in no more", async () => {
      const { store } = await openStore();
      await store.breakers.count("gateway", failed(2), window, t0);
      expect(await store.breakers.move("gateway", "open", "closed", { retryAt: null, now: t0, probe: null })).toBe(false);
      expect((await store.breakers.read("gateway"))?.failures).toBe(2);
    });

    test("a probe's word counts only while the probe is that worker's", async () => {
      const { store } = await openStore();
      const [mine, other] = [await hire(store), await hire(store)];
      await store.breakers.move("gateway", "closed", "open", { retryAt: t0, now: t0, probe: null });
      await store.breakers.probe("gateway", mine, 1_000, t0);
      const well = { retryAt: null, now: t0 + 9, probe: other };
      expect(await store.breakers.move("gateway", "half-open", "closed", well)).toBe(false);
      expect(await store.breakers.move("gateway", "half-open", "closed", { ...well, probe: mine })).toBe(true);
      expect(await store.breakers.read("gateway")).toEqual({ ...closed, windowAt: t0 + 9 });
    });

    test("a failed probe opens it again, and it says since when it is not closed", async () => {
      const { store } = await openStore();
      const worker = await hire(store);
      await store.breakers.move("gateway", "closed", "open", { retryAt: t0, now: t0, probe: null });
      await store.breakers.probe("gateway", worker, 1_000, t0);
      await store.breakers.move("gateway", "half-open", "open", { retryAt: t0 + 700, now: t0 + 5, probe: worker });
      expect(await store.breakers.read("gateway")).toMatchObject({
        state: "open",
        openedAt: t0,
        retryAt: t0 + 700,
        probe: null,
        probeAt: null,
      });
    });
  });

  describe("probe", () => {
    const openBreaker = async (openedStore: OpenStore) => {
      const opened = await openedStore();
      await opened.store.breakers.move("gateway", "closed", "open", { retryAt: t0 + 100, now: t0, probe: null });
      return opened;
    };

    test("is nobody's before its moment, and of a closed breaker never", async () => {
      const { store } = await openBreaker(openStore);
      const worker = await hire(store);
      await store.breakers.count("other", failed(1), window, t0);
      expect(await store.breakers.probe("gateway", worker, 1_000, t0 + 99)).toBe(false);
      expect(await store.breakers.probe("other", worker, 1_000, t0 + 99)).toBe(false);
    });

    test("is given to one", async () => {
      const { store, again } = await openBreaker(openStore);
      const [one, two] = [await hire(store), await hire(store)];
      const other = (await again?.()) ?? store;
      const answers = await Promise.all([
        store.breakers.probe("gateway", one, 1_000, t0 + 100),
        other.breakers.probe("gateway", two, 1_000, t0 + 100),
      ]);
      expect(answers.filter(Boolean)).toHaveLength(1);
      const probe = answers[0] ? one : two;
      expect(await store.breakers.read("gateway")).toMatchObject({ state: "half-open", probe, probeAt: t0 + 100 });
    });

    test("is given again when its worker is gone, or when it took longer than patience allows", async () => {
      const { store } = await openBreaker(openStore);
      const [gone, slow, next] = [await hire(store), await hire(store), await hire(store)];
      await store.breakers.probe("gateway", gone, 1_000, t0 + 100);
      await store.workers.leave(gone, t0 + 101);
      expect((await store.breakers.read("gateway"))?.probe).toBeNull();
      expect(await store.breakers.probe("gateway", slow, 1_000, t0 + 102)).toBe(true);
      expect(await store.breakers.probe("gateway", next, 1_000, t0 + 1_101)).toBe(false);
      expect(await store.breakers.probe("gateway", next, 1_000, t0 + 1_102)).toBe(true);
    });
  });

  describe("force", () => {
    test("opens until a moment and closes with everything forgotten, whatever the state", async () => {
      const { store } = await openStore();
      const open = { ...closed, state: "open", openedAt: t0, retryAt: t0 + 900 } as const;
      expect(await store.breakers.force("gateway", { kind: "open", retryAt: t0 + 900 }, t0)).toEqual(open);
      await store.breakers.count("gateway", failed(4), window, t0);
      expect(await store.breakers.force("gateway", { kind: "closed" }, t0 + 7)).toEqual({ ...closed, windowAt: t0 + 7 });
      expect(await store.breakers.read("gateway")).toEqual({ ...closed, windowAt: t0 + 7 });
    });
  });

  describe("wake", () => {
    test("a run that waits under this lease is due now, one that is due earlier stays so", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      await store.runs.rest(lease, rest({ wakeAt: t0 + 999 }));
      expect(await store.breakers.wake(lease, t0 + 5)).toBe(true);
      expect((await byKey(store, lease.run)).wakeAt).toBe(t0 + 5);
      expect(await store.breakers.wake(lease, t0 + 50)).toBe(false);
      expect((await byKey(store, lease.run)).wakeAt).toBe(t0 + 5);
    });

    test("a run that was taken since, or is executed, is left alone", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      expect(await store.breakers.wake(lease, t0)).toBe(false);
      await store.runs.rest(lease, rest({ wakeAt: t0 + 999 }));
      expect(await store.breakers.wake({ ...lease, number: lease.number - 1 }, t0)).toBe(false);
    });
  });
};
