/** Workers: who lives, who is declared dead, and what becomes of their runs. */
import { describe, expect, test } from "bun:test";
import { byKey, claimIds, execute, hire, machine, rest, row, t0, type OpenStore } from "./kit.ts";

const idle = { full: false, load: null, leads: [] };

export const workers = (openStore: OpenStore): void => {
  test("a worker is on the list with what is known of it, and no key is used twice", async () => {
    const { store } = await openStore();
    const one = await hire(store);
    expect(await store.workers.list()).toEqual([{ key: one, ...machine, beat: 0, ...idle }]);
    await store.workers.leave(one, t0);
    const two = await store.workers.register({ ...machine, execute: false });
    expect(two).not.toBe(one);
    expect(await store.workers.list()).toEqual([{ key: two, ...machine, execute: false, beat: 0, ...idle }]);
  });

  test("a beat grows, and a dead worker's is refused", async () => {
    const { store } = await openStore();
    const worker = await hire(store);
    expect([await store.workers.beat(worker, null), await store.workers.beat(worker, null)]).toEqual([true, true]);
    expect((await store.workers.list())[0]?.beat).toBe(2);
    await store.workers.bury(worker, 2, t0);
    expect(await store.workers.beat(worker, null)).toBe(false);
  });

  test("a beat says how busy the worker is, and one that says nothing leaves what was said", async () => {
    const { store } = await openStore();
    const worker = await hire(store);
    const load = { at: t0, cpu: 0.25, memory: 1_000, lag: 3, executing: 2, hot: 1, busiest: 2 };
    await store.workers.beat(worker, JSON.stringify(load));
    await store.workers.beat(worker, null);
    await store.workers.fill(worker, true);
    expect((await store.workers.list())[0]).toMatchObject({ beat: 2, load, full: true });
    await store.workers.fill(worker, false);
    expect((await store.workers.list())[0]?.full).toBe(false);
  });

  describe("bury", () => {
    test("the runs of a dead worker are due now, under a new lease number", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      const resting = await execute(store, "resting", { worker: lease.worker });
      await store.runs.rest(resting, rest({ wakeAt: t0 + 999 }));
      const other = await execute(store, "of another");
      expect(await store.workers.bury(lease.worker, 0, t0 + 5)).toBe(true);
      expect(await byKey(store, lease.run)).toMatchObject({
        status: "queued",
        worker: null,
        lease: 2,
        wakeAt: t0 + 5,
        strikes: 1,
      });
      expect(await byKey(store, resting.run)).toMatchObject({ status: "waiting", lease: 1, wakeAt: t0 + 999 });
      expect(await byKey(store, other.run)).toMatchObject({ status: "running", lease: 1, worker: other.worker });
      expect((await store.workers.list()).map(({ key }) => key)).toEqual([other.worker]);
    });

    test("a worker that beat since it was seen is not declared dead", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      await store.workers.beat(lease.worker, null);
      expect(await store.workers.bury(lease.worker, 0, t0)).toBe(false);
      expect(await byKey(store, lease.run)).toMatchObject({ status: "running", lease: 1 });
      expect(await store.workers.beat(lease.worker, null)).toBe(true);
    });

    test("a worker is declared dead once", async () => {
      const { store, again } = await openStore();
      const lease = await execute(store, "a");
      const other = (await again?.()) ?? store;
      const answers = await Promise.all([store, other, store, other].map((each) => each.workers.bury(lease.worker, 0, t0)));
      expect(answers.filter(Boolean)).toHaveLength(1);
      expect((await byKey(store, lease.run)).lease).toBe(2);
    });

    test("a run that was asked to cancel is due for its cancel", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      await store.runs.cancel(lease.run, "enough", t0);
      await store.workers.bury(lease.worker, 0, t0 + 5);
      expect(await byKey(store, lease.run)).toMatchObject({ status: "queued", cancel: "enough", wakeAt: t0 + 5 });
    });
  });

  describe("beatApart", () => {
    const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
      while (!(await holds())) await Bun.sleep(2);
    };

    test("a thread beats, also while the loop is blocked, and says how long ago the last beat was", async () => {
      const { store, again } = await openStore();
      const worker = await hire(store);
      const beat = store.workers.beatApart(worker, 20);
      expect(beat === undefined).toBe(again === undefined);
      if (!beat) return;
      const count = async () => (await store.workers.list())[0]?.beat ?? 0;
      try {
        await until(async () => (await count()) > 0);
        const before = await count();
        Bun.sleepSync(400);
        expect(await count()).toBeGreaterThan(before + 1);
        await until(() => beat.age() < 400);
        expect(beat.refused()).toBe(false);
      } finally {
        beat.stop();
      }
      await Bun.sleep(50);
      const after = await count();
      await Bun.sleep(100);
      expect(await count()).toBe(after);
    });

    test("is told once that its worker was declared dead, and beats for another when asked to", async () => {
      const { store } = await openStore();
      const worker = await hire(store);
      const beat = store.workers.beatApart(worker, 10);
      if (!beat) return;
      try {
        await store.workers.leave(worker, t0);
        await until(() => beat.refused());
        const next = await hire(store);
        beat.beatFor(next);
        await until(async () => ((await store.workers.list())[0]?.beat ?? 0) > 1);
        beat.refused();
        expect(beat.refused()).toBe(false);
      } finally {
        beat.stop();
      }
    });
  });

  describe("leave", () => {
    test("a worker that leaves is off the list, and what it still held is due now, under a new lease number", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      await store.workers.leave(lease.worker, t0 + 5);
      expect(await store.workers.list()).toEqual([]);
      expect(await byKey(store, lease.run)).toMatchObject({
        status: "queued",
        worker: null,
        lease: 2,
        wakeAt: t0 + 5,
        strikes: 0,
      });
      expect(await store.history.append(lease, row(1))).toBe(false);
      expect(await claimIds(store, await hire(store), { now: t0 + 5 })).toEqual(["a"]);
    });

    test("leaving twice does no harm", async () => {
      const { store } = await openStore();
      const worker = await hire(store);
      await store.workers.leave(worker, t0);
      await store.workers.leave(worker, t0);
      expect(await store.workers.list()).toEqual([]);
    });
  });
};
