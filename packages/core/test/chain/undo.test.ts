import { describe, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { Fault, Run, Workflow } from "../../src/index.ts";
import { runToEnd, setup, on } from "../kit/world.ts";
import { failureOf, keysOf } from "./fulfil.ts";

const fail = (): never => {
  throw Fault.fatal("no more");
};

describe("undo", () => {
  test.skipIf(on !== "sqlite")("runs last first, with the results the step saw and its own", async () => {
    const world = setup();
    const undone: unknown[] = [];
    world.db.run(sql`create table ledger (entry text not null) strict`);
    const chain = Workflow.chain<string>({ name: "undoes" })
      .step("a", () => 1, { undo: (results, { key }) => undone.push([{ ...results }, key]) })
      .when(
        () => true,
        (c) => c.step("b", () => 2, { undo: (results) => undone.push({ ...results }) }),
      )
      .transaction("c", world.db, () => 3, { undo: ({ b, c }) => undone.push(["c", b, c]) })
      .map(
        "d",
        () => ["x", "y"],
        (item) => `${item}!`,
        { limit: 1, undo: (item, { a, d }) => undone.push([item, a, d]) },
      )
      .step("bad", fail)
      .output();
    const runtime = await world.open([chain]);
    const run = await Workflow.start(runtime, chain, "in", { id: "u" });
    expect(await failureOf(world.result(run))).toMatchObject({ code: "run_failed", cause: { message: "no more" } });
    expect(undone).toEqual([
      ["y", 1, "y!"],
      ["x", 1, "x!"],
      ["c", 2, 3],
      { input: "in", a: 1, b: 2 },
      [{ input: "in", a: 1 }, "u/undo:a"],
    ]);
    expect((await keysOf(run)).slice(5)).toEqual(["undo:d[1]", "undo:d[0]", "undo:c", "undo:b", "undo:a"]);
  });

  test("parallel: beside the function it knows the results before, in the options also the branch's own", async () => {
    const world = setup();
    const undone: unknown[] = [];
    const chain = Workflow.chain<string>({ name: "branches" })
      .parallel(
        { a: { run: () => 1, undo: ({ input }) => undone.push(["a", input]) }, b: ({ input }) => `${input}!`, c: () => 3 },
        { limit: 1, undo: { b: ({ input, b }, { key }) => undone.push([input, b, key]) } },
      )
      .step("bad", fail)
      .output();
    const runtime = await world.open([chain]);
    const run = await Workflow.start(runtime, chain, "in", { id: "u" });
    await failureOf(world.result(run));
    expect(undone).toEqual([
      ["in", "in!", "u/undo:b"],
      ["a", "in"],
    ]);
  });

  test("a fallback's answer is undone like a result", async () => {
    const world = setup();
    const undone: unknown[] = [];
    const chain = Workflow.chain({ name: "instead" })
      .step("a", fail as () => number, { fallback: () => "invoice", undo: ({ a }) => undone.push(a) })
      .step("bad", fail)
      .output();
    await failureOf(runToEnd(world, await world.open([chain]), chain, undefined));
    expect(undone).toEqual(["invoice"]);
  });

  test("a cancel undoes too", async () => {
    const world = setup();
    const undone: unknown[] = [];
    const chain = Workflow.chain({ name: "cancelled" })
      .step("a", () => ({ n: 1 }), { undo: ({ a }) => undone.push(a.n) })
      .sleep("long", "30d")
      .output();
    const runtime = await world.open([chain]);
    const run = await Workflow.start(runtime, chain);
    await world.clock.advance(1_000);
    await Run.cancel(run);
    expect(await failureOf(world.result(run))).toMatchObject({ code: "run_cancelled" });
    expect(undone).toEqual([1]);
  });
});
