/** Messages to runs: kept, in order, taken once. */
import { describe, expect, test } from "bun:test";
import type { Store } from "../../../src/store/contract.ts";
import type { NewSignal } from "../../../src/store/rows.ts";
import { byKey, claim, end, execute, hire, rest, row, seqs, stale, start, t0, writesNothing, type OpenStore } from "./kit.ts";

const send = (store: Store, run: number, name: string, more: Partial<NewSignal> = {}) =>
  store.signals.send({ run, name, dedupe: null, value: null, at: t0, ...more });

const values = async (store: Store, run: number, names: readonly string[], limit = 1_000): Promise<unknown[]> =>
  (await store.signals.pending(run, names, limit)).map(({ value }) => value);

const taken = (seq: number, value: string | null = null) => row(seq, { kind: "taken", key: "wait", value });

export const signals = (openStore: OpenStore): void => {
  describe("send", () => {
    test("messages wait in the order in which they came, by name", async () => {
      const { store } = await openStore();
      const run = await start(store, "a");
      for (const [name, value] of [
        ["x", "1"],
        ["y", "2"],
        ["x", "3"],
        ["z", "4"],
      ] as const) {
        expect(await send(store, run, name, { value, at: t0 + 9 - Number(value) })).toEqual({ kind: "sent" });
      }
      expect(await values(store, run, ["x"])).toEqual(["1", "3"]);
      expect(await values(store, run, ["y", "x"])).toEqual(["1", "2", "3"]);
      expect(await values(store, run, ["x", "y", "z"], 2)).toEqual(["1", "2"]);
      expect(await values(store, run, ["nobody sends this"])).toEqual([]);
      expect(await values(store, run, [])).toEqual([]);
      expect((await store.signals.pending(run, ["y"], 1))[0]).toMatchObject({ name: "y", value: "2", at: t0 + 7 });
    });

    test("a waiting run is woken, a running one gets mail, a paused one sleeps on", async () => {
      const { store } = await openStore();
      const [waiting, running, paused, blocked] = await Promise.all(
        ["waiting", "running", "paused", "blocked"].map((id) => execute(store, id)),
      );
      await store.runs.rest(waiting!, rest({ wakeAt: t0 + 999 }));
      await store.runs.rest(paused!, rest({ status: "paused" }));
      await store.runs.rest(blocked!, rest({ status: "blocked" }));
      for (const { run } of [waiting!, running!, paused!, blocked!]) await send(store, run, "s", { at: t0 + 5 });
      expect(await byKey(store, waiting!.run)).toMatchObject({ status: "waiting", mail: 1, wakeAt: t0 + 5 });
      expect(await byKey(store, running!.run)).toMatchObject({ status: "running", mail: 1, wakeAt: null });
      expect(await byKey(store, paused!.run)).toMatchObject({ status: "paused", mail: 1, wakeAt: null });
      expect(await byKey(store, blocked!.run)).toMatchObject({ status: "blocked", mail: 1, wakeAt: null });
    });

    test("a scheduled run does not begin earlier for a message", async () => {
      const { store } = await openStore();
      const run = await start(store, "a", { wakeAt: t0 + 500 });
      await send(store, run, "s");
      expect(await byKey(store, run)).toMatchObject({ status: "scheduled", wakeAt: t0 + 500, mail: 1 });
    });

    test("a message with a name and key that came before is known, and wakes nobody", async () => {
      const { store } = await openStore();
      const run = await start(store, "a");
      expect(await send(store, run, "s", { dedupe: "k", value: "1" })).toEqual({ kind: "sent" });
      expect(await send(store, run, "s", { dedupe: "k", value: "1" })).toEqual({ kind: "known" });
      expect(await values(store, run, ["s", "t"])).toEqual(["1"]);
      expect((await byKey(store, run)).mail).toBe(1);
      expect(await send(store, await start(store, "b"), "s", { dedupe: "k" })).toEqual({ kind: "sent" });
      expect(await send(store, run, "s", { dedupe: "K" })).toEqual({ kind: "sent" });
    });

    test("a key is remembered after its message was taken, and after the run ended", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      await send(store, lease.run, "s", { dedupe: "k" });
      const [signal] = await store.signals.pending(lease.run, ["s"], 1);
      await store.signals.take(lease, taken(1), signal!.key);
      expect(await send(store, lease.run, "s", { dedupe: "k" })).toEqual({ kind: "known" });
      await store.runs.settle(lease, end(2));
      expect(await send(store, lease.run, "s", { dedupe: "k" })).toEqual({ kind: "known" });
    });

    test.each(["completed", "failed", "cancelled"] as const)("a run that is %s takes no message", async (status) => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      await store.runs.settle(lease, end(1, { status }));
      expect(await send(store, lease.run, "s")).toEqual({ kind: "ended", status });
      expect(await values(store, lease.run, ["s"])).toEqual([]);
    });

    test("64 senders: every message is there once, and each sender's in its order", async () => {
      const { store, again } = await openStore();
      const stores = [store, (await again?.()) ?? store];
      const run = await start(store, "a");
      const sender = async (n: number): Promise<void> => {
        for (let turn = 0; turn < 20; turn++) {
          const message = { dedupe: `${n}/${turn}`, value: `${n}/${turn}` };
          await Promise.all([send(stores[0]!, run, "s", message), send(stores[1]!, run, "s", message)]);
        }
      };
      await Promise.all(Array.from({ length: 64 }, (_, n) => sender(n)));
      const all = (await store.signals.pending(run, ["s"], 9_999)).map(({ value }) => String(value).split("/").map(Number));
      expect(all).toHaveLength(64 * 20);
      for (let n = 0; n < 64; n++)
        expect(all.filter(([from]) => from === n).map(([, turn]) => turn)).toEqual(Array.from({ length: 20 }, (_, turn) => turn));
      expect((await byKey(store, run)).mail).toBe(64 * 20);
    });
  });

  describe("take", () => {
    test("a message that was taken is a record and waits no more", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      await send(store, lease.run, "s", { value: '"v"' });
      const [signal] = await store.signals.pending(lease.run, ["s"], 1);
      expect(await store.signals.take(lease, taken(1, '"v"'), signal!.key)).toBe(true);
      expect(await store.signals.pending(lease.run, ["s"], 1)).toEqual([]);
      expect(await store.history.last(lease.run)).toEqual(taken(1, '"v"'));
    });

    test("a repeated take answers yes and leaves one record", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      await send(store, lease.run, "s");
      const [signal] = await store.signals.pending(lease.run, ["s"], 1);
      for (let time = 0; time < 2; time++) expect(await store.signals.take(lease, taken(1), signal!.key)).toBe(true);
      expect(await seqs(store, lease.run)).toEqual([0, 1]);
    });

    test("a key stands for one message of its name, also after that was taken; another value under it is refused", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      const paid = (value: string) => send(store, lease.run, "paid", { dedupe: "event-1", value });
      expect(await paid('{"sum":10,"by":"card"}')).toEqual({ kind: "sent" });
      expect(await send(store, lease.run, "receipt", { dedupe: "event-1", value: '"r"' })).toEqual({ kind: "sent" });
      expect(await paid('{"by":"card","sum":10}')).toEqual({ kind: "known" });
      expect(await paid('{"sum":11,"by":"card"}')).toEqual({ kind: "conflict" });
      const [message] = await store.signals.pending(lease.run, ["paid"], 1);
      await store.signals.take(lease, taken(1, message!.value), message!.key);
      expect(await paid('{"sum":10,"by":"card"}')).toEqual({ kind: "known" });
      expect(await paid('{"sum":11,"by":"card"}')).toEqual({ kind: "conflict" });
      expect(await values(store, lease.run, ["paid", "receipt"])).toEqual(['"r"']);
    });

    test("two values under one key at the same time: one is kept, the other is refused", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      const sent = await Promise.all(["1", "2"].map((value) => send(store, lease.run, "s", { dedupe: "k", value })));
      expect(sent.map(({ kind }) => kind).toSorted()).toEqual(["conflict", "sent"]);
      expect(await values(store, lease.run, ["s"])).toHaveLength(1);
    });

    test("a message is taken by one record only", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      await send(store, lease.run, "s");
      const [signal] = await store.signals.pending(lease.run, ["s"], 1);
      await store.signals.take(lease, taken(1), signal!.key);
      await writesNothing(store, lease.run, () => store.signals.take(lease, taken(2), signal!.key));
    });

    test("a message of another run is not taken", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      const other = await start(store, "b");
      await send(store, other, "s");
      const [signal] = await store.signals.pending(other, ["s"], 1);
      await writesNothing(store, lease.run, () => store.signals.take(lease, taken(1), signal!.key));
      expect(await store.signals.pending(other, ["s"], 1)).toHaveLength(1);
    });

    test("a stale lease takes nothing, and the next worker finds the message", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      await send(store, lease.run, "s");
      const [signal] = await store.signals.pending(lease.run, ["s"], 1);
      await writesNothing(store, lease.run, () => store.signals.take(stale(lease), taken(1), signal!.key));
      await store.workers.bury(lease.worker, 0, t0);
      await writesNothing(store, lease.run, () => store.signals.take(lease, taken(1), signal!.key));
      const [run] = await claim(store, await hire(store));
      expect(await store.signals.take({ run: lease.run, number: run!.lease }, taken(1), signal!.key)).toBe(true);
    });
  });
};
