import { describe, expectTypeOf, test } from "bun:test";
import { z } from "zod";
import { Run, Step, Workflow } from "../../src/index.ts";
import type { Context, Runtime } from "../../src/index.ts";
import { typed } from "./typed.ts";

const Order = z.object({ id: z.string(), gift: z.boolean().default(false) });
const Receipt = z.object({ tracking: z.string().transform((text) => text.length) });

type OrderGiven = { id: string; gift?: boolean | undefined };
type OrderParsed = { id: string; gift: boolean };

describe("Workflow.define", () => {
  test("without schemas: what the body says", () => {
    const plain = Workflow.define({ name: "plain" }, async (ctx, n: number) => {
      expectTypeOf(ctx).toEqualTypeOf<Context.Context>();
      return { twice: n * 2 };
    });
    expectTypeOf(plain).toEqualTypeOf<Workflow.Definition<number, { twice: number }>>();
    expectTypeOf(Workflow.define({ name: "sync" }, () => "x")).toEqualTypeOf<Workflow.Definition<unknown, string>>();
    expectTypeOf(Workflow.define({ name: "void" }, async () => {})).toEqualTypeOf<Workflow.Definition<unknown, void>>();
  });

  test("with an input schema: start takes what the schema takes, the body gets what it makes of that", () => {
    const one = Workflow.define({ name: "one", input: Order }, (_, order) => {
      expectTypeOf(order).toEqualTypeOf<OrderParsed>();
      return order.gift;
    });
    expectTypeOf(one).toEqualTypeOf<Workflow.Definition<OrderGiven, boolean>>();
  });

  test("with an output schema: the body answers what the schema takes, the result is what it makes of that", () => {
    const two = Workflow.define({ name: "two", output: Receipt }, async (_, n: number) => ({ tracking: `${n}` }));
    expectTypeOf(two).toEqualTypeOf<Workflow.Definition<number, { tracking: number }>>();
    const both = Workflow.define({ name: "both", input: Order, output: Receipt }, async (_, order) => {
      expectTypeOf(order).toEqualTypeOf<OrderParsed>();
      return { tracking: order.id };
    });
    expectTypeOf(both).toEqualTypeOf<Workflow.Definition<OrderGiven, { tracking: number }>>();
    // @ts-expect-error: the output is not what the schema takes
    Workflow.define({ name: "wrong", output: Receipt }, () => ({ tracking: 5 }));
  });

  test("the spec is checked", () => {
    typed(() => {
      // @ts-expect-error: a workflow has a name
      Workflow.define({ version: 1 }, () => 1);
      // @ts-expect-error: "soon" is no duration
      Workflow.define({ name: "x", timeout: "soon" }, () => 1);
    });
  });
});

describe("Workflow.start", () => {
  const takes = Workflow.define({ name: "takes" }, (_, order: { readonly id: string }) => order.id.length);
  const perhaps = Workflow.define({ name: "perhaps" }, (_, n: number | undefined) => n ?? 0);
  const none = Workflow.define({ name: "none" }, () => true);
  const schema = Workflow.define({ name: "schema", input: Order }, (_, order) => order);

  test("takes the input of the workflow, and answers with a handle on its output", () => {
    typed(({ runtime }) => {
      expectTypeOf(Workflow.start(runtime, takes, { id: "x" })).toEqualTypeOf<Promise<Run.Handle<number>>>();
      expectTypeOf(Workflow.start(runtime, takes, { id: "x" }, { id: "one", delay: "5m", onConflict: "reject" })).toEqualTypeOf<
        Promise<Run.Handle<number>>
      >();
      expectTypeOf(Workflow.start(runtime, schema, { id: "x" })).toEqualTypeOf<Promise<Run.Handle<OrderParsed>>>();
      // @ts-expect-error: the input is missing
      void Workflow.start(runtime, takes);
      // @ts-expect-error: the input is another
      void Workflow.start(runtime, takes, { id: 5 });
      // @ts-expect-error: the input has more than it may
      void Workflow.start(runtime, takes, { id: "x", more: 1 });
      // @ts-expect-error: no such option
      void Workflow.start(runtime, takes, { id: "x" }, { name: "y" });
    });
  });

  test("the input may be left out when it may be undefined", () => {
    typed(({ runtime }) => {
      expectTypeOf(Workflow.start(runtime, perhaps)).toEqualTypeOf<Promise<Run.Handle<number>>>();
      expectTypeOf(Workflow.start(runtime, perhaps, 5)).toEqualTypeOf<Promise<Run.Handle<number>>>();
      expectTypeOf(Workflow.start(runtime, none)).toEqualTypeOf<Promise<Run.Handle<boolean>>>();
      expectTypeOf(Workflow.start(runtime, none, undefined, { id: "one" })).toEqualTypeOf<Promise<Run.Handle<boolean>>>();
      // @ts-expect-error: the input is another
      void Workflow.start(runtime, perhaps, "5");
    });
  });

  test("with a transaction the answer is there at once", () => {
    typed(({ runtime }) => {
      const tx = {} as Workflow.Transaction;
      expectTypeOf(Workflow.start(runtime, takes, { id: "x" }, { tx })).toEqualTypeOf<Run.Handle<number>>();
      expectTypeOf(Workflow.start(runtime, none, undefined, { tx, id: "one" })).toEqualTypeOf<Run.Handle<boolean>>();
    });
  });

  test("a runtime takes workflows of any input and output", () => {
    expectTypeOf<{ workflows: [typeof takes, typeof perhaps, typeof none, typeof schema] }>().toExtend<Runtime.Options>();
    expectTypeOf(takes).toExtend<Workflow.AnyDefinition>();
  });
});

describe("Run", () => {
  const takes = Workflow.define({ name: "takes" }, (_, n: number) => ({ n }));

  test("result, get and fork know the output", () => {
    typed(({ run }) => {
      expectTypeOf(Run.result(run)).toEqualTypeOf<Promise<{ readonly n: number }>>();
      expectTypeOf(Run.get(run)).toEqualTypeOf<Promise<Run.View<{ readonly n: number }>>>();
      expectTypeOf(Run.get(run).then(({ output }) => output)).toEqualTypeOf<Promise<{ readonly n: number } | undefined>>();
      expectTypeOf(Run.fork(run, { from: "a" })).toEqualTypeOf<Promise<Run.Handle<{ readonly n: number }>>>();
    });
  });

  test("of takes the output's type from the workflow, or from the reader", () => {
    typed(({ runtime }) => {
      expectTypeOf(Run.of(runtime, "one", takes)).toEqualTypeOf<Run.Handle<{ n: number }>>();
      expectTypeOf(Run.of<string>(runtime, "one")).toEqualTypeOf<Run.Handle<string>>();
      expectTypeOf(Run.of(runtime, "one")).toEqualTypeOf<Run.Handle>();
    });
  });

  test("state is what the reader says, or unknown", () => {
    typed(({ run }) => {
      expectTypeOf(Run.state(run)).toEqualTypeOf<Promise<unknown>>();
      expectTypeOf(Run.state<{ done: number }>(run)).toEqualTypeOf<Promise<{ done: number } | undefined>>();
    });
  });

  test("list answers with a page, watch with changes told apart by their kind", () => {
    typed(async ({ runtime, run }) => {
      expectTypeOf(Run.list(runtime, { status: ["failed", "blocked"] })).toEqualTypeOf<Promise<Run.Page>>();
      for await (const change of Run.watch(run)) {
        if (change.kind === "record") expectTypeOf(change.record).toEqualTypeOf<Run.Record>();
        else expectTypeOf(change.status).toEqualTypeOf<Run.Status>();
      }
      // @ts-expect-error: no such state
      void Run.list(runtime, { status: "stuck" });
    });
  });

  test("a handle on any output will do where the output does not matter", () => {
    expectTypeOf<Run.Handle<number>>().toExtend<Run.Handle>();
    // @ts-expect-error: another output
    expectTypeOf<Run.Handle<number>>().toExtend<Run.Handle<string>>();
  });
});

describe("children", () => {
  const child = Workflow.define({ name: "child", input: Order }, async (_, order) => order.id.length);
  const none = Workflow.define({ name: "none" }, () => true);

  test("call answers with the child's output, start with its id", () => {
    typed(({ ctx }) => {
      expectTypeOf(Step.call(ctx, child, { id: "x" })).toEqualTypeOf<Promise<number>>();
      expectTypeOf(Step.call(ctx, none, undefined, { name: "other", orphan: "keep" })).toEqualTypeOf<Promise<boolean>>();
      expectTypeOf(Step.start(ctx, child, { id: "x", gift: true })).toEqualTypeOf<Promise<string>>();
      // @ts-expect-error: the input is another
      void Step.call(ctx, child, { id: 5 });
      // @ts-expect-error: the input is another
      void Step.start(ctx, child, "x");
      // @ts-expect-error: no such word for an orphan
      void Step.call(ctx, child, { id: "x" }, { orphan: "forget" });
    });
  });
});
