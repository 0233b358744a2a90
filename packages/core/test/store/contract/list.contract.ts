/** Looking at runs: lists in pages, and the runs for which nothing will ever happen. */
import { describe, expect, test } from "bun:test";
import type { Store } from "../../../src/store/contract.ts";
import type { Lease, Row } from "../../../src/store/rows.ts";
import { end, execute, hire, ids, newRun, rest, row, start, t0, type OpenStore } from "./kit.ts";

export const list = (openStore: OpenStore): void => {
  describe("list", () => {
    const fill = async (store: Store): Promise<number> => {
      const parent = await execute(store, "parent", { at: t0 });
      await start(store, "child", { at: t0 + 1, parent: parent.run, tags: ["vip"] });
      await start(store, "refund", { at: t0 + 2, workflow: "refund", tags: ["vip", "eu"] });
      await start(store, "later", { at: t0 + 3, wakeAt: t0 + 999, tags: ["eu"] });
      const done = await execute(store, "done", { at: t0 + 4 });
      await store.runs.settle(done, end(1));
      return parent.run;
    };

    test("the newest come first", async () => {
      const { store } = await openStore();
      await fill(store);
      expect(await ids(store)).toEqual(["done", "later", "refund", "child", "parent"]);
    });

    test("each filter narrows, and several narrow together", async () => {
      const { store } = await openStore();
      const parent = await fill(store);
      expect(await ids(store, { workflow: "refund" })).toEqual(["refund"]);
      expect(await ids(store, { statuses: ["running", "completed"] })).toEqual(["done", "parent"]);
      expect(await ids(store, { statuses: [] })).toEqual([]);
      expect(await ids(store, { tag: "vip" })).toEqual(["refund", "child"]);
      expect(await ids(store, { tag: "nobody" })).toEqual([]);
      expect(await ids(store, { parent })).toEqual(["child"]);
      expect(await ids(store, { from: t0 + 2, until: t0 + 3 })).toEqual(["later", "refund"]);
      expect(await ids(store, { tag: "eu", statuses: ["scheduled"], workflow: "order", from: t0 })).toEqual(["later"]);
      expect(await ids(store, { tag: "vip", statuses: ["scheduled"] })).toEqual([]);
    });

    test("pages follow each other, also while runs are added", async () => {
      const { store } = await openStore();
      for (let n = 0; n < 10; n++) await start(store, `${n}`, { tags: [n % 2 ? "odd" : "even"] });
      const seen: string[] = [];
      for (let before: number | undefined = undefined; ;) {
        const page: string[] = await ids(store, { before, limit: 2, tag: "odd" });
        seen.push(...page);
        if (page.length < 2) break;
        before = (await store.runs.byId(page.at(-1)!))!.key;
        await start(store, `new ${before}`, { tags: ["odd"] });
      }
      expect(seen).toEqual(["9", "7", "5", "3", "1"]);
    });

    test("names with quotes and wildcards are only names", async () => {
      const { store } = await openStore();
      const names = ["' or 1=1 --", "%", 'a"b', "x;drop table runs"];
      for (const name of names) await start(store, name, { workflow: name, tags: [name] });
      for (const name of names) {
        expect(await ids(store, { workflow: name })).toEqual([name]);
        expect(await ids(store, { tag: name })).toEqual([name]);
      }
    });
  });

  describe("stuck", () => {
    const stuck = async (store: Store): Promise<string[]> => (await store.runs.stuck(t0)).map(({ id }) => id).toSorted();

    test("a healthy run is never listed", async () => {
      const { store } = await openStore();
      expect(await stuck(store)).toEqual([]);
      await start(store, "queued");
      await start(store, "scheduled", { wakeAt: t0 + 999 });
      await execute(store, "running");
      for (const status of ["paused", "blocked"] as const) await store.runs.rest(await execute(store, status), rest({ status }));
      for (const status of ["completed", "failed", "cancelled"] as const)
        await store.runs.settle(await execute(store, status), end(1, { status }));
      await store.runs.rest(await execute(store, "sleeping"), rest({ wakeAt: t0 + 999 }));
      for (const kind of ["waiting", "calling"] as const) {
        const lease = await execute(store, kind);
        await store.history.append(lease, row(1, { kind, key: "k" }));
        await store.runs.rest(lease, rest());
      }
      const second = await execute(store, "the second wait");
      for (const [seq, kind, key] of [
        [1, "waiting", "w"],
        [2, "taken", "w"],
        [3, "waiting", "w#2"],
      ] as const)
        await store.history.append(second, row(seq, { kind, key }));
      await store.runs.rest(second, rest());
      const orphan = await execute(store, "worker died");
      await store.workers.bury(orphan.worker, 0, t0);
      const left = await execute(store, "worker left");
      await store.workers.leave(left.worker, t0);
      await start(store, "for a dead worker", { worker: left.worker, wakeAt: null });
      await start(store, "of an unknown workflow", { workflow: "gone" });
      expect(await stuck(store)).toEqual([]);
    });

    test("a run at rest that nothing will wake is listed, with the reason", async () => {
      const { store } = await openStore();
      await store.runs.rest(await execute(store, "queued"), rest({ status: "queued" }));
      await store.runs.rest(await execute(store, "waiting"), rest());
      await start(store, "never due", { wakeAt: null });
      const answered = await execute(store, "answered");
      for (const [seq, kind] of [
        [1, "waiting"],
        [2, "taken"],
      ] as const)
        await store.history.append(answered, row(seq, { kind, key: "w" }));
      await store.runs.rest(answered, rest());
      const found = (await store.runs.stuck(t0)).toSorted((a, b) => a.id.localeCompare(b.id));
      expect(found).toEqual([
        { id: "answered", status: "waiting", why: "it waits for nothing" },
        { id: "never due", status: "queued", why: "nothing will wake it" },
        { id: "queued", status: "queued", why: "nothing will wake it" },
        { id: "waiting", status: "waiting", why: "it waits for nothing" },
      ]);
      await hire(store);
    });

    const send = (store: Store, run: number, name: string, at: number): Promise<unknown> =>
      store.signals.send({ run, name, dedupe: null, value: null, at });

    /** As if nobody had been woken: that of a message, or of a child at its end. */
    const parked = async (store: Store, lease: Lease): Promise<void> => {
      const { mail = 0 } = (await store.runs.byKey(lease.run)) ?? {};
      await store.runs.rest(lease, rest({ mail }));
    };

    const names = ["go", 'it\'s "quoted" \\ ? 😀', "größe"] as const;

    test.each(names)("a run whose message is there, and that waits for nothing else, is listed: %s", async (name) => {
      const { store } = await openStore();
      const lease = await execute(store, "overlooked");
      await store.history.append(lease, row(1, { kind: "waiting", key: "w", value: JSON.stringify(name) }));
      await send(store, lease.run, name, t0);
      await parked(store, lease);
      expect(await store.runs.stuck(t0)).toEqual([]);
      expect(await store.runs.stuck(t0 + 1)).toEqual([
        { id: "overlooked", status: "waiting", why: "what it waits for has come" },
      ]);
    });

    test("a run whose awaited child has ended is listed", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "parent");
      const child = newRun("child", { parent: lease.run, parentKey: "c", worker: lease.worker, wakeAt: null });
      await store.history.appendChild(lease, row(1, { kind: "calling", key: "c", value: '"child"' }), child);
      const { key = 0, lease: number = 0 } = (await store.runs.byId("child")) ?? {};
      await store.runs.settle({ run: key, number }, end(1));
      await parked(store, lease);
      expect((await store.runs.stuck(t0 + 60_000)).map(({ id }) => id)).toEqual(["parent"]);
    });

    test("a run that may have given up what has come, that waits for something else, or that is due is not listed", async () => {
      const { store } = await openStore();
      const noted = async (id: string, notes: readonly (readonly [Row["kind"], string, string])[]): Promise<Lease> => {
        const lease = await execute(store, id);
        for (const [at, [kind, key, value]] of notes.entries())
          await store.history.append(lease, row(at + 1, { kind, key, value: JSON.stringify(value) }));
        await send(store, lease.run, "go", t0);
        return lease;
      };
      const wait = ["waiting", "w", "go"] as const;
      await parked(store, await noted("two waits", [wait, ["waiting", "x", "other"]]));
      await parked(store, await noted("a child", [wait, ["calling", "c", "child"]]));
      await parked(store, await noted("a timer", [wait, ["timer", "t", ""]]));
      await parked(store, await noted("a retry", [wait, ["attempt", "s", ""]]));
      await parked(store, await noted("another name", [["waiting", "w", "went"]]));
      await parked(store, await noted("taken, and again", [wait, ["taken", "w", ""], ["waiting", "w#2", "later"]]));
      const due = await noted("due", [wait]);
      await store.runs.rest(due, rest());
      expect(await stuck(store)).toEqual([]);
      expect(await store.runs.stuck(t0 + 60_000)).toEqual([]);
    });
  });
};
