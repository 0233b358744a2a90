import { describe, expect, test } from "bun:test";
import { Workflow } from "../../src/index.ts";
import { runToEnd, setup } from "../kit/world.ts";

const grade = Workflow.chain<number>({ name: "grade" })
  .step("score", ({ input }) => input)
  .when(
    ({ score }) => score > 50,
    (c) =>
      c
        .step("praise", ({ score }) => `well done: ${score}`)
        .when(
          ({ praise }) => praise.endsWith("100"),
          (c) => c.step("prize", () => "cup"),
        )
        .step("word", ({ prize }) => prize ?? "nothing to carry"),
    (c) => c.step("word", ({ score }) => `again, after ${score}`).step("lesson", () => true),
  )
  .step("last", ({ word, prize, lesson }) => ({ word, prize: prize ?? null, lesson: lesson ?? null }))
  .output(({ last }) => last);

describe("when", () => {
  test.each([
    [100, { word: "cup", prize: "cup", lesson: null }],
    [60, { word: "nothing to carry", prize: null, lesson: null }],
    [10, { word: "again, after 10", prize: null, lesson: true }],
  ])("%i takes its way, and what follows sees the results of that way alone", async (score, last) => {
    const world = setup();
    expect(await runToEnd(world, await world.open([grade]), grade, score)).toEqual(last);
  });

  test("without another way a condition that does not hold goes on with what follows", async () => {
    const world = setup();
    const chain = Workflow.chain<boolean>({ name: "maybe" })
      .when(
        ({ input }) => input,
        (c) => c.step("extra", () => 1),
      )
      .output(({ extra }) => extra ?? 0);
    const runtime = await world.open([chain]);
    expect(await runToEnd(world, runtime, chain, true)).toBe(1);
    expect(await runToEnd(world, runtime, chain, false)).toBe(0);
  });

  test("a way may have no steps", async () => {
    const world = setup();
    const chain = Workflow.chain({ name: "empty" })
      .when(
        () => true,
        (c) => c,
      )
      .output();
    expect(await runToEnd(world, await world.open([chain]), chain, undefined)).toEqual({});
  });
});
