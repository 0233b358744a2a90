import { describe, expect, test } from "bun:test";
import { judge, opens, type Rule } from "../../src/engine/breaker/rule.ts";
import type { BreakerRow } from "../../src/store/rows.ts";

const rule: Rule = { percentage: 50, volume: 4, window: 10_000, reset: 30_000, timeout: undefined, isFailure: () => true };
const now = 1_000_000;
const row: BreakerRow = {
  name: "gateway",
  state: "closed",
  successes: 0,
  failures: 0,
  rejects: 0,
  windowAt: now,
  openedAt: null,
  retryAt: null,
  probe: null,
  probeAt: null,
};

describe("a breaker opens when the share of failures reaches the threshold, and the calls say anything", () => {
  test.each([
    [0, 3, false, "too few calls"],
    [0, 4, true, "all failed"],
    [2, 2, true, "just at the threshold"],
    [3, 2, false, "below it"],
    [4, 0, false, "none failed"],
  ])("%p successes, %p failures: %p, %s", (successes, failures, expected) => {
    expect(opens({ successes, failures }, rule)).toBe(expected);
  });

  test("with a threshold of 100 only failures open it, with 0 the first one does", () => {
    expect(opens({ successes: 0, failures: 4 }, { ...rule, percentage: 100 })).toBe(true);
    expect(opens({ successes: 1, failures: 99 }, { ...rule, percentage: 100 })).toBe(false);
    expect(opens({ successes: 9, failures: 1 }, { ...rule, percentage: 0 })).toBe(true);
    expect(opens({ successes: 9, failures: 0 }, { ...rule, percentage: 0 })).toBe(false);
  });
});

describe("what the row says to a call", () => {
  const open: BreakerRow = { ...row, state: "open", openedAt: now - 10_000, retryAt: now + 20_000 };
  const probed: BreakerRow = { ...open, state: "half-open", retryAt: now - 1, probe: 7, probeAt: now - 1_000 };
  const day = 86_400_000;
  test.each<[string, BreakerRow | undefined, unknown]>([
    ["no row", undefined, { kind: "pass" }],
    ["closed", row, { kind: "pass" }],
    ["open", open, { kind: "open", retryAt: now + 20_000, askAt: now + 20_000 }],
    ["open, and its time is over", { ...open, retryAt: now }, { kind: "probe" }],
    [
      "tripped for a day",
      { ...open, openedAt: now, retryAt: now + day },
      { kind: "open", retryAt: now + day, askAt: now + 30_000 },
    ],
    [
      "tripped an hour ago",
      { ...open, openedAt: now - 3_600_000, retryAt: now + day },
      { kind: "open", retryAt: now + day, askAt: now + 3_600_000 },
    ],
    ["probed", probed, { kind: "open", retryAt: now + 30_000, askAt: now + 30_000 }],
    ["probed long ago", { ...probed, probeAt: now - 59_000 }, { kind: "open", retryAt: now + 1_000, askAt: now + 1_000 }],
    ["probed and lost", { ...probed, probeAt: now - 60_000 }, { kind: "probe" }],
    ["probed by a worker that is gone", { ...probed, probe: null }, { kind: "probe" }],
  ])("%s", (_, given, expected) => {
    expect(judge(given, rule, 60_000, now)).toEqual(expected as never);
  });
});
