/** What the verbs make of the rows on the desk, where a try whose answer was lost comes before. */
import { describe, expect, test } from "bun:test";
import type { NewRun, Row } from "../../src/store/rows.ts";
import { appendChild, type Born, type Desk } from "../../src/store/server/desk.ts";

const child = { id: "parent/child", parent: 1, parentKey: "child" } as NewRun;
const row = { seq: 7, kind: "spawned", key: "child" } as Row;

/** A desk on which the parent, run 1, is executed under this lease. */
const deskOf = (lease: number, born: Born) =>
  ({
    sheets: new Map([[1, { key: 1, lease }]]),
    born: new Map([[child, born]]),
    rows: [],
    unborn: [],
  }) as unknown as Desk;

describe("a child whose parent was taken over before it was started", () => {
  test("is not to be", () => {
    const desk = deskOf(2, { kind: "made", key: 5, worker: 3, again: false });
    expect([appendChild(desk, { run: 1, number: 1 }, row, child), desk.unborn]).toEqual(["fenced", [5]]);
  });

  test("lives on when an earlier try, whose answer was lost, has made it", () => {
    const desk = deskOf(2, { kind: "made", key: 5, worker: 3, again: true });
    expect([appendChild(desk, { run: 1, number: 1 }, row, child), desk.unborn]).toEqual(["fenced", []]);
  });
});
