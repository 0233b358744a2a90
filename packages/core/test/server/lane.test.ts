/** What a lock that somebody keeps holds up, on a server made of sets: its own run, and nothing else. */
import { describe, expect, test } from "bun:test";
import { machinePace } from "../../src/store/pace.ts";
import { createGroup } from "../../src/store/server/group.ts";
import { rowsOf, usual, type Job } from "../../src/store/server/work.ts";
import type { Verdict } from "../../src/store/server/dialect.ts";
import { until } from "../kit/until.ts";

const busy = 250;
const errors = new Map<Verdict, Error>(
  (["blocked", "trouble", "defect", "rewound"] as const).map((verdict) => [verdict, new Error(verdict)]),
);
const errorOf = (verdict: Verdict): Error => errors.get(verdict) ?? new Error("?");

const valueOf = (job: Job): string => (job.kind === "work" ? String(job.act({} as never)) : "?");

/** A commit that needs a locked row waits 20 ms for it. Locks on values are on nothing that a look could see. */
const setup = () => {
  const committed: string[] = [];
  const locks = { rows: new Set<number>(), values: new Set<string>() };
  /** What is wrong with commits that hold these values. */
  const wrong = new Map<string, Verdict>();
  const seen = { tries: [] as string[][], waiting: 0, mostWaiting: 0, looks: 0, duringLook: () => {}, afterBlocked: () => {} };
  const isBlocked = (job: Job): boolean => rowsOf(job).some((row) => locks.rows.has(row)) || locks.values.has(valueOf(job));
  const wait = async (jobs: readonly Job[]): Promise<void> => {
    seen.mostWaiting = Math.max(seen.mostWaiting, ++seen.waiting);
    const end = performance.now() + 20;
    while (jobs.some(isBlocked) && performance.now() < end) await Bun.sleep(1);
    seen.waiting--;
    if (!jobs.some(isBlocked)) return;
    throw errorOf("blocked");
  };
  const group = createGroup(
    {
      commit: async (jobs, _, isOutdated) => {
        seen.tries.push(jobs.map(valueOf));
        await Bun.sleep(1);
        if (jobs.some(isBlocked)) await wait(jobs);
        if (isOutdated()) throw errorOf("rewound");
        for (const job of jobs) {
          const verdict = wrong.get(valueOf(job));
          if (verdict) throw errorOf(verdict);
        }
        committed.push(...jobs.map(valueOf));
        return { answers: jobs.map(valueOf), tell: false };
      },
      judge: (error) => {
        if (error === errorOf("blocked")) queueMicrotask(seen.afterBlocked);
        return [...errors].find(([, known]) => known === error)?.[0] ?? "defect";
      },
      faultOf: (error) => error as Error,
      locked: async (runs) => {
        seen.looks++;
        await Bun.sleep(1);
        seen.duringLook();
        return new Set(runs.filter((run) => locks.rows.has(run)));
      },
      probe: async () => {},
      beforeCommit: () => {},
      tell: () => {},
    },
    machinePace,
    { ...usual, busy },
  );
  type Asked = { readonly refusable?: boolean; readonly parent?: number };
  const write = (value: string, run?: number, { refusable = false, parent }: Asked = {}): Promise<unknown> =>
    group.submit({
      run,
      needs: { runs: [run, parent].flatMap((row) => row ?? []) },
      act: () => value,
      refusable,
      fenced: "fenced",
    });
  /** What is asked now is in a lane of its own once this resolves. */
  const keep = async (value: string, run: number, asked: Asked = {}) => {
    locks.rows.add(run);
    const kept = state(write(value, run, asked));
    await until("it was looked at", () => seen.looks > 0);
    return kept;
  };
  /** A try with it waits for a lock just now. */
  const isTried = (value: string): boolean => seen.waiting > 0 && seen.tries.at(-1)?.includes(value) === true;
  return { group, committed, locks, wrong, seen, write, keep, isTried };
};

/** A promise, and how it stands. */
const state = (promise: Promise<unknown>) => {
  const told = { now: "waits" as string, promise: promise.catch((error: unknown) => `refused: ${String(error)}`) };
  void told.promise.then((answer) => (told.now = String(answer)));
  return told;
};

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
const runs = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe("a lock that somebody keeps", () => {
  test("holds up its own run: the others of its batch are written at once, together", async () => {
    const { locks, seen, committed, write } = setup();
    locks.rows.add(7).add(9);
    const all = runs(1, 20).map((run) => state(write(`${run}`, run)));
    const free = all.filter((_, index) => index !== 6 && index !== 8);
    await Promise.all(free.map(({ promise }) => promise));
    expect(seen.tries.map(({ length }) => length).filter((length) => length > 1)).toEqual([20, 18]);
    expect([all[6]?.now, all[8]?.now]).toEqual(["waits", "waits"]);
    locks.rows.clear();
    await Promise.all(all.map(({ promise }) => promise));
    expect(committed.toSorted()).toEqual(runs(1, 20).map(String).toSorted());
  });

  test("takes no flight, however many there are, and one connection", async () => {
    const { group, locks, seen, write } = setup();
    for (const run of runs(1, 5)) {
      locks.rows.add(run);
      void state(write(`kept ${run}`, run));
      await turn();
    }
    await until("all are in the lane", () => seen.tries.length > 6);
    seen.mostWaiting = seen.waiting;
    const startedAt = performance.now();
    for (let round = 0; round < 20; round++) await Promise.all(runs(6, 9).map((run) => write(`${round}`, run)));
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    await Bun.sleep(100);
    expect(seen.mostWaiting).toBeLessThanOrEqual(1);
    group.close();
  });

  test("keeps what its run asks for in order, in front of a gate and behind it", async () => {
    const { group, locks, committed, write, keep } = setup();
    const kept = [await keep("a1", 1), state(write("a2", 1))];
    const gate = group.hold(1);
    const behind = state(write("a4", 1));
    await write("b", 2);
    await Bun.sleep(60);
    expect([...kept, behind].map(({ now }) => now)).toEqual(["waits", "waits", "waits"]);
    locks.rows.clear();
    await gate.opened;
    expect(committed).toEqual(["b", "a1", "a2"]);
    await Bun.sleep(60);
    expect(behind.now).toBe("waits");
    gate.release();
    await behind.promise;
    expect(committed).toEqual(["b", "a1", "a2", "a4"]);
  });

  test("forgets nothing of what is kept when what came behind its gate is discarded", async () => {
    const { group, locks, committed, write, keep } = setup();
    const kept = await keep("a1", 1);
    const gate = group.hold(1);
    const forgotten = state(write("a2", 1));
    locks.rows.clear();
    await gate.opened;
    gate.discard();
    gate.release();
    await write("a3", 1);
    expect([kept.now, forgotten.now, ...committed]).toEqual(["a1", "waits", "a1", "a3"]);
  });

  test("keeps also who needs its row beside his own, and who is asked for it later at once", async () => {
    const { locks, seen, committed, write, keep } = setup();
    const parent = await keep("parent", 1);
    await until("it is tried by itself", () => seen.tries.length > 1);
    const tries = seen.tries.length;
    const child = state(write("child", 2, { parent: 1 }));
    await write("other", 3);
    await Bun.sleep(30);
    expect(child.now).toBe("waits");
    // No batch waited for it.
    expect(seen.tries.slice(tries).filter((values) => values.includes("child") && values.length > 1)).toEqual([]);
    locks.rows.clear();
    await Promise.all([parent.promise, child.promise]);
    expect(committed.toSorted()).toEqual(["child", "other", "parent"]);
  });

  test("where no look can see it is found by trying each run by itself", async () => {
    const { group, locks, write } = setup();
    locks.values.add("4").add("8");
    const all = runs(1, 10).map((run) => state(write(`${run}`, run % 2 === 0 ? run : undefined)));
    const free = all.filter((_, index) => index !== 3 && index !== 7);
    await Promise.all(free.map(({ promise }) => promise));
    expect([all[3]?.now, all[7]?.now]).toEqual(["waits", "waits"]);
    locks.values.clear();
    await Promise.all(all.map(({ promise }) => promise));
    await group.idle();
  });

  test("is waited for in turns, and whoever is free again waits for no other", async () => {
    const { locks, write, seen } = setup();
    for (const run of runs(1, 6)) locks.rows.add(run);
    const kept = new Map(runs(1, 6).map((run) => [`${run}`, state(write(`${run}`, run))]));
    await until(
      "each was tried by itself",
      () => new Set(seen.tries.flatMap((jobs) => (jobs.length === 1 ? jobs : []))).size === 6,
    );
    // Its turn comes last.
    const last = seen.tries.at(-2)?.[0] ?? "";
    const tries = seen.tries.length;
    locks.rows.delete(Number(last));
    await kept.get(last)?.promise;
    expect(seen.tries.slice(tries).flat().indexOf(last)).toBeLessThan(2);
    expect([...kept.values()].filter(({ now }) => now === "waits")).toHaveLength(5);
    locks.rows.clear();
    await Promise.all([...kept.values()].map(({ promise }) => promise));
  });

  test("for long refuses whoever may be refused, also who asks later; the rest of the run waits", async () => {
    const { locks, committed, write, keep } = setup();
    const first = await keep("first", 1, { refusable: true });
    const record = state(write("record", 1));
    await Bun.sleep(100);
    const later = state(write("later", 1, { refusable: true }));
    expect(await first.promise).toBe("refused: Error: blocked");
    expect(later.now).toBe("waits");
    expect(await later.promise).toBe("refused: Error: blocked");
    expect(record.now).toBe("waits");
    locks.rows.clear();
    await record.promise;
    expect(committed).toEqual(["record"]);
  });

  test("lets a run go of which nothing is left to be written, and its row is like any other", async () => {
    const { locks, seen, write, keep } = setup();
    expect(await (await keep("asked", 1, { refusable: true })).promise).toBe("refused: Error: blocked");
    locks.rows.clear();
    await until("the lane is empty", () => seen.waiting === 0);
    await Bun.sleep(60);
    await Promise.all([write("next", 1), write("other", 2)]);
    expect(seen.tries.at(-1)).toEqual(["next", "other"]);
  });
});

describe("for who is in the lane", () => {
  test("a defect refuses it, and what its run has asked for since; other runs stay", async () => {
    const { locks, wrong, committed, write, keep, isTried } = setup();
    const kept = [await keep("a1", 1), state(write("bad", 1)), state(write("a3", 1))];
    wrong.set("bad", "defect");
    locks.rows.add(2);
    const other = state(write("b", 2));
    await Bun.sleep(30);
    await until("it is tried", () => isTried("a3"));
    kept.push(state(write("a4", 1)));
    locks.rows.delete(1);
    await Promise.all(kept.map(({ promise }) => promise));
    const refused = "refused: Error: defect";
    expect(kept.map(({ now }) => now)).toEqual(["a1", refused, refused, refused]);
    expect(other.now).toBe("waits");
    locks.rows.clear();
    await other.promise;
    await write("a5", 1);
    expect(committed).toEqual(["a1", "b", "a5"]);
  });

  test("trouble refuses what may be refused, and puts the rest at the head of the queue", async () => {
    const { group, locks, wrong, committed, write, keep, isTried } = setup();
    const kept = [await keep("a1", 1), state(write("asked", 1, { refusable: true })), state(write("a2", 1))];
    wrong.set("a1", "trouble");
    await until("it is tried", () => isTried("a2"));
    kept.push(state(write("a3", 1)));
    locks.rows.clear();
    await until("there is trouble", () => group.trouble() !== undefined);
    wrong.clear();
    await Promise.all(kept.map(({ promise }) => promise));
    expect(kept[1]?.now).toBe("refused: Error: trouble");
    expect(committed).toEqual(["a1", "a2", "a3"]);
    expect(group.trouble()).toBeUndefined();
  });

  const moments = ["it is looked at", "it waits", "it is tried", "it was tried"] as const;
  test.each(moments)("another database means that nothing of it is written, in the moment in which %s", async (moment) => {
    const { group, locks, seen, committed, write } = setup();
    for (const run of runs(1, 2)) locks.rows.add(run);
    const { promise, resolve } = Promise.withResolvers<void>();
    const outdate = (): void => {
      group.outdate();
      resolve();
    };
    if (moment === "it is looked at") seen.duringLook = outdate;
    const kept = runs(1, 3).map((run) => state(write(`${run}`, run)));
    if (moment !== "it is looked at") {
      await until("one waits and one is tried", () => seen.looks > 1 && seen.waiting > 0);
      if (moment === "it waits") await until("none is tried", () => seen.waiting === 0);
      if (moment === "it was tried") seen.afterBlocked = outdate;
      else outdate();
    }
    await promise;
    seen.duringLook = seen.afterBlocked = () => {};
    locks.rows.clear();
    const third = moment === "it is looked at" ? "fenced" : "3";
    expect(await Promise.all(kept.map((each) => each.promise))).toEqual(["fenced", "fenced", third]);
    // The runs are free for what is asked for there.
    await Promise.all(runs(1, 3).map((run) => write(`new ${run}`, run)));
    expect(committed.filter((value) => value !== third).toSorted()).toEqual(["new 1", "new 2", "new 3"]);
  });

  test("close rejects it, whether it waits or is tried, and what comes to the lane later", async () => {
    const { group, locks, seen, committed, write } = setup();
    for (const run of runs(1, 3)) locks.rows.add(run);
    const kept = runs(1, 3).map((run) => state(write(`${run}`, run)));
    await until("one is tried", () => seen.looks > 1 && seen.waiting > 0);
    const late = state(write("late", 4));
    locks.values.add("late");
    await turn();
    group.close();
    await turn();
    expect(kept.filter(({ now }) => now === "waits")).toHaveLength(1);
    for (const { promise } of [...kept, late]) expect(await promise).toMatch(/^refused/);
    locks.rows.clear();
    locks.values.clear();
    await Bun.sleep(80);
    expect(committed).toEqual([]);
  });

  test("the group is idle once it is written, or when it has been kept for long", async () => {
    const { group, locks, write, keep } = setup();
    await keep("a1", 1);
    const idle = state(group.idle());
    await Bun.sleep(30);
    expect(idle.now).toBe("waits");
    locks.rows.clear();
    await idle.promise;
    locks.rows.add(1);
    const kept = state(write("a2", 1));
    group.hold(1);
    void state(write("a3", 1));
    const startedAt = performance.now();
    await group.idle();
    expect(kept.now).toBe("waits");
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(busy);
    group.close();
    expect(await kept.promise).toMatch(/^refused/);
  });
});
