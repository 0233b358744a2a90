/** Leaders: one at a time, under a term that grows, and nothing is written under an older one. */
import { expect, test } from "bun:test";
import { hire, t0, type OpenStore } from "./kit.ts";

export const leaders = (openStore: OpenStore): void => {
  test("the first who asks leads, in the first term, and is on the list as the leader", async () => {
    const { store } = await openStore();
    const [one, two] = [await hire(store), await hire(store)];
    expect(await store.leaders.read("x")).toBeUndefined();
    expect(await store.leaders.take("x", one, t0)).toEqual({ name: "x", worker: one, term: 1, since: t0, memo: null });
    expect(await store.leaders.take("x", two, t0 + 9)).toMatchObject({ worker: one, term: 1, since: t0 });
    expect(await store.leaders.take("x", one, t0 + 9)).toMatchObject({ worker: one, term: 1 });
    expect(await store.leaders.take("y", two, t0)).toMatchObject({ worker: two, term: 1 });
    expect((await store.workers.list()).map(({ leads }) => leads)).toEqual([[{ name: "x", term: 1 }], [{ name: "y", term: 1 }]]);
  });

  test("whoever follows a leader that left or died leads in the next term, and the old one writes nothing more", async () => {
    const { store } = await openStore();
    const [one, two, three] = [await hire(store), await hire(store), await hire(store)];
    await store.leaders.take("x", one, t0);
    expect(await store.leaders.keep("x", { worker: one, term: 1 }, "from one")).toBe(true);
    await store.workers.bury(one, 0, t0);
    expect(await store.leaders.keep("x", { worker: one, term: 1 }, "dead")).toBe(false);
    expect(await store.leaders.take("x", two, t0 + 5)).toEqual({
      name: "x",
      worker: two,
      term: 2,
      since: t0 + 5,
      memo: "from one",
    });
    for (const stale of [
      { worker: one, term: 1 },
      { worker: one, term: 2 },
      { worker: two, term: 1 },
    ])
      expect(await store.leaders.keep("x", stale, "stale")).toBe(false);
    await store.workers.leave(two, t0);
    expect(await store.leaders.take("x", three, t0 + 6)).toMatchObject({ worker: three, term: 3, memo: "from one" });
  });

  test("a worker that was declared dead does not lead", async () => {
    const { store } = await openStore();
    const one = await hire(store);
    await store.workers.bury(one, 0, t0);
    expect(await store.leaders.take("x", one, t0)).toMatchObject({ worker: null, term: 0 });
  });

  test("of many who ask at once one leads", async () => {
    const { store, again } = await openStore();
    const stores = [store, (await again?.()) ?? store];
    const workers = await Promise.all(Array.from({ length: 12 }, () => hire(store)));
    const rows = await Promise.all(workers.map((worker, n) => stores[n % 2]!.leaders.take("x", worker, t0)));
    expect(new Set(rows.map(({ worker, term }) => `${worker} ${term}`)).size).toBe(1);
    expect(rows[0]?.term).toBe(1);
  });
};
