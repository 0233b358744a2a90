/** What people and other runs ask of a run in each of its states: cancel, pause, resume, reopen, fork, unblock. */
import { describe, expect, test } from "bun:test";
import type { Store } from "../../../src/store/contract.ts";
import type { Status } from "../../../src/model/states.ts";
import type { Lease, Reopening } from "../../../src/store/rows.ts";
import {
  byKey,
  claimIds,
  end,
  execute,
  hire,
  known,
  newRun,
  rest,
  row,
  seqs,
  stale,
  start,
  t0,
  writesNothing,
  type OpenStore,
} from "./kit.ts";

const later = t0 + 100;

/** Brings a new run into a state. */
const bring = async (store: Store, status: Status): Promise<Lease> => {
  switch (status) {
    case "scheduled":
      return { run: await start(store, status, { wakeAt: t0 + 9_999 }), number: 0 };
    case "queued":
      return { run: await start(store, status), number: 0 };
    case "running":
      return execute(store, status);
    case "waiting":
    case "paused":
    case "blocked": {
      const lease = await execute(store, status);
      await store.runs.rest(lease, rest({ status, reason: status === "waiting" ? null : { code: "c", message: "m" } }));
      return lease;
    }
    case "completed":
    case "failed":
    case "cancelled": {
      const lease = await execute(store, status);
      await store.runs.settle(lease, end(1, { status }));
      return lease;
    }
  }
};

const reopen = (store: Store, lease: Lease, more: Partial<Reopening>): Promise<boolean> =>
  store.runs.reopen([{ kind: "reopen", lease, drop: [], add: [], back: [], ...more }], later);

const ends = ["completed", "failed", "cancelled"] as const;

export const asks = (openStore: OpenStore): void => {
  describe("cancel", () => {
    test.each([
      ["scheduled", "queued"],
      ["queued", "queued"],
      ["waiting", "waiting"],
      ["paused", "queued"],
      ["blocked", "blocked"],
    ] as const)("a run that is %s is due at once to see to it", async (status, after) => {
      const { store } = await openStore();
      const { run } = await bring(store, status);
      expect(await store.runs.cancel(run, "enough", later)).toBe(true);
      expect(await byKey(store, run)).toMatchObject({ status: after, cancel: "enough", pause: false, wakeAt: later, mail: 1 });
      expect(await claimIds(store, await hire(store), { now: later })).toEqual([status]);
    });

    test("a running run stays with its worker and gets mail", async () => {
      const { store } = await openStore();
      const { run } = await bring(store, "running");
      await store.runs.pause(run);
      expect(await store.runs.cancel(run, "enough", later)).toBe(true);
      expect(await byKey(store, run)).toMatchObject({ status: "running", cancel: "enough", pause: false, wakeAt: null, mail: 2 });
    });

    test("the first reason stands", async () => {
      const { store } = await openStore();
      const { run } = await bring(store, "waiting");
      await store.runs.cancel(run, "first", t0);
      expect(await store.runs.cancel(run, "second", t0)).toBe(true);
      expect((await byKey(store, run)).cancel).toBe("first");
    });

    test.each(ends)("a run that is %s cannot be cancelled", async (status) => {
      const { store } = await openStore();
      const { run } = await bring(store, status);
      await writesNothing(store, run, () => store.runs.cancel(run, "late", t0));
    });

    test("nobody is cancelled under a key that does not exist", async () => {
      const { store } = await openStore();
      expect(await store.runs.cancel(12_345, "who?", t0)).toBe(false);
      expect(await store.runs.pause(12_345)).toBe(false);
      expect(await store.runs.resume(12_345, t0)).toBe(false);
    });
  });

  describe("cancelChildren", () => {
    const family = async (store: Store) => {
      const parent = await execute(store, "parent");
      const child = (id: string, orphan: "cancel" | "keep") => execute(store, id, { parent: parent.run, parentKey: id, orphan });
      return { parent, one: await child("one", "cancel"), two: await child("two", "cancel"), kept: await child("kept", "keep") };
    };

    test("children that are to end with their parent are asked to cancel", async () => {
      const { store } = await openStore();
      const { parent, one, two, kept } = await family(store);
      await store.runs.rest(two, rest());
      expect(await store.runs.cancelChildren(parent, "its parent was cancelled", later)).toBe(true);
      expect(await byKey(store, one.run)).toMatchObject({ cancel: "its parent was cancelled", wakeAt: null, mail: 1 });
      expect(await byKey(store, two.run)).toMatchObject({ cancel: "its parent was cancelled", wakeAt: later });
      expect(await byKey(store, kept.run)).toMatchObject({ cancel: null, mail: 0 });
      expect(await store.runs.cancelChildren(parent, "again", later)).toBe(true);
      expect((await byKey(store, one.run)).cancel).toBe("its parent was cancelled");
    });

    test("a stale lease cancels no child", async () => {
      const { store } = await openStore();
      const { parent, one } = await family(store);
      await writesNothing(store, one.run, () => store.runs.cancelChildren(stale(parent), "late", t0));
    });
  });

  describe("pause", () => {
    test.each(["scheduled", "queued", "waiting", "blocked", "paused"] as const)(
      "a run that is %s is paused, and due for nobody",
      async (status) => {
        const { store } = await openStore();
        const { run } = await bring(store, status);
        expect(await store.runs.pause(run)).toBe(true);
        expect(await byKey(store, run)).toMatchObject({ status: "paused", pause: true, wakeAt: null });
        expect(await claimIds(store, await hire(store), { now: t0 + 99_999 })).toEqual([]);
      },
    );

    test("a running run stays with its worker and gets mail", async () => {
      const { store } = await openStore();
      const { run } = await bring(store, "running");
      expect(await store.runs.pause(run)).toBe(true);
      expect(await byKey(store, run)).toMatchObject({ status: "running", pause: true, mail: 1, wakeAt: null });
    });

    test("a running run that is paused comes to rest as paused when its worker dies or leaves", async () => {
      const { store } = await openStore();
      for (const go of ["bury", "leave"] as const) {
        const { run, worker } = await execute(store, go);
        await store.runs.pause(run);
        if (go === "bury") await store.workers.bury(worker, 0, later);
        else await store.workers.leave(worker, later);
        expect(await byKey(store, run)).toMatchObject({ status: "paused", worker: null, wakeAt: null, lease: 2 });
      }
    });

    test("a run that was asked to cancel cannot be paused", async () => {
      const { store } = await openStore();
      const { run } = await bring(store, "waiting");
      await store.runs.cancel(run, "enough", t0);
      await writesNothing(store, run, () => store.runs.pause(run));
    });

    test("mail does not wake a paused run", async () => {
      const { store } = await openStore();
      const { run } = await bring(store, "queued");
      await store.runs.pause(run);
      await store.signals.send({ run, name: "s", dedupe: null, value: null, at: later });
      expect(await byKey(store, run)).toMatchObject({ status: "paused", wakeAt: null, mail: 2 });
    });

    test.each(ends)("a run that is %s cannot be paused", async (status) => {
      const { store } = await openStore();
      const { run } = await bring(store, status);
      await writesNothing(store, run, () => store.runs.pause(run));
    });
  });

  describe("resume", () => {
    test.each(["paused", "blocked"] as const)("a run that is %s is due at once, without its reason", async (status) => {
      const { store } = await openStore();
      const { run } = await bring(store, status);
      expect(await store.runs.resume(run, later)).toBe(true);
      expect(await byKey(store, run)).toMatchObject({ status: "queued", wakeAt: later, reason: null, pause: false, strikes: 0 });
      expect(await claimIds(store, await hire(store), { now: later })).toEqual([status]);
    });

    test("a pause that its worker has not seen yet is taken back", async () => {
      const { store } = await openStore();
      const { run } = await bring(store, "running");
      await store.runs.pause(run);
      expect(await store.runs.resume(run, later)).toBe(true);
      expect(await byKey(store, run)).toMatchObject({ status: "running", pause: false, wakeAt: null, mail: 2 });
    });

    test.each(["scheduled", "queued", "running", "waiting", ...ends] as const)(
      "a run that is %s has nothing to resume from",
      async (status) => {
        const { store } = await openStore();
        const { run } = await bring(store, status);
        await writesNothing(store, run, () => store.runs.resume(run, later));
      },
    );
  });

  describe("reopen", () => {
    test.each(ends)("a run that is %s goes on without the records named and with those added", async (status) => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      for (const seq of [1, 2, 3]) await store.history.append(lease, row(seq));
      await store.runs.settle(lease, end(4, { status }));
      const redo = row(5, { kind: "redo", key: "step-2", value: null });
      expect(await reopen(store, lease, { drop: [2, 4], add: [redo] })).toBe(true);
      const open = {
        status: "queued",
        wakeAt: later,
        endedAt: null,
        cancel: null,
        pause: false,
        lease: 2,
        strikes: 0,
        deadline: null,
        reason: null,
      };
      expect(await byKey(store, lease.run)).toMatchObject(open);
      expect(await seqs(store, lease.run)).toEqual([0, 1, 3, 5]);
      expect(await store.history.last(lease.run)).toEqual(redo);
    });

    test("a record may go and come back without its place", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      for (const seq of [1, 2]) await store.history.append(lease, row(seq, { issued: seq - 1 }));
      await store.runs.settle(lease, end(3));
      expect(await reopen(store, lease, { drop: [2, 3], add: [row(2, { issued: -1 })] })).toBe(true);
      expect((await store.history.read(lease.run, -1, 9)).map(({ seq, issued }) => [seq, issued])).toEqual([
        [0, 0],
        [1, 0],
        [2, -1],
      ]);
    });

    test("messages whose records go are in the mailbox again, in their old places; the others stay taken", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      for (const value of ["1", "2", "3", "4"])
        await store.signals.send({ run: lease.run, name: "s", dedupe: value, value, at: t0 });
      const sent = await store.signals.pending(lease.run, ["s"], 9);
      for (const [at, { key, value }] of sent.slice(0, 3).entries())
        await store.signals.take(lease, row(at + 1, { kind: "taken", value }), key);
      expect((await store.signals.taken(lease.run)).map(({ name, seq }) => [name, seq])).toEqual([
        ["s", 1],
        ["s", 2],
        ["s", 3],
      ]);
      await store.runs.settle(lease, end(4, { status: "failed" }));
      const back = [1, 2].map((at) => ({ signal: sent[at]!.key, seq: at + 1 }));
      expect(await reopen(store, lease, { drop: [2, 3, 4], back })).toBe(true);
      expect((await store.signals.pending(lease.run, ["s"], 9)).map(({ key, value }) => [key, value])).toEqual(
        sent.slice(1).map(({ key, value }) => [key, value]),
      );
      expect((await store.signals.taken(lease.run)).map(({ seq }) => seq)).toEqual([1]);
      expect(await store.signals.send({ run: lease.run, name: "s", dedupe: "2", value: "2", at: t0 })).toEqual({ kind: "known" });
    });

    test("several runs go on together, or none of them", async () => {
      const { store } = await openStore();
      const [one, two] = [await execute(store, "one"), await execute(store, "two")];
      for (const lease of [one, two]) await store.runs.settle(lease, end(1, { status: "failed" }));
      const both = (second: Lease) =>
        store.runs.reopen(
          [one, second].map((lease) => ({ kind: "reopen", lease, drop: [1], add: [], back: [] }) as const),
          later,
        );
      await writesNothing(store, one.run, () => both(stale(two)));
      expect(await both(two)).toBe(true);
      for (const { run } of [one, two]) expect(await byKey(store, run)).toMatchObject({ status: "queued", lease: 2 });
    });

    test("a child that its parent's end asked to cancel, and that rests, is spared; one that a person asked is not", async () => {
      const { store } = await openStore();
      const parent = await execute(store, "parent");
      const child = async (id: string) => {
        const lease = await execute(store, id, { parent: parent.run, parentKey: id, orphan: "cancel" });
        await store.runs.rest(lease, rest());
        return lease;
      };
      const [spared, asked, busy] = [await child("spared"), await child("asked"), await child("busy")];
      await store.runs.cancelChildren(parent, "its parent is at an end", later);
      await store.runs.cancel(asked.run, "by hand", later);
      expect((await byKey(store, spared.run)).orphan).toBe("cancelled");
      expect((await byKey(store, asked.run)).orphan).toBe("cancel");
      const spare = ({ run, number }: Lease) => store.runs.reopen([{ kind: "spare", lease: { run, number } }], later);
      await writesNothing(store, asked.run, () => spare(asked));
      await claimIds(store, await hire(store), { now: later });
      await writesNothing(store, busy.run, () => spare(busy));
      expect(await byKey(store, spared.run)).toMatchObject({ cancel: "its parent is at an end" });
    });

    test("a child that is spared goes on as it was", async () => {
      const { store } = await openStore();
      const parent = await execute(store, "parent");
      const lease = await execute(store, "child", { parent: parent.run, parentKey: "child", orphan: "cancel" });
      await store.runs.rest(lease, rest({ wakeAt: t0 + 999 }));
      await store.runs.cancelChildren(parent, "its parent is at an end", later);
      expect(await store.runs.reopen([{ kind: "spare", lease }], later)).toBe(true);
      expect(await byKey(store, lease.run)).toMatchObject({
        status: "waiting",
        cancel: null,
        orphan: "cancel",
        wakeAt: later,
        lease: 1,
      });
    });

    test("a second reopen under the same lease answers no: somebody was faster", async () => {
      const { store } = await openStore();
      const lease = await bring(store, "failed");
      const answers = await Promise.all([reopen(store, lease, { drop: [1] }), reopen(store, lease, { drop: [1] })]);
      expect(answers).toEqual([true, false]);
    });

    test.each(["queued", "running", "waiting", "paused", "blocked"] as const)(
      "a run that is %s is not reopened",
      async (status) => {
        const { store } = await openStore();
        const lease = await bring(store, status);
        await writesNothing(store, lease.run, () => reopen(store, lease, { drop: [0] }));
      },
    );
  });

  describe("fork", () => {
    test("a fork is a run of its own with the records as its history, due now", async () => {
      const { store } = await openStore();
      const rows = [row(1), row(3)];
      const forked = await store.runs.fork(newRun("fork", { tags: ["copy"] }), rows);
      if (forked.kind !== "created") throw new Error("it was there");
      expect(await byKey(store, forked.key)).toMatchObject({ status: "queued", wakeAt: t0, lease: 0 });
      expect((await store.history.read(forked.key, 0, 9)).map(({ seq, value }) => [seq, value])).toEqual(
        rows.map(({ seq, value }) => [seq, value]),
      );
      expect(await store.runs.tags(forked.key)).toEqual(["copy"]);
    });

    test("a fork to an id that is taken writes nothing", async () => {
      const { store } = await openStore();
      const key = await start(store, "taken");
      expect(await store.runs.fork(newRun("taken"), [row(1)])).toMatchObject({ kind: "existing" });
      expect(await seqs(store, key)).toEqual([0]);
    });
  });

  describe("unblock", () => {
    test("what is excepted stays blocked, and what is due already is counted once", async () => {
      const { store } = await openStore();
      const [tried, untried] = [await execute(store, "tried"), await execute(store, "untried")];
      const blocked = rest({ status: "blocked", reason: { code: "history_mismatch", message: "no fit" } });
      for (const lease of [tried, untried]) await store.runs.rest(lease, blocked);
      expect(await store.runs.unblock(known, later, [tried.run])).toBe(1);
      expect((await byKey(store, tried.run)).wakeAt).toBeNull();
      expect((await byKey(store, untried.run)).wakeAt).toBe(later);
      expect(await store.runs.unblock(known, later, [tried.run])).toBe(0);
    });

    test("blocked runs of known workflows are due, and only they", async () => {
      const { store } = await openStore();
      const block = async (id: string, more = {}) => {
        const lease = await execute(store, id, more);
        await store.runs.rest(lease, rest({ status: "blocked", reason: { code: "history_mismatch", message: "no fit" } }));
        return lease.run;
      };
      const mine = [await block("a"), await block("b")];
      const others = [await block("v2", { version: 2 }), await block("other", { workflow: "refund" })];
      const paused = await bring(store, "paused");
      expect(await store.runs.unblock(known, later, [])).toBe(2);
      for (const run of mine) expect(await byKey(store, run)).toMatchObject({ status: "blocked", wakeAt: later });
      for (const run of [...others, paused.run]) expect((await byKey(store, run)).wakeAt).toBeNull();
      expect(await store.runs.unblock([], later, [])).toBe(0);
      expect(await claimIds(store, await hire(store), { now: later })).toEqual(["a", "b"]);
    });
  });
};
