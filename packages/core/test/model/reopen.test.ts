// Which records a retry forgets, keeps, and keeps without their place: tables of cases, and what holds for every history.
import fc from "fast-check";
import { describe, expect, test } from "bun:test";
import { areApart } from "../../src/model/apart.ts";
import type { Failure } from "../../src/model/failure.ts";
import { isResult, withoutRecalled, type RecordKind, type Row } from "../../src/model/records.ts";
import { forkRows, reopening } from "../../src/model/reopen.ts";
import { returned } from "../../src/model/returned.ts";

/** A record as `[kind, key, issued]`, its place in the list is its seq. A failure says "<key> failed". */
type Short = readonly [kind: RecordKind, key: string | null, issued: number];

const rowsOf = (shorts: readonly Short[]): Row[] =>
  shorts.map(([kind, key, issued], seq) => ({
    seq,
    kind,
    key,
    issued,
    value: `${key} failed`,
    attempt: null,
    due: null,
    at: seq,
  }));

const failureOf = (row: Row): Failure => ({ name: "Error", message: row.value ?? "" });
const failure = (message: string, more: Partial<Failure> = {}): Failure => ({ name: "Error", message, ...more });
const held = (...messages: string[]): Partial<Failure> => ({
  errors: { errors: messages.map((each) => ({ failure: failure(each) })) },
});

const started: Short = ["started", null, 0];
const failed: Short = ["failed", null, 0];

describe("the failures that are tried again", () => {
  const a: Short = ["step-failed", "a", 0];
  const cases: readonly (readonly [what: string, rows: readonly Short[], error: Failure | null, retried: readonly string[]])[] = [
    ["the error is its own", [a], failure("a failed"), ["a"]],
    ["its cause", [a], failure("x", { cause: { failure: failure("y", { cause: { failure: failure("a failed") } }) } }), ["a"]],
    ["it is held in a list", [a, ["step-failed", "b", 0]], failure("x", held("a failed", "b failed")), ["a", "b"]],
    ["it is held in a field", [a], failure("x", { errors: { reason: { failure: failure("a failed") } } }), ["a"]],
    ["nothing followed, and nothing names it", [a], failure("x"), ["a"]],
    ["nothing followed from two", [a, ["step-failed", "b", 1]], failure("x"), ["a", "b"]],
    ["the body went on from it", [a, ["step", "b", 1], ["step-failed", "c", 2]], failure("x"), ["c"]],
    ["the body went on from it, and ended by itself", [a, ["step", "b", 1]], failure("x"), []],
    ["the body went on, and the text says it", [a, ["step", "b", 1]], failure("order: a failed!"), ["a"]],
    ["the body went on, and the text has it inside a word", [a, ["step", "b", 1]], failure("a failedx"), []],
    ["only a timer followed", [a, ["fired", "t", 1]], failure("x"), ["a"]],
    ["only a message followed", [a, ["taken", "s", 1]], failure("x"), ["a"]],
    ["a timer followed, and another failed", [a, ["fired", "t", 1], ["step-failed", "c", 2]], failure("x"), ["c"]],
    ["one was caught, the other is the error", [a, ["step-failed", "b", 1]], failure("b failed"), ["b"]],
    ["one ran beside the error", [a, ["step-failed", "b", 0]], failure("b failed"), ["a", "b"]],
    ["one failed behind the error, beside it", [a, ["step-failed", "b", 0]], failure("a failed"), ["a", "b"]],
    ["a child", [["call-failed", "a", 0]], failure("x"), ["a"]],
    [
      "a neighbour in another branch",
      [
        ["step-failed", "m[0]/a", 0],
        ["step", "m[1]/b", 1],
      ],
      failure("x"),
      ["m[0]/a"],
    ],
    ["a run that was cancelled", [a, ["cancel", null, 0]], null, []],
    [
      "one that failed by the cancel",
      [
        ["cancel", null, 0],
        ["step-failed", "a", 0],
      ],
      null,
      ["a"],
    ],
    ["no step failed", [["step", "a", 0]], failure("x"), []],
  ];
  test.each(cases)("%s", (_, rows, error, retried) => {
    const plan = reopening(rowsOf([started, ...rows, failed]), error, failureOf);
    expect(new Set(plan.retried.map(({ key }) => key))).toEqual(new Set(retried));
  });

  test("of those that look the same: what was not dealt with, else the newest", () => {
    const same = (rows: readonly Short[], error: Failure) =>
      reopening(
        rowsOf([started, ...rows, failed]).map((row) => ({ ...row, value: "down" })),
        error,
        failureOf,
      ).retried.map(({ key }) => key);
    const [a, b]: Short[] = [
      ["step-failed", "a", 0],
      ["step", "b", 1],
    ] as const satisfies Short[] as never;
    expect(same([a!, b!, ["step-failed", "c", 2]], failure("down"))).toEqual(["c"]);
    expect(same([a!, b!, ["step-failed", "c", 2], ["step", "d", 3]], failure("down"))).toEqual(["c"]);
    expect(same([a!, b!, ["step-failed", "c", 2], ["step", "d", 3]], failure("x", held("down", "down")))).toEqual(["a", "c"]);
  });
});

describe("what is forgotten", () => {
  const cases: readonly (readonly [what: string, rows: readonly Short[], drop: readonly number[], loose: readonly number[]])[] = [
    [
      "the failure, and what followed",
      [
        ["step-failed", "a", 0],
        ["step", "clean", 1],
      ],
      [1, 2, 3],
      [],
    ],
    [
      "not what ran beside it",
      [
        ["step-failed", "a", 0],
        ["step", "b", 0],
      ],
      [1, 3],
      [],
    ],
    [
      "its attempts",
      [
        ["attempt", "a", 0],
        ["running", "a", 0],
        ["step-failed", "a", 0],
      ],
      [1, 2, 3, 4],
      [],
    ],
    [
      "a step that was undone, and what followed",
      [
        ["step", "u", 0],
        ["step", "b", 1],
        ["step-failed", "a", 2],
        ["undone", "undo:u", 3],
      ],
      [1, 2, 3, 4, 5],
      [],
    ],
    [
      "a branch beside keeps its results, and loses its notes",
      [
        ["step-failed", "m[0]/a", 0],
        ["timer", "m[1]/t", 1],
        ["fired", "m[1]/t", 1],
        ["step", "m[1]/b", 3],
        ["step", "after", 4],
      ],
      [1, 2, 3, 4, 5, 6],
      [3, 4],
    ],
    [
      "a branch in a branch",
      [
        ["step-failed", "m[0]/n[0]/a", 0],
        ["step", "m[0]/n[1]/b", 1],
        ["step", "m[0]/c", 1],
        ["step", "n[1]/d", 1],
      ],
      [1, 2, 3, 4, 5],
      [2],
    ],
  ];
  test.each(cases)("%s", (_, rows, drop, loose) => {
    const error = failure(rowsOf([started, ...rows]).find(({ kind }) => kind === "step-failed")?.value ?? "");
    const plan = reopening(rowsOf([started, ...rows, failed]), error, failureOf);
    expect(plan.drop.toSorted((x, y) => x - y)).toEqual([...drop]);
    expect(plan.loose.map(({ seq }) => seq)).toEqual([...loose]);
    expect(plan.loose.every(({ issued }) => issued === -1)).toBe(true);
  });

  test("a loose result stays until the body has asked for it, or until it may depend on what is tried again", () => {
    const rows: readonly Short[] = [
      started,
      ["step", "m[1]/b", -1],
      ["step", "m[2]/c", -1],
      ["step", "m[0]/d", -1],
      ["step", "m[1]/b", 0],
      ["step-failed", "m[0]/a", 0],
      failed,
    ];
    const plan = reopening(rowsOf(rows), failure("x"), failureOf);
    expect(plan.drop.toSorted((x, y) => x - y)).toEqual([1, 3, 5, 6]);
    expect(withoutRecalled(rowsOf(rows)).map(({ seq }) => seq)).toEqual([0, 2, 3, 4, 5, 6]);
    expect(forkRows(rowsOf(rows), "m[0]/a")?.map(({ seq }) => seq)).toEqual([4]);
  });
});

test.each([
  ["m[0]/a", "m[1]/a", true],
  ["m[x]/a", "m[y]/b", true],
  ["m[0]/a", "m[0]/b", false],
  ["m[0]/a", "m[0]#2/a", false],
  ["m[0]/a", "n[1]/a", false],
  ["m[0]/a", "a", false],
  ["m[0]/n[0]/a", "m[0]/n[1]/a", true],
  ["m[0]/n[0]/a", "m[0]/b", false],
  ["m[0]/n[0]/a", "m[1]/b", true],
  ["m[0]", "m[1]", false],
  ["m[0]/a", null, false],
] as const)("%s and %s are in branches beside each other: %p", (one, other, apart) => {
  expect(areApart(one, other)).toBe(apart);
  expect(areApart(other, one)).toBe(apart);
});

describe("messages", () => {
  const taken = (key: number, name: string, takenAt: number, seq: number | null = null) => ({ key, name, takenAt, seq });
  const row = (seq: number, kind: RecordKind, key: string, at: number, value: string | null = null): Row => ({
    seq,
    kind,
    key,
    value,
    at,
    issued: 0,
    attempt: null,
    due: null,
  });

  test("come back by the record that took them", () => {
    const rows = [row(1, "taken", "s", 5), row(2, "taken", "s#2", 5)];
    expect(returned([rows[1]!], rows, [taken(7, "s", 5, 2), taken(8, "s", 5, 1)])).toEqual([{ signal: 7, seq: 2 }]);
  });

  test("that an older release took come back by the moment, the name, and the order", () => {
    const rows = [
      row(1, "waiting", "mine", 1, '"t"'),
      row(2, "taken", "s", 5),
      row(3, "taken", "mine", 5),
      row(4, "taken", "b/s#2", 5),
    ];
    const all = [taken(7, "s", 5), taken(8, "s", 5), taken(9, "t", 5), taken(10, "s", 6)];
    expect(returned(rows.slice(2), rows, all)).toEqual([
      { signal: 9, seq: 3 },
      { signal: 8, seq: 4 },
    ]);
  });
});

describe("every history", () => {
  const kinds: readonly RecordKind[] = [
    "step",
    "step-failed",
    "fired",
    "taken",
    "called",
    "call-failed",
    "attempt",
    "timer",
    "calling",
    "undone",
    "cancel",
  ];
  const keys = ["a", "b", "m[0]/a", "m[1]/a", "m[1]/b", "m[0]/n[0]/a", "m[0]/n[1]/a"];
  const history = fc
    .array(fc.tuple(fc.constantFrom(...kinds), fc.constantFrom(...keys), fc.nat(), fc.boolean()), { maxLength: 25 })
    .map((all) => {
      const shorts = all.map(([kind, key, issued, loose], at): Short => [
        kind,
        kind === "cancel" ? null : kind === "undone" ? `undo:${key}` : key,
        loose && kind === "step" && issued % 7 === 0 ? -1 : issued % (at + 1),
      ]);
      return rowsOf([started, ...shorts, failed]);
    });

  test("keeps a start that replays: nothing stays in its place that had seen what is tried again", () => {
    fc.assert(
      fc.property(history, fc.constantFrom("x", ...keys.map((key) => `${key} failed`)), (rows, message) => {
        const plan = reopening(rows, failure(message), failureOf);
        const gone = new Set(plan.drop);
        expect(gone.size).toBe(plan.drop.length);
        const stay = rows.filter(({ seq, issued }) => !gone.has(seq) && issued >= 0 && seq > 0);
        const changed = rows.filter((row) => gone.has(row.seq) && (row.kind === "cancel" || plan.retried.includes(row)));
        for (const row of stay) for (const { seq } of changed) expect(row.issued).toBeLessThan(seq);
        for (const row of plan.retried) expect(gone.has(row.seq)).toBe(true);
        expect(stay.some(({ kind }) => kind === "undone" || kind === "cancel" || kind === "failed")).toBe(false);
        for (const row of plan.loose) {
          expect(isResult(row.kind)).toBe(true);
          expect(gone.has(row.seq)).toBe(true);
          for (const { key, seq } of plan.retried) if (rows[row.seq]!.issued >= seq) expect(areApart(key, row.key)).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("loses nothing that is done but what followed from what is tried again, in its own branch", () => {
    fc.assert(
      fc.property(history, (rows) => {
        const calm = rows.filter(({ kind }) => kind !== "cancel" && kind !== "undone");
        const plan = reopening(calm, failure("x"), failureOf);
        const kept = new Set(plan.loose.map(({ seq }) => seq));
        const lost = calm.filter(
          ({ seq, kind, issued }) => plan.drop.includes(seq) && !kept.has(seq) && kind === "step" && issued >= 0,
        );
        for (const row of lost)
          expect(plan.retried.some(({ seq, key }) => key === row.key || (row.issued >= seq && !areApart(key, row.key)))).toBe(
            true,
          );
      }),
      { numRuns: 2_000 },
    );
  });
});
