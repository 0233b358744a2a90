import { describe, expectTypeOf, test } from "bun:test";
import { Database } from "bun:sqlite";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { sqliteTable, text } from "drizzle-orm/sqlite-core";
import { z } from "zod";
import { Context, Fault, Signal, Step, Workflow } from "../../src/index.ts";
import type { CircuitBreaker } from "../../src/index.ts";
import { typed } from "./typed.ts";

describe("Step.run", () => {
  test("answers with what the function answers", () => {
    typed(({ ctx }) => {
      expectTypeOf(Step.run(ctx, "a", () => 1)).toEqualTypeOf<Promise<number>>();
      expectTypeOf(Step.run(ctx, "a", async () => ({ id: "x" }))).toEqualTypeOf<Promise<{ id: string }>>();
      expectTypeOf(Step.run(ctx, "a", () => {})).toEqualTypeOf<Promise<void>>();
      expectTypeOf(Step.run(ctx, "a", async () => (Math.random() > 0.5 ? 1 : undefined))).toEqualTypeOf<Promise<1 | undefined>>();
    });
  });

  test("the function gets its tools", () => {
    typed(({ ctx }) =>
      Step.run(ctx, "a", (tools) => {
        expectTypeOf(tools).toEqualTypeOf<Step.Tools>();
        expectTypeOf(tools.key).toEqualTypeOf<string>();
        expectTypeOf(tools.attempt).toEqualTypeOf<number>();
        expectTypeOf(tools.signal).toEqualTypeOf<AbortSignal>();
      }),
    );
  });

  test("a fallback adds its answer", () => {
    typed(({ ctx }) => {
      expectTypeOf(Step.run(ctx, "a", () => 1, { fallback: () => "x" })).toEqualTypeOf<Promise<number | string>>();
      expectTypeOf(
        Step.run(ctx, "a", () => 1, { fallback: async (error) => (expectTypeOf(error).toEqualTypeOf<unknown>(), true) }),
      ).toEqualTypeOf<Promise<number | boolean>>();
      expectTypeOf(Step.run(ctx, "a", () => 1, { retry: { attempts: 2 }, timeout: "5s" })).toEqualTypeOf<Promise<number>>();
    });
  });

  test("undo gets what the step answered, the fallback's answer among it", () => {
    typed(({ ctx }) => [
      Step.run(ctx, "a", () => ({ id: 1 }), { undo: (result) => expectTypeOf(result).toEqualTypeOf<{ id: number }>() }),
      Step.run(ctx, "a", async ({ key }) => key, {
        fallback: (error, { attempt }) => [error, attempt],
        undo: (result, tools) => (
          expectTypeOf(result).toEqualTypeOf<string | unknown[]>(),
          expectTypeOf(tools).toEqualTypeOf<Step.Tools>()
        ),
      }),
    ]);
  });

  test("options are checked", () => {
    typed(({ ctx }) => {
      const breaker = {} as CircuitBreaker.Definition;
      void Step.run(ctx, "a", () => 1, {
        breaker,
        retry: {
          attempts: 5,
          delay: "1s",
          factor: 2,
          ceiling: "1m",
          jitter: "none",
          when: (error) => error instanceof TypeError,
        },
      });
      // @ts-expect-error: no such option
      void Step.run(ctx, "a", () => 1, { retries: 5 });
      // @ts-expect-error: "fast" is no duration
      void Step.run(ctx, "a", () => 1, { retry: { delay: "fast" } });
      // @ts-expect-error: a name is text
      void Step.run(ctx, 5, () => 1);
      // @ts-expect-error: undo gets a number
      void Step.run(ctx, "a", () => 1, { undo: (result: string) => result });
    });
  });
});

describe("Step.wait", () => {
  const approved = Signal.define("approved", z.object({ by: z.string(), at: z.coerce.date() }));
  type Approval = { by: string; at: Date };

  test("answers with the value, or with undefined too when there is a timeout", () => {
    typed(({ ctx }) => {
      const options: Step.WaitOptions = {};
      expectTypeOf(Step.wait(ctx, approved)).toEqualTypeOf<Promise<Approval>>();
      expectTypeOf(Step.wait(ctx, approved, { name: "first" })).toEqualTypeOf<Promise<Approval>>();
      expectTypeOf(Step.wait(ctx, approved, { timeout: "3d" })).toEqualTypeOf<Promise<Approval | undefined>>();
      expectTypeOf(Step.wait(ctx, approved, options)).toEqualTypeOf<Promise<Approval | undefined>>();
      expectTypeOf(Step.wait(ctx, Signal.define("any"))).toEqualTypeOf<Promise<unknown>>();
      expectTypeOf(Step.wait(ctx, Signal.define<number>("number"))).toEqualTypeOf<Promise<number>>();
      // @ts-expect-error: "later" is no duration
      void Step.wait(ctx, approved, { timeout: "later" });
    });
  });

  test("send takes what the schema takes", () => {
    typed(({ run }) => {
      expectTypeOf(Signal.send(run, approved, { by: "Ada", at: "2026-01-01" }, { key: "k" })).toEqualTypeOf<Promise<void>>();
      void Signal.send(run, Signal.define("any"), 5);
      // @ts-expect-error: the value does not fit
      void Signal.send(run, approved, { by: 5, at: 1 });
      // @ts-expect-error: the value is missing
      void Signal.send(run, approved);
      // @ts-expect-error: the value does not fit
      void Signal.send(run, Signal.define<number>("number"), "5");
    });
  });
});

describe("sleeping", () => {
  test("takes durations and moments, and answers with nothing", () => {
    typed(({ ctx }) => {
      expectTypeOf(Step.sleep(ctx, "nap", "1.5h")).toEqualTypeOf<Promise<void>>();
      expectTypeOf(Step.sleep(ctx, "nap", 500)).toEqualTypeOf<Promise<void>>();
      expectTypeOf(Step.sleepUntil(ctx, "nap", new Date())).toEqualTypeOf<Promise<void>>();
      // @ts-expect-error: "1 hour" is no duration
      void Step.sleep(ctx, "nap", "1 hour");
      // @ts-expect-error: a moment is no text
      void Step.sleepUntil(ctx, "nap", "2026-01-01");
    });
  });
});

describe("branches", () => {
  test("all: each result under its name", () => {
    typed(({ ctx }) => {
      const both = Step.all(ctx, "prepare", { label: (ctx) => Step.run(ctx, "print", () => "x"), count: () => 1 });
      expectTypeOf(both).toEqualTypeOf<Promise<{ label: string; count: number }>>();
      const settled = Step.all(ctx, "prepare", { label: async () => "x" }, { onError: "settle", limit: 1 });
      expectTypeOf(settled).toEqualTypeOf<Promise<{ label: PromiseSettledResult<string> }>>();
      void Step.all(ctx, "prepare", { a: (scope) => expectTypeOf(scope).toEqualTypeOf<Context.Context>() });
    });
  });

  test("map: the results in the order of the items", () => {
    typed(({ ctx }) => {
      const lengths = Step.map(ctx, "label", ["a", "b"], (scope, word, index) => {
        expectTypeOf(scope).toEqualTypeOf<Context.Context>();
        expectTypeOf(word).toEqualTypeOf<string>();
        expectTypeOf(index).toEqualTypeOf<number>();
        return Step.run(scope, "print", () => word.length);
      });
      expectTypeOf(lengths).toEqualTypeOf<Promise<number[]>>();
      expectTypeOf(Step.map(ctx, "label", new Set([1]), async (_, n) => n, { onError: "settle" })).toEqualTypeOf<
        Promise<PromiseSettledResult<number>[]>
      >();
      expectTypeOf(Step.map(ctx, "label", [1], (_, n) => `${n}`, { limit: 2 })).toEqualTypeOf<Promise<string[]>>();
    });
  });

  test("graph: each task gets the results it comes after", () => {
    typed(({ ctx }) => {
      const built = Step.graph(ctx, "build", (task) => {
        const parse = task("parse", async () => ({ files: 3 }));
        const count = task("count", () => 5);
        const link = task("link", [parse, count], (_, parsed, counted) => {
          expectTypeOf(parsed).toEqualTypeOf<{ files: number }>();
          expectTypeOf(counted).toEqualTypeOf<number>();
          return `${parsed.files} ${counted}`;
        });
        return { count, link };
      });
      expectTypeOf(built).toEqualTypeOf<Promise<{ count: number; link: string }>>();
      void Step.graph(ctx, "build", (task) => {
        // @ts-expect-error: a name is no task
        const link = task("link", ["parse"], () => 2);
        return { link };
      });
    });
  });
});

describe("Step.transaction", () => {
  const entries = sqliteTable("ledger", { entry: text().notNull() });

  test("the transaction has the type of the user's own database", () => {
    typed(({ ctx }) => {
      const db = drizzle(new Database(":memory:"), { schema: { entries } });
      const rows = Step.transaction(ctx, "book", db, (tx, { key }) => {
        expectTypeOf(tx).toEqualTypeOf<Parameters<Parameters<typeof db.transaction>[0]>[0]>();
        tx.insert(entries).values({ entry: key }).run();
        return tx.query.entries.findMany().sync();
      });
      expectTypeOf(rows).toEqualTypeOf<Promise<{ entry: string }[]>>();
      void Step.transaction(ctx, "book", db, () => 1, { undo: (result) => expectTypeOf(result).toEqualTypeOf<number>() });
      // @ts-expect-error: a transaction is synchronous
      void Step.transaction(ctx, "book", db, async () => 1);
      // @ts-expect-error: a transaction has no fallback
      void Step.transaction(ctx, "book", db, () => 1, { fallback: () => 2 });
    });
  });
});

describe("Context", () => {
  test("answers with plain values", () => {
    typed(({ ctx }) => {
      expectTypeOf(Context.id(ctx)).toEqualTypeOf<string>();
      expectTypeOf(Context.now(ctx)).toEqualTypeOf<number>();
      expectTypeOf(Context.random(ctx)).toEqualTypeOf<number>();
      expectTypeOf(Context.uuid(ctx)).toEqualTypeOf<string>();
      expectTypeOf(Context.signal(ctx)).toEqualTypeOf<AbortSignal>();
      expectTypeOf(Context.patched(ctx, "p")).toEqualTypeOf<boolean>();
      expectTypeOf(Context.shield(ctx, (inner) => Step.run(inner, "a", () => 1))).toEqualTypeOf<Promise<number>>();
    });
  });
});

describe("Step.Duration", () => {
  test("is what every option that takes a time is typed by, and tells durations from other text", () => {
    typed(({ ctx, runtime }) => {
      const half: Step.Duration = "12h";
      const rest: Step.Duration = 5_000;
      const flow = Workflow.define({ name: "a", timeout: half, retry: { delay: half, ceiling: rest } }, () => 1);
      void Step.sleep(ctx, "nap", half);
      void Step.run(ctx, "a", () => 1, { timeout: rest });
      void Workflow.start(runtime, flow, undefined, { delay: half });
      void Fault.retryAfter(half);
      expectTypeOf<Parameters<typeof Step.sleep>[2]>().toEqualTypeOf<Step.Duration>();
      // @ts-expect-error: minutes are `5m`
      const minutes: Step.Duration = "5 minutes";
      // @ts-expect-error: any text may be none
      const text: Step.Duration = Context.id(ctx);
      return [minutes, text];
    });
  });
});
