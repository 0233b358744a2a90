/** A database that is shared: with the user's own rows, and with other processes. */
import { describe, expect, test } from "bun:test";
import type { TransactionWork } from "../../../src/store/contract.ts";
import type { Lease, Started } from "../../../src/store/rows.ts";
import { byKey, claimIds, codeOf, execute, hire, newRun, row, seqs, stale, start, t0, type OpenStore } from "./kit.ts";

/** Waits for what another thread or process does, at most as long as a test may take. */
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await Bun.sleep(1);
};

export const sharing = (openStore: OpenStore): void => {
  describe("transact", () => {
    const work = (lease: Lease, run: TransactionWork["run"]): TransactionWork => ({
      lease,
      run,
      row: (value) => row(1, { value: JSON.stringify(value) }),
      doubt: () => {},
    });

    test("the user's rows and the record are one commit", async () => {
      const { store, user } = await openStore();
      const lease = await execute(store, "a");
      const held = await store.transact(
        user.database,
        work(lease, (tx) => {
          const inserted = user.insert(tx, "paid");
          return user.waits ? Promise.resolve(inserted).then(() => ({ n: 7 })) : { n: 7 };
        }),
      );
      expect(held).toBe("kept");
      expect(await user.texts()).toEqual(["paid"]);
      expect(await store.history.last(lease.run)).toEqual(row(1, { value: '{"n":7}' }));
    });

    test("a function that throws leaves neither", async () => {
      const { store, user } = await openStore();
      const lease = await execute(store, "a");
      const answer = store.transact(
        user.database,
        work(lease, (tx) => {
          const inserted = user.insert(tx, "paid");
          const fail = (): never => {
            throw new RangeError("no");
          };
          return user.waits ? Promise.resolve(inserted).then(fail) : fail();
        }),
      );
      expect(await codeOf(answer)).toBeInstanceOf(RangeError);
      expect(await user.texts()).toEqual([]);
      expect(await seqs(store, lease.run)).toEqual([0]);
    });

    test("a value that cannot be kept leaves neither", async () => {
      const { store, user } = await openStore();
      const lease = await execute(store, "a");
      const answer = store.transact(user.database, {
        lease,
        run: (tx) => user.insert(tx, "paid"),
        row: () => {
          throw new TypeError("not to be kept");
        },
        doubt: () => {},
      });
      expect(await codeOf(answer)).toBeInstanceOf(TypeError);
      expect(await user.texts()).toEqual([]);
    });

    test("a stale lease commits nothing", async () => {
      const { store, user } = await openStore();
      const lease = await execute(store, "a");
      expect(
        await store.transact(
          user.database,
          work(stale(lease), (tx) => user.insert(tx, "late")),
        ),
      ).toBe("fenced");
      expect(await user.texts()).toEqual([]);
      expect(await seqs(store, lease.run)).toEqual([0]);
    });

    test("a function that returns a promise is refused, and nothing is written", async () => {
      const { store, user } = await openStore();
      if (user.waits) return;
      const lease = await execute(store, "a");
      const answer = store.transact(
        user.database,
        work(lease, (tx) => {
          void user.insert(tx, "paid");
          return Promise.resolve(1);
        }),
      );
      expect(await codeOf(answer)).toBe("async_transaction");
      expect(await user.texts()).toEqual([]);
      expect(await seqs(store, lease.run)).toEqual([0]);
    });

    test("another database is refused before anything is done", async () => {
      const { store, user } = await openStore();
      const lease = await execute(store, "a");
      let called = false;
      const answer = store.transact(
        user.foreign,
        work(lease, () => {
          called = true;
        }),
      );
      expect(await codeOf(answer)).toBe("foreign_database");
      expect(called).toBe(false);
      expect(await seqs(store, lease.run)).toEqual([0]);
    });

    test("what was asked for before is durable before the function is called", async () => {
      const { store, user } = await openStore();
      const lease = await execute(store, "a");
      let seen: unknown;
      const before = store.states.publish(lease, '"before"', t0);
      const held = store.transact(
        user.database,
        work(lease, () => {
          const published = user.published(lease.run);
          const see = (value: unknown): void => {
            seen = value;
          };
          return user.waits ? Promise.resolve(published).then(see) : see(published);
        }),
      );
      expect(await Promise.all([before, held])).toEqual([true, "kept"]);
      expect(seen).toBe('"before"');
    });
  });

  describe("startWithin", () => {
    test("a run begins with the user's commit", async () => {
      const { store, user } = await openStore();
      const started = await user.transaction((tx) => {
        const inserted = user.insert(tx, "ordered");
        const begin = (): Started | Promise<Started> => store.startWithin(tx, newRun("a", { tags: ["vip"] }));
        return user.waits ? Promise.resolve(inserted).then(begin) : begin();
      });
      expect(started.kind).toBe("created");
      expect(await user.texts()).toEqual(["ordered"]);
      const run = await store.runs.byId("a");
      expect(run).toMatchObject({ status: "queued", lease: 0, wakeAt: t0 });
      expect(await store.history.read(run!.key, -1, 9)).toMatchObject([{ seq: 0, kind: "started", value: '"input"', at: t0 }]);
      expect(await store.runs.tags(run!.key)).toEqual(["vip"]);
      expect(await claimIds(store, await hire(store))).toEqual(["a"]);
    });

    test("a rollback leaves no run", async () => {
      const { store, user } = await openStore();
      const broken = user.transaction((tx) => {
        const inserted = user.insert(tx, "ordered");
        const fail = (): never => {
          throw new RangeError("no");
        };
        const begin = (): Started | Promise<Started> => store.startWithin(tx, newRun("a", { tags: ["vip"] }));
        if (user.waits) return Promise.resolve(inserted).then(begin).then(fail);
        void begin();
        return fail();
      });
      expect(await codeOf(broken)).toBeInstanceOf(RangeError);
      expect(await user.texts()).toEqual([]);
      expect(await store.runs.byId("a")).toBeUndefined();
      expect(
        await store.runs.list({
          workflow: undefined,
          statuses: undefined,
          tag: "vip",
          parent: undefined,
          from: undefined,
          until: undefined,
          before: undefined,
          limit: 9,
        }),
      ).toEqual([]);
    });

    test("an id that exists is answered with its run, as a start does", async () => {
      const { store, user } = await openStore();
      const key = await start(store, "a");
      const again = (input: string) => user.transaction((tx) => store.startWithin(tx, newRun("a", { input })));
      expect(await again('"input"')).toEqual({ kind: "existing", run: await byKey(store, key), sameInput: true });
      expect(await again('"other"')).toMatchObject({ kind: "existing", sameInput: false });
    });

    test("another database is refused", async () => {
      const { store, user } = await openStore();
      const foreign = user.foreign as { readonly transaction: (work: (tx: unknown) => unknown) => unknown };
      const answer = (async () => foreign.transaction((tx) => store.startWithin(tx, newRun("a"))))();
      expect(await codeOf(answer)).toBe("foreign_database");
      expect(await store.runs.byId("a")).toBeUndefined();
    });
  });

  describe("changed and watch", () => {
    test("a write of another process is told once, one's own never", async () => {
      const { store, again } = await openStore();
      if (!again) return expect(store.changed()).toBe(false);
      const other = await again();
      // That it was opened may be news too.
      do await Bun.sleep(store.looks === undefined ? 0 : 150);
      while (store.changed());
      await start(store, "mine");
      expect(store.changed()).toBe(false);
      await start(other, "theirs");
      await until(() => store.changed());
      expect(store.changed()).toBe(false);
      await until(() => other.changed());
    });

    test("a write of another process calls back soon, until it is told to stop", async () => {
      const { store, again } = await openStore();
      if (!again) return store.watch(() => true)();
      const other = await again();
      let calls = 0;
      const stop = store.watch(() => {
        calls++;
        return store.changed();
      });
      await start(other, "theirs");
      await until(() => calls > 0);
      stop();
      const after = calls;
      await start(other, "later");
      expect(calls).toBe(after);
    });

    test("what one process wrote the other reads, claims and fences", async () => {
      const { store, again } = await openStore();
      if (!again) return;
      const other = await again();
      const lease = await execute(store, "a");
      expect(await other.runs.byId("a")).toEqual(await byKey(store, lease.run));
      await other.workers.bury(lease.worker, 0, t0);
      expect(await store.history.append(lease, row(1))).toBe(false);
      expect(await claimIds(store, await hire(store))).toEqual(["a"]);
    });
  });

  test("a write that cannot be done leaves nothing, and takes no other of its turn with it", async () => {
    const { store } = await openStore();
    const lease = await execute(store, "a");
    const [before, broken, after] = await Promise.allSettled([
      store.history.append(lease, row(1)),
      store.runs.fork(newRun("fork", { tags: ["t"] }), [row(1), row(1)]),
      store.history.append(lease, row(2)),
    ]);
    expect([before.status, broken.status, after.status]).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(await store.runs.byId("fork")).toBeUndefined();
    expect(await seqs(store, lease.run)).toEqual([0, 1, 2]);
    expect(store.trouble()).toBeUndefined();
  });

  describe("close", () => {
    test("what was asked for before is written", async () => {
      const { store, again } = await openStore();
      const other = await again?.();
      const started = Promise.all(Array.from({ length: 50 }, (_, n) => start(store, `${n}`)));
      await store.close();
      await started;
      if (other) expect((await other.runs.byId("49"))?.status).toBe("queued");
    });

    test("what is asked for later is refused, and a second close does no harm", async () => {
      const { store } = await openStore();
      await store.close();
      await store.close();
      expect(await codeOf(start(store, "a"))).toBe("runtime_closed");
      expect(await codeOf(store.runs.byId("a"))).toBe("runtime_closed");
      expect(await codeOf(store.runs.nextDue([{ name: "order", version: 1 }], t0, 0))).toBe("runtime_closed");
      store.touch();
    });
  });
};
