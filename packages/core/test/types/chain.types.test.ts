import { describe, expectTypeOf, test } from "bun:test";
import { Database } from "bun:sqlite";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { z } from "zod";
import { Chain, Signal, Workflow } from "../../src/index.ts";
import type { Run, Step } from "../../src/index.ts";
import { typed } from "./typed.ts";

const Order = z.object({ id: z.string(), lines: z.array(z.string()).default([]) });
const approved = Signal.define("approved", z.object({ by: z.string() }));
const child = Workflow.define({ name: "child" }, async (_, n: number) => ({ twice: n * 2 }));

type Given = { id: string; lines?: string[] | undefined };
type Input = { id: string; lines: string[] };

const begun = Workflow.chain({ name: "fulfil", input: Order }).step("hold", ({ input }) => ({ held: input.lines.length }));

describe("a chain knows its results", () => {
  test("by the schema of its input, by its type, or not at all", () => {
    expectTypeOf(Workflow.chain({ name: "c", input: Order })).toEqualTypeOf<Chain.Chain<Given, { readonly input: Input }>>();
    expectTypeOf(Workflow.chain<number>({ name: "c" })).toEqualTypeOf<Chain.Chain<number, { readonly input: number }>>();
    expectTypeOf(Workflow.chain({ name: "c" })).toEqualTypeOf<Chain.Chain<unknown, { readonly input: unknown }>>();
    expectTypeOf(begun).toEqualTypeOf<Chain.Chain<Given, { readonly input: Input; readonly hold: { held: number } }>>();
  });

  test("step: its result under its name, the fallback's answer among it", () => {
    typed(() => {
      const chain = begun
        .step("payment", async ({ hold, input }, tools) => {
          expectTypeOf(hold).toEqualTypeOf<{ held: number }>();
          expectTypeOf(input).toEqualTypeOf<Input>();
          expectTypeOf(tools).toEqualTypeOf<Step.Tools>();
          return hold.held > 1;
        })
        .step("label", ({ payment, input }) => (payment ? input.id : "y"), {
          fallback: (results, error, tools) => {
            expectTypeOf(results).toEqualTypeOf<{
              readonly input: Input;
              readonly hold: { held: number };
              readonly payment: boolean;
            }>();
            expectTypeOf(error).toEqualTypeOf<unknown>();
            expectTypeOf(tools).toEqualTypeOf<Step.Tools>();
            return 5;
          },
          undo: ({ label, hold }) => (expectTypeOf(label).toEqualTypeOf<string | number>(), hold),
        });
      expectTypeOf(chain.output()).toEqualTypeOf<
        Workflow.Definition<
          Given,
          { readonly hold: { held: number }; readonly payment: boolean; readonly label: string | number }
        >
      >();
      // @ts-expect-error: no such result
      begun.step("x", ({ payment }) => void payment);
      // @ts-expect-error: no such field
      begun.step("x", ({ hold }) => void hold.nothing);
      // @ts-expect-error: no such option
      begun.step("x", () => 1, { retries: 5 });
      // @ts-expect-error: results are not to be changed
      begun.step("x", (results) => (results.hold = { held: 1 }));
    });
  });

  test("when: what only one way has may be undefined, what both have is either", () => {
    typed(() => {
      const one = begun.when(
        ({ hold }) => hold.held > 1,
        (c) => c.wait("approval", approved).step("extra", ({ approval }) => approval.by),
      );
      expectTypeOf(one).toEqualTypeOf<
        Chain.Chain<
          Given,
          {
            readonly input: Input;
            readonly hold: { held: number };
            readonly approval: { by: string } | undefined;
            readonly extra: string | undefined;
          }
        >
      >();
      const both = Workflow.chain<number>({ name: "c" }).when(
        ({ input }) => input > 1,
        (c) =>
          c
            .step("size", () => "big")
            .when(
              () => true,
              (c) => c.step("deep", ({ size }) => size.length),
            ),
        (c) => c.step("size", () => 0).step("rest", () => true),
      );
      expectTypeOf(both).toEqualTypeOf<
        Chain.Chain<
          number,
          {
            readonly input: number;
            readonly size: string | number;
            readonly deep: number | undefined;
            readonly rest: boolean | undefined;
          }
        >
      >();
      begun.when(
        // @ts-expect-error: a condition answers at once
        async () => true,
        (c) => c,
      );
      begun.when(
        // @ts-expect-error: a condition is a boolean
        ({ input }) => input.id,
        (c) => c,
      );
      begun.when(
        () => true,
        // @ts-expect-error: a way ends as a chain
        (c) => c.output(),
      );
      begun.when(
        () => true,
        // @ts-expect-error: a way goes on with the chain it was given
        () => Workflow.chain({ name: "other" }).step("a", () => 1),
      );
    });
  });

  test("wait: the signal's value, or undefined too when there is a timeout", () => {
    typed(() => {
      const chain = Workflow.chain({ name: "c" })
        .wait("a", approved)
        .wait("b", approved, { timeout: "3d" })
        .wait("c", Signal.define("any"));
      expectTypeOf(chain.output()).toEqualTypeOf<
        Workflow.Definition<unknown, { readonly a: { by: string }; readonly b: { by: string } | undefined; readonly c: unknown }>
      >();
      // @ts-expect-error: "later" is no duration
      begun.wait("a", approved, { timeout: "later" });
    });
  });

  test("parallel: each result under the branch's name", () => {
    typed(() => {
      const chain = begun.parallel(
        {
          label: ({ input }) => input.id,
          mail: async ({ hold }, { key }) => hold.held + key.length,
          box: { run: ({ hold }) => hold, retry: { attempts: 2 }, timeout: "5s", undo: ({ input }) => input.id },
          gift: {
            run: async ({ input }) => input.lines,
            fallback: ({ hold }, error) => (expectTypeOf(error).toEqualTypeOf<unknown>(), hold.held),
          },
        },
        { limit: 2, undo: { label: ({ label, hold }) => (expectTypeOf(label).toEqualTypeOf<string>(), hold) } },
      );
      expectTypeOf(chain.output()).toEqualTypeOf<
        Workflow.Definition<
          Given,
          {
            readonly hold: { held: number };
            readonly label: string;
            readonly mail: number;
            readonly box: { held: number };
            readonly gift: string[] | number;
          }
        >
      >();
      // @ts-expect-error: no such option
      begun.parallel({ a: { run: () => 1, timout: "5s" } });
      // @ts-expect-error: no such branch
      begun.parallel({ a: () => 1 }, { undo: { b: () => 1 } });
      // @ts-expect-error: branches know the results before them alone
      begun.parallel({ a: () => 1, b: ({ a }) => void a });
    });
  });

  test("map: the results of the items, and each item in its functions", () => {
    typed(() => {
      const chain = begun.map(
        "boxes",
        ({ input }) => input.lines,
        async (line, { hold }, { key }) => {
          expectTypeOf(line).toEqualTypeOf<string>();
          return { line, of: hold.held, key };
        },
        {
          limit: 3,
          fallback: (line, error) => [line, error],
          undo: (line, { boxes }) => (
            expectTypeOf(boxes).toEqualTypeOf<{ line: string; of: number; key: string } | unknown[]>(),
            line
          ),
        },
      );
      expectTypeOf(chain.output(({ boxes }) => boxes)).toEqualTypeOf<
        Workflow.Definition<Given, readonly ({ line: string; of: number; key: string } | unknown[])[]>
      >();
      begun.map(
        "x",
        // @ts-expect-error: a number is not to be gone through
        ({ hold }) => hold.held,
        (n) => n,
      );
    });
  });

  test("call and start: the child's input is checked, its output or id is kept", () => {
    typed(() => {
      const chain = begun
        .call("sum", child, ({ hold }) => hold.held, { id: ({ input }) => input.id })
        .start("away", child, ({ sum }) => sum.twice);
      expectTypeOf(chain.output(({ sum, away }) => [sum, away] as const)).toEqualTypeOf<
        Workflow.Definition<Given, readonly [{ twice: number }, string]>
      >();
      // @ts-expect-error: the child takes a number
      begun.call("sum", child, ({ input }) => input.id);
      // @ts-expect-error: the child takes a number
      begun.start("sum", child, () => ({}));
    });
  });

  test("transaction: typed by the user's database, and synchronous", () => {
    typed(() => {
      const db = drizzle(new Database(":memory:"));
      const chain = begun.transaction(
        "entry",
        db,
        (tx, { hold }) => {
          expectTypeOf(tx).toEqualTypeOf<Parameters<Parameters<typeof db.transaction>[0]>[0]>();
          return hold.held;
        },
        { undo: ({ entry }) => expectTypeOf(entry).toEqualTypeOf<number>() },
      );
      expectTypeOf(chain.output(({ entry }) => entry)).toEqualTypeOf<Workflow.Definition<Given, number>>();
      // @ts-expect-error: a transaction is synchronous
      begun.transaction("entry", db, async () => 1);
    });
  });

  test("sleep, sleepUntil and publish add no result", () => {
    typed(() => {
      const chain = begun
        .sleep("a", "1h")
        .sleep("b", ({ hold }) => hold.held)
        .sleepUntil("c", new Date())
        .sleepUntil("d", ({ hold }) => hold.held)
        .publish(({ hold }) => hold);
      expectTypeOf(chain).toEqualTypeOf(begun);
      // @ts-expect-error: "1x" is no duration
      begun.sleep("a", "1x");
    });
  });
});

describe("output", () => {
  test("ends as a workflow like any other", () => {
    const workflow = begun.output(({ hold }) => hold.held);
    expectTypeOf(workflow).toEqualTypeOf<Workflow.Definition<Given, number>>();
    expectTypeOf(begun.output(async ({ hold }) => hold)).toEqualTypeOf<Workflow.Definition<Given, { held: number }>>();
    expectTypeOf(Chain.shape(workflow)).toEqualTypeOf<Chain.Shape>();
    typed(({ runtime }) => {
      expectTypeOf(Workflow.start(runtime, workflow, { id: "x" })).toEqualTypeOf<Promise<Run.Handle<number>>>();
      // @ts-expect-error: a chain is no workflow before its output
      void Workflow.start(runtime, begun, { id: "x" });
    });
  });

  test("with a schema: what the schema takes and makes", () => {
    const Receipt = z.object({ count: z.number(), note: z.string().default("") });
    expectTypeOf(begun.output(({ hold }) => ({ count: hold.held }), Receipt)).toEqualTypeOf<
      Workflow.Definition<Given, { count: number; note: string }>
    >();
    typed(() => {
      // @ts-expect-error: the output is not what the schema takes
      begun.output(({ input }) => ({ count: input.id }), Receipt);
      // @ts-expect-error: the schema of an output stands at the output
      Workflow.chain({ name: "c", output: Receipt });
    });
  });

  test("thirty steps are no trouble for the checker", () => {
    typed(() => {
      const ten = <R>(c: Chain.Chain<number, R>) => c;
      const c = Workflow.chain<number>({ name: "long" })
        .step("a0", () => 0)
        .step("a1", ({ a0 }) => a0)
        .step("a2", ({ a1 }) => a1)
        .step("a3", ({ a2 }) => a2)
        .step("a4", ({ a3 }) => a3)
        .step("b0", ({ a4 }) => a4)
        .step("b1", ({ b0 }) => b0)
        .step("b2", ({ b1 }) => b1)
        .step("b3", ({ b2 }) => b2)
        .step("b4", ({ b3 }) => b3)
        .step("c0", ({ b4 }) => b4)
        .step("c1", ({ c0 }) => c0)
        .step("c2", ({ c1 }) => c1)
        .step("c3", ({ c2 }) => c2)
        .step("c4", ({ c3 }) => c3)
        .step("d0", ({ c4 }) => c4)
        .step("d1", ({ d0 }) => d0)
        .step("d2", ({ d1 }) => d1)
        .step("d3", ({ d2 }) => d2)
        .step("d4", ({ d3 }) => d3)
        .step("e0", ({ d4 }) => d4)
        .step("e1", ({ e0 }) => e0)
        .step("e2", ({ e1 }) => e1)
        .step("e3", ({ e2 }) => e2)
        .step("e4", ({ e3 }) => e3)
        .step("f0", ({ e4 }) => e4)
        .step("f1", ({ f0 }) => f0)
        .step("f2", ({ f1 }) => f1)
        .step("f3", ({ f2 }) => f2)
        .step("f4", ({ f3 }) => f3);
      expectTypeOf(ten(c).output(({ a0, f4 }) => a0 + f4)).toEqualTypeOf<Workflow.Definition<number, number>>();
    });
  });
});
