// Own fields of an error come back with it, also those that are not enumerable. What cannot be kept is named.
import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { Run, Step, Workflow } from "../../src/index.ts";
import { fromError, toError } from "../../src/model/failure.ts";
import { setup } from "../kit/world.ts";

const hidden = (error: Error, fields: Readonly<Record<string, PropertyDescriptor>>): Error =>
  Object.defineProperties(error, fields);
const read = (error: Error, key: string): unknown => (error as unknown as Record<string, unknown>)[key];
const kept = (thrown: unknown): Error => toError(fromError(thrown));

test("the issues of a zod error reach the body, live and in a replay", async () => {
  const world = setup();
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    try {
      return await Step.run(ctx, "read", () => z.object({ n: z.number() }).parse({ n: "x" }), { retry: { attempts: 1 } });
    } catch (error) {
      await Step.sleep(ctx, "later", "1m");
      return [(error as Error).name, (error as z.ZodError).issues.map(({ path }) => path.join("."))];
    }
  });
  const runtime = await world.open([flow], { hot: 0 });
  const run = await Workflow.start(runtime, flow);
  expect(await world.result(run)).toEqual(["ZodError", ["n"]]);
  const record = (await Run.history(run)).find(({ kind }) => kind === "step-failed");
  const dropped = (record?.value as { readonly dropped?: readonly string[] } | undefined)?.dropped;
  expect(dropped?.join()).toContain("_zod");
});

describe("own fields", () => {
  test("that are not enumerable are kept, those of the platform's errors are not", () => {
    const error = hidden(new Error("no"), { status: { value: 409 }, body: { value: { reason: "taken" }, enumerable: false } });
    expect([read(kept(error), "status"), read(kept(error), "body")]).toEqual([409, { reason: "taken" }]);
    expect(fromError(new Error("no"))).not.toHaveProperty("fields");
    for (const make of [() => JSON.parse("{") as unknown, () => (undefined as unknown as { a: number }).a]) {
      try {
        make();
      } catch (thrown) {
        expect(fromError(thrown)).not.toHaveProperty("fields");
        expect(fromError(thrown)).not.toHaveProperty("dropped");
      }
    }
  });

  test("an error in a hidden field is kept as an error, with its own hidden fields", () => {
    const inner = hidden(new RangeError("inner"), { sku: { value: 7 } });
    const back = read(kept(hidden(new Error("no"), { original: { value: inner } })), "original") as Error;
    expect([back.name, back.message, read(back, "sku")]).toEqual(["RangeError", "inner", 7]);
  });

  test("that cannot be kept are named: hidden functions, symbols as keys, long names, more than fit", () => {
    const dropped = (error: Error): string => (fromError(error).dropped ?? []).join("\n");
    expect(dropped(hidden(new Error("no"), { retry: { value: () => 1 } }))).toContain("retry: a function");
    expect(dropped(Object.assign(new Error("no"), { [Symbol("trace")]: 1 }))).toContain("Symbol(trace): a symbol as its key");
    expect(dropped(Object.assign(new Error("no"), { ["x".repeat(201)]: 1 }))).toContain("1 fields with names of more than 200");
    const many = Object.fromEntries(Array.from({ length: 70 }, (_, n) => [`field${n}`, { value: n }]));
    expect(dropped(hidden(new Error("no"), many))).toContain("6 more fields");
  });

  test("a getter of the error's class is not called, and one of its own that throws leaves the rest", () => {
    let calls = 0;
    class Lazy extends Error {
      get connection(): number {
        return ++calls;
      }
    }
    const error = hidden(new Lazy("no"), {
      bad: {
        get: () => {
          throw new Error("touched");
        },
      },
      good: { get: () => 1 },
    });
    const failure = fromError(error);
    expect([calls, failure.name, failure.fields]).toEqual([0, "Lazy", { good: 1 }]);
  });

  test("a huge hidden field is left out and named, and the others are kept", () => {
    const failure = fromError(hidden(new Error("no"), { body: { value: "x".repeat(100_000) }, status: { value: 500 } }));
    expect(failure.fields).toEqual({ status: 500 });
    expect(failure.dropped?.join()).toContain("body: too large here");
  });
});
