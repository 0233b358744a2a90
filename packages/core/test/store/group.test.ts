/** Group commit, on a database made of an array. */
import { describe, expect, test } from "bun:test";
import * as Fault from "../../src/model/fault.ts";
import { createGroup, type Database, type Group, type Job, type Limits } from "../../src/store/group.ts";

type Weather = "well" | "busy" | "trouble";

/** A database that keeps what is written, and behaves as it is told: for so many tries, or for good. */
const setup = (limits?: Limits) => {
  const committed: unknown[][] = [];
  const seen = {
    weather: "well" as Weather,
    tries: Infinity,
    recovered: 0,
    probed: 0,
    beforeCommit: (): void => {},
    recover: (): void => {},
  };
  const errors: Record<Exclude<Weather, "well">, Error> = { busy: new Error("busy"), trouble: new Error("trouble") };
  const commit = (jobs: readonly Job[]): unknown[] => {
    if (seen.weather !== "well" && seen.tries-- > 0) throw errors[seen.weather];
    const answers = jobs.map((job) => (job.kind === "work" ? job.work() : job.row.seq));
    committed.push(answers);
    return answers;
  };
  const database: Database = {
    commit,
    judge: (error) => {
      if (error === errors.busy) return { kind: "busy", error: errors.busy };
      return error === errors.trouble ? { kind: "trouble", error: errors.trouble } : { kind: "defect" };
    },
    recover: () => {
      seen.recovered++;
      seen.recover();
    },
    probe: () => void seen.probed++,
    beforeCommit: () => seen.beforeCommit(),
    beforeSpell: () => {},
  };
  const group = limits ? createGroup(database, limits) : createGroup(database);
  const write = <T>(value: T): Promise<T> => group.submit(() => value, false);
  const ask = <T>(value: T): Promise<T> => group.submit(() => value, true);
  return { group, committed, seen, errors, write, ask };
};

const broken = (error: Error) => (): never => {
  throw error;
};

/** What became of a promise, without waiting for it. */
const fateOf = (promise: Promise<unknown>): { state: "open" | "kept" | "rejected"; error?: unknown } => {
  const fate: ReturnType<typeof fateOf> = { state: "open" };
  promise.then(
    () => (fate.state = "kept"),
    (error: unknown) => Object.assign(fate, { state: "rejected", error }),
  );
  return fate;
};

const trouble = async (group: Group): Promise<void> => {
  while (!group.trouble()) await new Promise<void>((resolve) => void setImmediate(resolve));
};

describe("a turn", () => {
  test("all writes of a turn are one commit, in the order in which they were asked for", async () => {
    const { committed, write, ask } = setup();
    const asked: Promise<number>[] = Array.from({ length: 100 }, (_, n) => (n % 3 ? write(n) : ask(n)));
    const inOrder = Array.from({ length: 100 }, (_, n) => n);
    expect(await Promise.all(asked)).toEqual(inOrder);
    expect(committed).toEqual([inOrder]);
  });

  test("writes of different turns are different commits", async () => {
    const { committed, write } = setup();
    await write(1);
    await write(2);
    expect(committed).toEqual([[1], [2]]);
  });

  test("what is asked for before the commit joins it", async () => {
    const { committed, seen, write } = setup();
    const more: Promise<number>[] = [];
    seen.beforeCommit = () => {
      if (more.length < 2) more.push(write(2), write(3));
    };
    await write(1);
    await Promise.all(more);
    expect(committed).toEqual([[1, 2, 3]]);
  });

  test("a touch calls for a turn though nothing is written, once", async () => {
    const { committed, group, seen } = setup();
    let turns = 0;
    seen.beforeCommit = () => void turns++;
    group.touch();
    group.touch();
    await group.idle();
    expect(turns).toBe(1);
    expect(committed).toEqual([]);
  });

  test("a very long queue is several commits, in order", async () => {
    const { committed, write } = setup({ weight: 40, busy: 10_000, spell: 0 });
    await Promise.all(Array.from({ length: 25 }, (_, n) => write(n)));
    expect(committed.map(({ length }) => length)).toEqual([10, 10, 5]);
    expect(committed.flat()).toEqual(Array.from({ length: 25 }, (_, n) => n));
  });
});

describe("a defect", () => {
  test("what a run asked for after a write that cannot be done is refused with it, and other runs are not", async () => {
    const { group, committed } = setup({ weight: 16, busy: 10_000, spell: 0 });
    const error = new Error("defect");
    const submit = (value: string, run: number) => fateOf(group.submit(() => value, false, run));
    const before = submit("before", 1);
    const bad = fateOf(group.submit(broken(error), false, 1));
    const after = submit("after", 1);
    const other = submit("other", 2);
    const later = submit("in a later batch", 1);
    await group.idle();
    expect([before.state, other.state]).toEqual(["kept", "kept"]);
    for (const fate of [bad, after, later]) expect(fate).toEqual({ state: "rejected", error });
    const again = submit("again", 1);
    await group.idle();
    expect(again.state).toBe("kept");
    expect(committed.flat()).toEqual(["before", "other", "again"]);
  });

  test("the same when the database is busy in between: nothing of that run is written after what was refused", async () => {
    const { group, committed, seen } = setup({ weight: 16, busy: 10_000, spell: 0 });
    const error = new Error("defect");
    let tries = 0;
    const bad = fateOf(
      group.submit(
        () => {
          // All of the turn, then by itself: the next to be tried by itself meets a lock.
          if (++tries === 2) Object.assign(seen, { weather: "busy", tries: 1 });
          throw error;
        },
        false,
        1,
      ),
    );
    const other = fateOf(group.submit(() => "other", false, 2));
    const after = fateOf(group.submit(() => "after", false, 1));
    await group.idle();
    await group.idle();
    expect(other.state).toBe("kept");
    for (const fate of [bad, after]) expect(fate).toEqual({ state: "rejected", error });
    expect(committed.flat()).toEqual(["other"]);
  });

  test("work after a commit sees nothing waiting, and comes before whoever hears of that commit", async () => {
    const { group, committed, write } = setup();
    const order: string[] = [];
    const first = write(1).then(() => order.push("heard"));
    const after = group.after(() => {
      order.push("after");
      return committed.flat();
    });
    expect(await after).toEqual([1, undefined]);
    await first;
    expect(order).toEqual(["after", "heard"]);
    const error = new Error("no");
    expect(await group.after(broken(error)).catch((caught: unknown) => caught)).toBe(error);
  });

  test("a defective write rejects alone, and the others of its turn are kept in order", async () => {
    const { committed, group, write } = setup();
    const error = new RangeError("no such thing");
    const answers = await Promise.allSettled([
      write(1),
      group.submit(broken(error), false),
      write(2),
      group.submit(broken(error), true),
      write(3),
    ]);
    expect(answers.map((answer): unknown => (answer.status === "fulfilled" ? answer.value : answer.reason))).toEqual([
      1,
      error,
      2,
      error,
      3,
    ]);
    expect(committed.flat()).toEqual([1, 2, 3]);
    expect(group.trouble()).toBeUndefined();
  });

  test("a database that gets busy while writes are tried one by one changes nothing of their order", async () => {
    const { committed, group, seen, write } = setup();
    const poison = group.submit(broken(new Error("defect")), false);
    const first = group.submit(() => {
      if (committed.length > 0) [seen.weather, seen.tries] = ["busy", 2];
      return 1;
    }, false);
    const second = group.submit(() => {
      if (seen.weather === "well") [seen.weather, seen.tries] = ["busy", 2];
      return 2;
    }, false);
    const all = [first, second, write(3), write(4)];
    await Promise.allSettled([poison]);
    await Promise.all(all);
    expect(committed.flat()).toEqual([1, 2, 3, 4]);
  });
});

describe("busy", () => {
  test("a busy database is tried again until it takes everything, in order", async () => {
    const { committed, group, seen, write, ask } = setup();
    [seen.weather, seen.tries] = ["busy", 5];
    const first = [write(1), ask(2)];
    await new Promise((resolve) => setTimeout(resolve, 2));
    expect(await Promise.all([...first, write(3)])).toEqual([1, 2, 3]);
    expect(committed.flat()).toEqual([1, 2, 3]);
    expect([seen.recovered, group.trouble()]).toEqual([0, undefined]);
  });

  test("a database that stays busy for too long is in trouble, and is well again when it takes a write", async () => {
    const { committed, errors, group, seen, write, ask } = setup({ weight: 400, busy: 5, spell: 0 });
    seen.weather = "busy";
    const kept = write(1);
    expect(await ask(2).catch((error: unknown) => error)).toBe(errors.busy);
    expect(group.trouble()).toBe(errors.busy);
    seen.weather = "well";
    await kept;
    expect(committed.flat()).toEqual([1]);
    expect(group.trouble()).toBeUndefined();
  });
});

describe("trouble", () => {
  test("refusable writes reject, the others wait and are kept in order when it is over", async () => {
    const { committed, errors, group, seen, write, ask } = setup();
    seen.weather = "trouble";
    const waiting = [write(1), write(3)];
    const fates = waiting.map(fateOf);
    expect(await ask(2).catch((error: unknown) => error)).toBe(errors.trouble);
    expect(group.trouble()).toBe(errors.trouble);
    waiting.push(write(4));
    const refused = ask(5);
    expect(await refused.catch((error: unknown) => error)).toBe(errors.trouble);
    expect(fates.map(({ state }) => state)).toEqual(["open", "open"]);
    expect(committed).toEqual([]);
    seen.weather = "well";
    expect(await Promise.all(waiting)).toEqual([1, 3, 4]);
    expect(committed).toEqual([[1, 3, 4]]);
    expect(group.trouble()).toBeUndefined();
  });

  test("the database recovers before each try, and not before the first", async () => {
    const { seen, write } = setup();
    [seen.weather, seen.tries] = ["trouble", 2];
    await write(1);
    expect(seen.recovered).toBe(2);
    await write(2);
    expect(seen.recovered).toBe(2);
  });

  test("a recovery that fails is trouble as well, and loses nothing", async () => {
    const { committed, errors, seen, write } = setup();
    [seen.weather, seen.tries] = ["trouble", 1];
    seen.recover = () => {
      if (seen.recovered < 3) throw errors.trouble;
    };
    await Promise.all([write(1), write(2)]);
    expect(committed).toEqual([[1, 2]]);
    expect(seen.recovered).toBe(3);
  });

  test("its end is noticed though nobody writes", async () => {
    const { group, seen, ask } = setup();
    [seen.weather, seen.tries] = ["trouble", 1];
    await ask(1).catch(() => {});
    while (group.trouble()) await Bun.sleep(5);
    expect([seen.recovered, seen.probed]).toEqual([1, 1]);
  });

  test("a read that meets trouble makes the database recover before it writes again", async () => {
    const { errors, group, seen, write } = setup();
    group.ail(errors.trouble);
    expect(group.trouble()).toBe(errors.trouble);
    await write(1);
    expect([seen.recovered, group.trouble()]).toEqual([1, undefined]);
  });
});

describe("idle and close", () => {
  test("idle resolves when nothing waits any more", async () => {
    const { committed, group, seen, write } = setup();
    [seen.weather, seen.tries] = ["busy", 3];
    void write(1);
    await group.idle();
    expect(committed).toEqual([[1]]);
    await group.idle();
  });

  test("idle does not wait for trouble to be over, and close rejects what waits with it", async () => {
    const { errors, group, seen, write } = setup();
    seen.weather = "trouble";
    const lost = write(1).catch((error: unknown) => error);
    await group.idle();
    group.close();
    expect(await lost).toBe(errors.trouble);
  });

  test("a closed group writes nothing more, and says so", async () => {
    const { committed, group, write } = setup();
    const before = write(1).catch((error: unknown) => error);
    group.close();
    for (const answer of [await before, await write(2).catch((error: unknown) => error)])
      expect(Fault.is(answer, "runtime_closed")).toBe(true);
    await group.idle();
    group.touch();
    group.ail(new Error("late"));
    group.close();
    expect(committed).toEqual([]);
    expect(group.trouble()).toBeUndefined();
  });

  test("a close in the middle of trouble leaves no timer that writes later", async () => {
    const { committed, group, seen, write } = setup();
    seen.weather = "trouble";
    const lost = fateOf(write(1));
    await trouble(group);
    group.close();
    seen.weather = "well";
    await Bun.sleep(60);
    expect([lost.state, committed]).toEqual(["rejected", []]);
  });
});
