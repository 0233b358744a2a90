/** What runs publish while they go on. */
import { expect, test } from "bun:test";
import { end, execute, stale, t0, type OpenStore } from "./kit.ts";

export const states = (openStore: OpenStore): void => {
  test("the newest state of a run is the one that is read", async () => {
    const { store } = await openStore();
    const [a, b] = [await execute(store, "a"), await execute(store, "b")];
    expect(await store.states.read(a.run)).toBeUndefined();
    expect(await store.states.publish(a, '{"done":1}', t0)).toBe(true);
    expect(await store.states.publish(a, '{"done":2}', t0 + 1)).toBe(true);
    expect(await store.states.read(a.run)).toEqual({ value: '{"done":2}' });
    expect(await store.states.read(b.run)).toBeUndefined();
  });

  test("a state of nothing is a state", async () => {
    const { store } = await openStore();
    const lease = await execute(store, "a");
    await store.states.publish(lease, null, t0);
    expect(await store.states.read(lease.run)).toEqual({ value: null });
  });

  test("a stale lease publishes nothing", async () => {
    const { store } = await openStore();
    const lease = await execute(store, "a");
    await store.states.publish(lease, '"mine"', t0);
    expect(await store.states.publish(stale(lease), '"late"', t0)).toBe(false);
    expect(await store.states.publish({ run: 12_345, number: 1 }, '"nobody"', t0)).toBe(false);
    expect(await store.states.read(lease.run)).toEqual({ value: '"mine"' });
    expect(await store.states.read(12_345)).toBeUndefined();
  });

  test("the last state can be read after the end", async () => {
    const { store } = await openStore();
    const lease = await execute(store, "a");
    await store.states.publish(lease, '"all done"', t0);
    await store.runs.settle(lease, end(1));
    expect(await store.states.read(lease.run)).toEqual({ value: '"all done"' });
  });
};
