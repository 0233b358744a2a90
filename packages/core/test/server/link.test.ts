/** The pool of connections: deadlines, connections that die, and that it never shrinks. */
import { expect, test } from "bun:test";
import * as Fault from "../../src/model/fault.ts";
import { machinePace } from "../../src/store/pace.ts";
import { createPool, type Rows, type Wire } from "../../src/store/server/link.ts";

const answered = Object.assign([], { count: 0 }) as Rows;

const wire = (): Wire & { readonly state: { open: boolean } } => {
  const state = { open: true };
  return { state, send: async () => answered, isOpen: () => state.open, destroy: () => void (state.open = false) };
};

const setup = (max: number, open: () => Promise<Wire> = async () => wire()) =>
  createPool(open, { max, deadline: 50, isHarmless: (error) => error instanceof RangeError, pace: machinePace });

const never = new Promise<never>(() => {});
const isLate = (error: unknown): boolean => Fault.is(error, "storage_failed");

test("work that takes too long loses its connection, and the next has another", async () => {
  const pool = setup(1);
  const late = pool.use(() => never).catch(isLate);
  const next = pool.use(async () => "next");
  expect([await late, await next]).toEqual([true, "next"]);
  expect(pool.size()).toBe(1);
});

test("a connection that cannot be made in time is given up, and its place is free again", async () => {
  let tries = 0;
  const pool = setup(1, () => (++tries === 1 ? never : Promise.resolve(wire())));
  expect(await pool.use(async () => "never").catch(isLate)).toBe(true);
  expect(await pool.use(async () => "well")).toBe("well");
  expect(pool.size()).toBe(1);
});

test("the first connection may take longer: whoever only begins has no lease that it could lose", async () => {
  let tries = 0;
  const open = (): Promise<Wire> => (++tries === 1 ? Bun.sleep(80).then(wire) : never);
  const pool = createPool(open, { max: 2, deadline: 20, first: 2_000, isHarmless: () => false, pace: machinePace });
  expect(await pool.use(async () => "well")).toBe("well");
  const holding = pool.use(() => never).catch(isLate);
  // The second is due in the usual time.
  expect(await pool.use(async () => "never").catch(isLate)).toBe(true);
  expect(await holding).toBe(true);
});

test("a connection that comes too late is closed", async () => {
  const late = wire();
  let tries = 0;
  const pool = setup(1, () => (++tries === 1 ? Bun.sleep(80).then(() => late) : Promise.resolve(wire())));
  expect(await pool.use(async () => "never").catch(isLate)).toBe(true);
  await Bun.sleep(60);
  expect(late.state.open).toBe(false);
  expect(await pool.use(async () => "well")).toBe("well");
});

test("whoever waits longer than the deadline for a connection is told", async () => {
  const pool = setup(1);
  const holding = pool.use(() => Bun.sleep(45), 200);
  const waits = Array.from({ length: 3 }, () =>
    pool
      .use(() => Bun.sleep(40), 200)
      .then(
        () => "had",
        () => "late",
      ),
  );
  await holding;
  expect(await Promise.all(waits)).toContain("late");
  expect(await pool.use(async () => "well")).toBe("well");
});

test("an error that says nothing of the connection keeps it; another closes it", async () => {
  const made: (Wire & { readonly state: { open: boolean } })[] = [];
  const pool = setup(1, async () => {
    const fresh = wire();
    made.push(fresh);
    return fresh;
  });
  const fail = async (error: Error): Promise<void> => {
    const work = async (): Promise<never> => {
      throw error;
    };
    let caught: unknown;
    try {
      await pool.use(work);
    } catch (thrown) {
      caught = thrown;
    }
    expect(caught).toBe(error);
  };
  await fail(new RangeError("harmless"));
  expect(await pool.use(async (link) => link)).toBe(made[0]!);
  await fail(new Error("broken"));
  expect(made[0]?.state.open).toBe(false);
  expect(await pool.use(async (link) => link)).toBe(made[1]!);
});

test("where the server has no room for one more, who waits gets a connection that is there", async () => {
  let tries = 0;
  const full = new Error("too many connections");
  const pool = createPool(() => (++tries === 1 ? Promise.resolve(wire()) : Promise.reject(full)), {
    max: 3,
    deadline: 2_000,
    isHarmless: () => false,
    isFull: (error) => error === full,
    pace: machinePace,
  });
  await pool.use(async () => {});
  const works = Array.from({ length: 9 }, (_, at) =>
    pool.use(async () => {
      await Bun.sleep(5);
      return at;
    }),
  );
  expect(await Promise.all(works)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  expect(tries).toBeLessThanOrEqual(4);
});

test("where there is no connection at all, who waits is told that the server has no room", async () => {
  const full = new Error("too many connections");
  const pool = createPool(() => Promise.reject(full), {
    max: 3,
    deadline: 2_000,
    isHarmless: () => false,
    isFull: (error) => error === full,
    pace: machinePace,
  });
  expect(await pool.use(async () => {}).catch((error: unknown) => error)).toBe(full);
});

test("close tells those who wait, and whoever asks later", async () => {
  const pool = setup(1);
  const holding = pool.use(() => Bun.sleep(10));
  const waiting = pool.use(async () => "had").catch((error: unknown) => (error as Fault.Fault).code);
  await pool.close();
  await holding.catch(() => {});
  expect(await waiting).toBe("runtime_closed");
  expect(await pool.use(async () => "had").catch((error: unknown) => (error as Fault.Fault).code)).toBe("runtime_closed");
});
