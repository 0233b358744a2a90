/** Runs: how they begin, rest and end. */
import { describe, expect, test } from "bun:test";
import {
  byKey,
  claim,
  end,
  execute,
  hire,
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

export const runs = (openStore: OpenStore): void => {
  describe("start", () => {
    test("a new run is queued, due, and begins with its input", async () => {
      const { store } = await openStore();
      const key = await start(store, "a", { correlation: "c", deadline: t0 + 9 });
      expect(await store.runs.byId("a")).toEqual({
        key,
        id: "a",
        workflow: "order",
        version: 1,
        status: "queued",
        lease: 0,
        worker: null,
        wakeAt: t0,
        strikes: 0,
        mail: 0,
        cancel: null,
        pause: false,
        reason: null,
        parent: null,
        parentKey: null,
        orphan: null,
        correlation: "c",
        deadline: t0 + 9,
        tenant: null,
        createdAt: t0,
        endedAt: null,
      });
      expect(await store.history.read(key, -1, 10)).toEqual([
        { seq: 0, kind: "started", key: null, value: '"input"', attempt: 2, issued: 0, due: null, at: t0 },
      ]);
    });

    test("a run that is due later is scheduled", async () => {
      const { store } = await openStore();
      expect(await byKey(store, await start(store, "a", { wakeAt: t0 + 1 }))).toMatchObject({
        status: "scheduled",
        wakeAt: t0 + 1,
      });
    });

    test("a run with a worker is executed from its first moment, and due for nobody", async () => {
      const { store } = await openStore();
      const { run, worker } = await execute(store, "a");
      expect(await byKey(store, run)).toMatchObject({ status: "running", lease: 1, worker, wakeAt: null, strikes: 1 });
    });

    test("a run for a worker that was declared dead is due for everybody", async () => {
      const { store } = await openStore();
      const worker = await hire(store);
      await store.workers.bury(worker, 0, t0);
      expect(await store.runs.start(newRun("a", { worker, wakeAt: null }))).toMatchObject({ kind: "created", here: false });
      expect(await store.runs.byId("a")).toMatchObject({ status: "queued", worker: null, lease: 0, wakeAt: t0 });
    });

    test("a second start of an id answers with the run that is there", async () => {
      const { store } = await openStore();
      const key = await start(store, "a", { input: '{"n":1}' });
      const again = await store.runs.start(newRun("a", { input: '{"n":1}', tags: ["late"] }));
      expect(again).toEqual({ kind: "existing", run: await byKey(store, key), sameInput: true });
      expect(await store.runs.tags(key)).toEqual([]);
      expect(await seqs(store, key)).toEqual([0]);
    });

    test("a second start with other input, or of another workflow, says so", async () => {
      const { store } = await openStore();
      await start(store, "a", { input: "1" });
      for (const other of [{ input: "2" }, { input: null }, { input: "1", workflow: "refund" }]) {
        expect(await store.runs.start(newRun("a", other))).toMatchObject({ kind: "existing", sameInput: false });
      }
      expect(await store.runs.start(newRun("a", { input: "1", version: 2 }))).toMatchObject({ sameInput: true });
    });

    test("ids are compared by bytes", async () => {
      const { store } = await openStore();
      const all = ["run-a", "run-A", "run-a ", "rún-a", "run-a\u0301", "😀", "%", "_"];
      const keys = await Promise.all(all.map((id) => start(store, id)));
      expect(new Set(keys).size).toBe(all.length);
      for (const [index, id] of all.entries()) expect((await store.runs.byId(id))?.key).toBe(keys[index]);
    });

    test("tags are kept once each, and looked up by the run", async () => {
      const { store } = await openStore();
      const key = await start(store, "a", { tags: ["vip", "eu", "vip"] });
      await start(store, "b", { tags: ["us"] });
      expect((await store.runs.tags(key)).toSorted()).toEqual(["eu", "vip"]);
    });

    test("64 concurrent starts of one id make one run", async () => {
      const { store, again } = await openStore();
      const other = (await again?.()) ?? store;
      const started = await Promise.all(Array.from({ length: 64 }, (_, n) => (n % 2 ? store : other).runs.start(newRun("a"))));
      expect(started.filter(({ kind }) => kind === "created")).toHaveLength(1);
      const [key = 0, ...others] = new Set(started.map((answer) => (answer.kind === "created" ? answer.key : answer.run.key)));
      expect(others).toEqual([]);
      expect(started.every((answer) => answer.kind === "created" || answer.sameInput)).toBe(true);
      expect(await seqs(store, key)).toEqual([0]);
    });

    test("64 clients start 64 runs each, and all are there", async () => {
      const { store, again } = await openStore();
      const stores = [store, (await again?.()) ?? store];
      const client = async (n: number): Promise<void> => {
        for (let run = 0; run < 64; run++) await start(stores[(n + run) % 2]!, `${n}/${run}`);
      };
      await Promise.all(Array.from({ length: 64 }, (_, n) => client(n)));
      for (let n = 0; n < 64; n++) expect(await store.runs.byId(`${n}/${(n * 7) % 64}`)).toBeDefined();
      const all = await claim(store, await hire(store), { each: 9_999 });
      expect(new Set(all.map(({ id }) => id)).size).toBe(4_096);
    });
  });

  test("a run that is not there is undefined", async () => {
    const { store } = await openStore();
    expect(await store.runs.byId("nobody")).toBeUndefined();
    expect(await store.runs.byKey(12_345)).toBeUndefined();
  });

  describe("rest", () => {
    test("a run at rest has left its worker and keeps its wake time and reason", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      const reason = { code: "history_mismatch", message: "no fit", was: 'a "step"', is: null };
      expect(await store.runs.rest(lease, rest({ status: "blocked", wakeAt: t0 + 50, reason }))).toBe(true);
      expect(await byKey(store, lease.run)).toMatchObject({
        status: "blocked",
        worker: null,
        wakeAt: t0 + 50,
        reason,
        lease: 1,
        strikes: 0,
      });
    });

    test.each(["queued", "waiting", "paused", "blocked"] as const)(
      "%s: mail that the worker knows lets it sleep, mail it does not know wakes it at once",
      async (status) => {
        const { store } = await openStore();
        const lease = await execute(store, "a");
        await store.signals.send({ run: lease.run, name: "s", dedupe: null, value: null, at: t0 });
        const { mail } = await byKey(store, lease.run);
        expect(mail).toBe(1);
        await store.runs.rest(lease, rest({ status, mail: 0, wakeAt: t0 + 99, now: t0 + 5 }));
        expect(await byKey(store, lease.run)).toMatchObject({ status, wakeAt: t0 + 5 });

        const other = await execute(store, "b");
        await store.signals.send({ run: other.run, name: "s", dedupe: null, value: null, at: t0 });
        await store.runs.rest(other, rest({ status, mail: 1, wakeAt: t0 + 99, now: t0 + 5 }));
        expect(await byKey(store, other.run)).toMatchObject({ status, wakeAt: t0 + 99 });
      },
    );

    test("a repeated rest answers yes and changes nothing", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      await store.runs.rest(lease, rest({ wakeAt: t0 + 50 }));
      await store.runs.cancel(lease.run, "enough", t0 + 1);
      const before = await byKey(store, lease.run);
      expect(await store.runs.rest(lease, rest({ wakeAt: t0 + 50 }))).toBe(true);
      expect(await byKey(store, lease.run)).toEqual(before);
    });

    test("a stale lease cannot lay a run to rest", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      await writesNothing(store, lease.run, () => store.runs.rest(stale(lease), rest()));
      await writesNothing(store, lease.run, () => store.runs.rest({ ...lease, number: 2 }, rest()));
    });

    test("a run that another worker took since cannot be laid to rest under the old lease", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      await store.workers.bury(lease.worker, 0, t0);
      await writesNothing(store, lease.run, () => store.runs.rest(lease, rest()));
    });
  });

  describe("settle", () => {
    test.each(["completed", "failed", "cancelled"] as const)("%s: the last record and the state are one", async (status) => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      await store.runs.note(lease, { code: "not_durable", message: "?" });
      const last = row(1, { kind: status, key: null, value: '"done"', at: t0 + 7 });
      expect(await store.runs.settle(lease, { status, row: last, parent: null, orphans: false })).toBe(true);
      expect(await byKey(store, lease.run)).toMatchObject({
        status,
        worker: null,
        wakeAt: null,
        endedAt: t0 + 7,
        reason: null,
        strikes: 0,
      });
      expect(await store.history.last(lease.run)).toEqual(last);
    });

    test("a waiting parent is woken, a running one gets mail", async () => {
      const { store } = await openStore();
      const waiting = await execute(store, "waiting");
      const running = await execute(store, "running");
      await store.runs.rest(waiting, rest());
      for (const parent of [waiting, running]) {
        const child = await execute(store, `child of ${parent.run}`, { parent: parent.run, parentKey: "call" });
        await store.runs.settle(child, end(1, { parent: parent.run, row: row(1, { kind: "completed", at: t0 + 3 }) }));
      }
      expect(await byKey(store, waiting.run)).toMatchObject({ status: "waiting", mail: 1, wakeAt: t0 + 3 });
      expect(await byKey(store, running.run)).toMatchObject({ status: "running", mail: 1, wakeAt: null });
    });

    test("a paused, a blocked and an ended parent are not woken", async () => {
      const { store } = await openStore();
      for (const status of ["paused", "blocked"] as const) {
        const parent = await execute(store, status);
        await store.runs.rest(parent, rest({ status }));
        await store.runs.settle(await execute(store, `child, ${status}`, { parent: parent.run }), end(1, { parent: parent.run }));
        expect(await byKey(store, parent.run)).toMatchObject({ status, mail: 1, wakeAt: null });
      }
      const parent = await execute(store, "ended");
      await store.runs.settle(parent, end(1));
      const before = await byKey(store, parent.run);
      await store.runs.settle(await execute(store, "late child", { parent: parent.run }), end(1, { parent: parent.run }));
      expect(await byKey(store, parent.run)).toEqual(before);
    });

    test("children that are to end with it are asked to cancel, the others and the ended ones are not", async () => {
      const { store } = await openStore();
      const parent = await execute(store, "parent");
      const at = (orphan: "cancel" | "keep") => ({ parent: parent.run, parentKey: "k", orphan });
      const [queued, kept, ended] = [
        await start(store, "queued", at("cancel")),
        await start(store, "kept", at("keep")),
        await execute(store, "ended", at("cancel")),
      ];
      await store.runs.settle(ended, end(1));
      await store.runs.settle(parent, end(1, { orphans: true }));
      expect((await byKey(store, queued)).cancel).not.toBeNull();
      expect((await byKey(store, kept)).cancel).toBeNull();
      expect((await byKey(store, ended.run)).cancel).toBeNull();
    });

    test("without the word, no child is cancelled", async () => {
      const { store } = await openStore();
      const parent = await execute(store, "parent");
      const child = await start(store, "child", { parent: parent.run, orphan: "cancel" });
      await store.runs.settle(parent, end(1));
      expect((await byKey(store, child)).cancel).toBeNull();
    });

    test("a repeated settle answers yes and leaves one last record", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      await store.runs.settle(lease, end(1));
      const before = await byKey(store, lease.run);
      expect(await store.runs.settle(lease, end(1))).toBe(true);
      expect(await byKey(store, lease.run)).toEqual(before);
      expect(await seqs(store, lease.run)).toEqual([0, 1]);
    });

    test("a stale lease ends nothing, wakes no parent and cancels no child", async () => {
      const { store } = await openStore();
      const parent = await execute(store, "parent");
      await store.runs.rest(parent, rest());
      const lease = await execute(store, "a", { parent: parent.run });
      const child = await start(store, "child", { parent: lease.run, orphan: "cancel" });
      await writesNothing(store, lease.run, () => store.runs.settle(stale(lease), end(1, { parent: parent.run, orphans: true })));
      expect(await byKey(store, parent.run)).toMatchObject({ mail: 0, wakeAt: null });
      expect((await byKey(store, child)).cancel).toBeNull();
    });

    test("a reopened run is not ended again by the worker of before", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      await store.runs.settle(lease, end(1, { status: "failed" }));
      await store.runs.reopen([{ kind: "reopen", lease, drop: [1], add: [], back: [] }], t0);
      await writesNothing(store, lease.run, () => store.runs.settle(lease, end(1, { status: "failed" })));
    });
  });

  describe("rouse", () => {
    test("a run that waits under this lease is due now", async () => {
      const { store } = await openStore();
      for (const wakeAt of [null, t0 + 999]) {
        const lease = await execute(store, `${wakeAt}`);
        await store.runs.rest(lease, rest({ wakeAt }));
        expect(await store.runs.rouse(lease, t0 + 5)).toBe(true);
        expect(await byKey(store, lease.run)).toMatchObject({ status: "waiting", wakeAt: t0 + 5 });
      }
    });

    test("a run that was taken since, that is paused, blocked or at its end is left alone", async () => {
      const { store } = await openStore();
      const running = await execute(store, "running");
      await writesNothing(store, running.run, () => store.runs.rouse(running, t0));
      for (const status of ["paused", "blocked"] as const) {
        const lease = await execute(store, status);
        await store.runs.rest(lease, rest({ status }));
        await writesNothing(store, lease.run, () => store.runs.rouse(lease, t0));
      }
      const ended = await execute(store, "ended");
      await store.runs.settle(ended, end(1));
      await writesNothing(store, ended.run, () => store.runs.rouse(ended, t0));
      const waiting = await execute(store, "waiting");
      await store.runs.rest(waiting, rest());
      await writesNothing(store, waiting.run, () => store.runs.rouse(stale(waiting), t0));
    });
  });

  describe("postpone", () => {
    test("the wake time of a run that waits under this lease is moved, to a moment or away", async () => {
      const { store } = await openStore();
      for (const to of [null, t0 + 999]) {
        const lease = await execute(store, `${to}`);
        await store.runs.rest(lease, rest({ wakeAt: t0 + 5 }));
        expect(await store.runs.postpone(lease, { from: t0 + 5, to })).toBe(true);
        expect(await byKey(store, lease.run)).toMatchObject({ status: "waiting", wakeAt: to });
      }
    });

    test("a run that was woken or taken since, or rests otherwise, keeps its wake time", async () => {
      const { store } = await openStore();
      const move = { from: t0 + 5, to: null };
      const woken = await execute(store, "woken");
      await store.runs.rest(woken, rest({ wakeAt: t0 + 5 }));
      await store.signals.send({ run: woken.run, name: "go", dedupe: null, value: null, at: t0 });
      await writesNothing(store, woken.run, () => store.runs.postpone(woken, move));
      const running = await execute(store, "running");
      await writesNothing(store, running.run, () => store.runs.postpone(running, move));
      const queued = await execute(store, "queued");
      await store.runs.rest(queued, rest({ status: "queued", wakeAt: t0 + 5 }));
      await writesNothing(store, queued.run, () => store.runs.postpone(queued, move));
      const waiting = await execute(store, "waiting");
      await store.runs.rest(waiting, rest({ wakeAt: t0 + 5 }));
      await writesNothing(store, waiting.run, () => store.runs.postpone(stale(waiting), move));
    });
  });

  describe("forgive", () => {
    test("a run that got on has one strike, under the lease alone", async () => {
      const { store } = await openStore();
      const first = await execute(store, "a");
      await store.workers.bury(first.worker, 0, t0);
      const [run] = await claim(store, await hire(store), { each: 1, suspectAt: 9 });
      expect(run?.strikes).toBe(2);
      await writesNothing(store, first.run, () => store.runs.forgive(first));
      expect(await store.runs.forgive({ run: first.run, number: run!.lease })).toBe(true);
      expect((await byKey(store, first.run)).strikes).toBe(1);
    });
  });

  describe("note", () => {
    test("a note is written and cleared under the lease alone", async () => {
      const { store } = await openStore();
      const lease = await execute(store, "a");
      const reason = { code: "not_durable", message: "awaits something unseen", step: "charge" };
      expect(await store.runs.note(lease, reason)).toBe(true);
      expect((await byKey(store, lease.run)).reason).toEqual(reason);
      await writesNothing(store, lease.run, () => store.runs.note(stale(lease), null));
      expect(await store.runs.note(lease, null)).toBe(true);
      expect((await byKey(store, lease.run)).reason).toBeNull();
    });
  });

  describe("children", () => {
    test("the children that a parent waits for are found at their end, with their last record", async () => {
      const { store } = await openStore();
      const parent = await execute(store, "parent");
      const at = (parentKey: string | null) => ({ parent: parent.run, parentKey });
      const done = await execute(store, "done", at("call"));
      await store.runs.settle(done, end(1));
      const failed = await execute(store, "failed", at("call#2"));
      await store.runs.settle(failed, end(1, { status: "failed" }));
      await store.runs.settle(await execute(store, "of another step", at("other")), end(1));
      await store.runs.settle(await execute(store, "of no step", at(null)), end(1));
      await start(store, "open", at("call#3"));
      const found = await store.runs.endedChildren(parent.run, ["call", "call#2", "call#3"]);
      expect(found.toSorted((a, b) => a.id.localeCompare(b.id))).toEqual([
        { parentKey: "call", id: "done", row: end(1).row },
        { parentKey: "call#2", id: "failed", row: end(1, { status: "failed" }).row },
      ]);
      expect(await store.runs.endedChildren(done.run, ["call"])).toEqual([]);
    });

    test("of many runs, those at an end are told at once", async () => {
      const { store } = await openStore();
      const leases = await Promise.all(Array.from({ length: 10 }, (_, n) => execute(store, `${n}`)));
      for (const lease of leases.slice(0, 4)) await store.runs.settle(lease, end(1));
      const keys = leases.map(({ run }) => run);
      expect((await store.runs.ended([...keys, 99_999])).toSorted((a, b) => a - b)).toEqual(
        keys.slice(0, 4).toSorted((a, b) => a - b),
      );
      expect(await store.runs.ended([])).toEqual([]);
    });

    test("how far runs have come is told by their states and last records", async () => {
      const { store } = await openStore();
      const [one, other] = [await execute(store, "one"), await execute(store, "other")];
      await store.history.append(one, row(1));
      await store.runs.settle(one, end(2));
      const found = await store.runs.heads([one.run, other.run, 99_999]);
      expect(found.toSorted((a, b) => a.key - b.key)).toEqual([
        { key: one.run, status: "completed", seq: 2 },
        { key: other.run, status: "running", seq: 0 },
      ]);
      expect(await store.runs.heads([])).toEqual([]);
    });
  });
};
