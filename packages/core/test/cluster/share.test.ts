// How much of the work a worker takes beside others, and how long it leaves it to them.
import { describe, expect, test } from "bun:test";
import { countUpTo, pauseOf, shareOf } from "../../src/model/share.ts";
import { whyUnclaimed } from "../../src/model/unclaimed.ts";

test("alone a worker takes all it has room for, and counts nothing", () => {
  expect([shareOf(256, 0, { peers: 0, places: 256 }), countUpTo(256, 0)]).toEqual([256, 0]);
});

test("beside others it takes a part of its share, not less than a sixteenth of its places, and never more than it has room for", () => {
  const share = (free: number, due: number, places: number): number => shareOf(free, due, { peers: 2, places });
  expect([share(256, 1_200, 256), share(256, 1, 256), share(4, 1_000, 256), share(3, 5, 3)]).toEqual([100, 16, 4, 1]);
});

test("with a backlog for all it takes as many as there is room for", () => {
  for (const [free, peers] of [
    [256, 2],
    [8, 9],
  ] as const)
    expect(shareOf(free, countUpTo(free, peers), { peers, places: free })).toBe(free);
});

test("who has taken more than there was room for counts none", () => {
  expect([countUpTo(0, 2), countUpTo(-3, 2)]).toEqual([0, 0]);
});

describe("pauses", () => {
  const pause = (weight: number, others: readonly number[], more: boolean, chance = 0.5): number =>
    pauseOf(
      weight,
      others.map((each) => ({ weight: each })),
      { courtesy: 10, more, chance },
    );

  test("nobody waits alone, nor among equals before the first look", () => {
    expect([pause(1, [], true), pause(1, [1, 1], false), pause(1, [1, 1], true)]).toEqual([0, 0, 10]);
  });

  test("among unequals each waits at random, in inverse proportion to its weight", () => {
    expect(pause(1, [2], true) / pause(2, [1], true)).toBeCloseTo(2);
    expect(pause(1, [2], false, 0.999_999)).toBeLessThan(200);
    expect(pause(1, [2], false, 0)).toBeCloseTo(0);
  });

  test("the weights say how often each is first", () => {
    let first = 0;
    const rounds = 20_000;
    let seed = 7;
    const chance = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    for (let round = 0; round < rounds; round++) if (pause(2, [1], false, chance()) < pause(1, [2], false, chance())) first++;
    expect(first / rounds).toBeGreaterThan(0.63);
    expect(first / rounds).toBeLessThan(0.7);
  });
});

describe("runs that nobody can execute", () => {
  const worker = (workflows: { name: string; version: number }[] | null, execute = true) => ({
    execute,
    host: "here",
    pid: 7,
    workflows,
  });
  const wanted = { name: "bill", version: 2 };

  test("none when a worker knows it, or is too old to say", () => {
    expect(whyUnclaimed(wanted, [worker([wanted])])).toBeUndefined();
    expect(whyUnclaimed(wanted, [worker(null)])).toBeUndefined();
  });

  test("the reason names the workflow, its version, and who knows another", () => {
    expect(whyUnclaimed(wanted, [worker([{ name: "bill", version: 1 }])])).toContain("version 1 (process 7 on here)");
    expect(whyUnclaimed(wanted, [worker([])])).toContain("None knows the workflow in another version either");
  });

  test("a client executes nothing", () => {
    expect(whyUnclaimed(wanted, [worker([wanted], false)])).toStartWith("No worker is there");
  });
});
