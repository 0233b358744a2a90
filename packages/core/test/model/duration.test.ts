import { describe, expect, test } from "bun:test";

import { milliseconds } from "../../src/model/duration.ts";

const year = 365 * 86_400_000;

describe("milliseconds", () => {
  const taken: readonly [unknown, number][] = [
    [0, 0],
    [-0, 0],
    [1, 1],
    [0.2, 1],
    [2 ** 31, 2 ** 31],
    [100 * year, 100 * year],
    [1_000 * year, 1_000 * year],
    ["0s", 0],
    ["250ms", 250],
    ["30s", 30_000],
    ["5m", 300_000],
    ["1.5h", 5_400_000],
    ["3d", 259_200_000],
    ["2w", 1_209_600_000],
    ["0.1s", 100],
    ["0.3s", 300],
    ["1.1s", 1_100],
    ["0.0001s", 1],
    ["24.9d", 2_151_360_000],
    ["36500d", 100 * year],
  ];
  test.each(taken)("takes %p", (duration, expected) => expect(Object.is(milliseconds(duration, "timeout"), expected)).toBe(true));

  const refused: readonly unknown[] = [
    NaN,
    Infinity,
    -Infinity,
    -1,
    1_000 * year + 1,
    "",
    "5",
    "s",
    "5 m",
    " 5m",
    "5m ",
    "-5m",
    "+5m",
    "1h30m",
    "5M",
    "5y",
    "1e3s",
    "0x5s",
    ".5s",
    "5.s",
    "1.2.3s",
    "Infinityms",
    "NaNs",
    "5m\n",
    "٥s",
    `${"9".repeat(400)}s`,
    "99999999999w",
    null,
    undefined,
    true,
    [],
    ["5m"],
    {},
    5n,
    Symbol("5m"),
    () => 5,
    new Date(5),
    { valueOf: () => 5 },
  ];
  test.each(refused.map((duration) => [duration]))("refuses %p", (duration) => {
    expect(() => milliseconds(duration, 'timeout of step "charge"')).toThrow(
      expect.objectContaining({
        code: "invalid_option",
        message: expect.stringContaining('timeout of step "charge"') as unknown,
      }),
    );
  });

  test("a huge text is answered at once and not repeated", () => {
    expect(() => milliseconds("1".repeat(1e6), "timeout")).toThrow(/^.{0,400}$/s);
  });
});
