/** How long a question to a server is asked again, on a connection that meets what it is told to, and a clock that only waiting moves. */
import { describe, expect, test } from "bun:test";
import type { Pace } from "../../src/store/contract.ts";
import { createSession } from "../../src/store/server/session.ts";
import type { Dialect, Verdict } from "../../src/store/server/dialect.ts";

const setup = (verdict: Verdict) => {
  const seen = { tries: 0, now: 0, told: [] as { error: Error; at: number }[], isWell: false };
  const pace: Pace = {
    soon: (call) => queueMicrotask(call),
    later: (ms, call) => {
      seen.now += ms;
      queueMicrotask(call);
      return () => {};
    },
    monotonic: () => seen.now,
    chance: () => 0.5,
  };
  const pool = {
    use: async <T>(work: (link: never) => Promise<T>): Promise<T> => {
      seen.tries++;
      if (!seen.isWell) throw new Error(verdict);
      return work(undefined as never);
    },
    size: () => 1,
    close: async () => {},
  };
  const dialect = { judge: () => verdict, faultOf: (error: Error) => new Error(`fault: ${error.message}`) } as unknown as Dialect;
  const ail = (error: Error): void => {
    seen.told.push({ error, at: seen.now });
    if (seen.told.length === 3) seen.isWell = true;
  };
  return { seen, session: createSession(pool, dialect, { pace, ail, isClosed: () => false }) };
};

describe("a conflict that does not end", () => {
  test("is trouble after 5 s for who may wait: it is told, and the question asked again until it is answered", async () => {
    const { seen, session } = setup("again");
    expect(await session.persist(async () => "well", true)).toBe("well");
    expect(seen.told.map(({ error }) => error.message)).toEqual(Array.from({ length: 3 }, () => "fault: again"));
    expect(seen.told[0]?.at).toBeGreaterThan(5_000);
    expect(seen.told[0]?.at).toBeLessThan(6_000);
  });

  test("rejects with its fault after 5 s for who may not wait", async () => {
    const { seen, session } = setup("again");
    const error = await session.persist(async () => "well", false).catch((thrown: unknown) => thrown);
    expect(error).toEqual(new Error("fault: again"));
    expect(seen.now).toBeGreaterThan(5_000);
    expect(seen.told).toEqual([]);
  });
});

test("a conflict that ends is not spoken of", async () => {
  const { seen, session } = setup("again");
  const asked = session.persist(async () => "well", false);
  seen.isWell = true;
  expect(await asked).toBe("well");
  expect(seen.told).toEqual([]);
});
