import { describe, expect, test } from "bun:test";
import { Workflow } from "../../src/index.ts";
import { runToEnd, setup } from "../kit/world.ts";

describe("what a callback does to the results no other sees", () => {
  test("plain results are frozen all through, the input and the items too: who changes one hears of it", async () => {
    const world = setup();
    const changes = Workflow.chain<{ readonly lines: string[] }>({ name: "changes", retry: { attempts: 1 } })
      .step("list", () => ({ entries: [{ n: 1 }] }))
      .step("first", ({ list }) => (list.entries[0]!.n = 2), { fallback: (_, error) => (error as Error).name })
      .step("second", ({ input }) => input.lines.push("more"), { fallback: (_, error) => (error as Error).name })
      .step("third", (results) => Object.assign(results, { list: 1 }) && 1, { fallback: (_, error) => (error as Error).name })
      .map(
        "items",
        () => [{ n: 1 }],
        (item) => (item.n = 5),
        { fallback: (item, error) => `${item.n} ${(error as Error).name}` },
      )
      .output();
    const runtime = await world.open([changes]);
    expect(await runToEnd(world, runtime, changes, { lines: ["tea"] })).toEqual({
      list: { entries: [{ n: 1 }] },
      first: "TypeError",
      second: "TypeError",
      third: "TypeError",
      items: ["1 TypeError"],
    });
  });

  test("of all others each reading gives a copy", async () => {
    const world = setup();
    const chain = Workflow.chain<Date>({ name: "copies" })
      .step("stock", () => ({ count: new Map([["tea", 1]]), at: new Date(7) }))
      .step(
        "sold",
        ({ input, stock }) => (input.setTime(0), stock.count.set("tea", 0), stock.at.setTime(0), stock.count.get("tea")),
      )
      .step("seen", ({ input, stock }) => [input.getTime(), stock.count.get("tea"), stock.at.getTime()])
      .output(({ sold, seen, stock }) => ({ sold, seen, stock }));
    const runtime = await world.open([chain]);
    expect(await runToEnd(world, runtime, chain, new Date(9))).toEqual({
      sold: 0,
      seen: [9, 1, 7],
      stock: { count: new Map([["tea", 1]]), at: new Date(7) },
    });
  });

  test("a result is the recorded one, not the object that the function still holds", async () => {
    const world = setup();
    const held = { n: 1 };
    const chain = Workflow.chain({ name: "held" })
      .step("a", () => held)
      .step("b", ({ a }) => ((held.n = 2), a.n))
      .output();
    expect(await runToEnd(world, await world.open([chain]), chain, undefined)).toEqual({ a: { n: 1 }, b: 1 });
    expect(Object.isFrozen(held)).toBe(false);
  });
});

describe("a chain never changes", () => {
  const beginning = (name: string) => Workflow.chain<number>({ name }).step("base", ({ input }) => input * 10);

  test("a beginning may have several ends", async () => {
    const base = beginning("one");
    const plus = base.step("more", ({ base }) => base + 1).output(({ more }) => more);
    const minus = base
      .step("more", ({ base }) => `${base - 1}`)
      .step("other", ({ more }) => `${more}!`)
      .output(({ other }) => other);
    const bare = base.output();
    const run = async <Output>(workflow: Workflow.Definition<number, Output>): Promise<Output> => {
      const world = setup();
      return runToEnd(world, await world.open([workflow]), workflow, 2);
    };
    expect([await run(plus), await run(minus), await run(bare)]).toEqual([21, "19!", { base: 20 }]);
  });

  test("a function of the name makes the same beginning for workflows that live side by side", async () => {
    const world = setup();
    const plus = beginning("plus").output(({ base }) => base + 1);
    const minus = beginning("minus").output(({ base }) => base - 1);
    const runtime = await world.open([plus, minus]);
    expect([await runToEnd(world, runtime, plus, 1), await runToEnd(world, runtime, minus, 1)]).toEqual([11, 9]);
  });

  test("a spec that is changed afterwards changes nothing", () => {
    const spec = { name: "before" };
    const chain = Workflow.chain(spec);
    spec.name = "after";
    expect(chain.output().name).toBe("before");
  });
});
