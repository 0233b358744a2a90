import { describe, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { z } from "zod";
import { Run, Signal, Step, Workflow } from "../../src/index.ts";
import { runToEnd, setup, on } from "../kit/world.ts";
import { approved, failureOf, fulfilWith, keysOf } from "./fulfil.ts";

const order = { id: "o-1", lines: ["tea", "cups"] };

describe("the chain of the design", () => {
  test("runs its steps in their order and answers with its output", async () => {
    const world = setup();
    const said: string[] = [];
    const fulfil = fulfilWith(said);
    const runtime = await world.open([fulfil]);
    const run = await Workflow.start(runtime, fulfil, order, { id: "one" });
    expect(await world.result(run)).toEqual({ tracking: "t-o-1", by: undefined });
    expect(said).toEqual(["hold", "charge one/payment", "label", "mail o-1"]);
    expect(await keysOf(run)).toEqual(["hold", "payment", "cooling-off", "label", "mail"]);
  });

  test("takes the way of a condition that holds", async () => {
    const world = setup();
    const fulfil = fulfilWith([]);
    const runtime = await world.open([fulfil]);
    const run = await Workflow.start(runtime, fulfil, { ...order, amount: 500 });
    await world.clock.advance(1_000);
    expect((await Run.get(run)).status).toBe("waiting");
    await Signal.send(run, approved, { by: "Ada" });
    expect(await world.result(run)).toEqual({ tracking: "t-o-1", by: "Ada" });
    expect(await keysOf(run)).toEqual(["hold", "payment", "approval", "cooling-off", "label", "mail"]);
  });

  test("checks the input by its schema, and takes what the schema makes of it", async () => {
    const world = setup();
    const fulfil = fulfilWith([]);
    const runtime = await world.open([fulfil]);
    // @ts-expect-error: the lines are missing
    expect(await failureOf(Workflow.start(runtime, fulfil, { id: "o-2" }))).toMatchObject({ code: "invalid_input" });
    expect((await Run.get(await Workflow.start(runtime, fulfil, order))).input).toEqual({ ...order, amount: 1 });
  });
});

describe("each kind of node", () => {
  test("wait: the value of the signal, or undefined when its time is over", async () => {
    const world = setup();
    const chain = Workflow.chain({ name: "waits" }).wait("first", approved, { timeout: "1d" }).wait("second", approved).output();
    const runtime = await world.open([chain]);
    const run = await Workflow.start(runtime, chain);
    await world.clock.advance(86_400_000);
    await Signal.send(run, approved, { by: "Ada" });
    expect(await world.result(run)).toEqual({ first: undefined, second: { by: "Ada" } });
    expect(await keysOf(run)).toEqual(["first", "second"]);
  });

  test("sleep and sleepUntil: a time or a moment, said or computed", async () => {
    const world = setup();
    const start = world.clock.now();
    const chain = Workflow.chain<{ readonly pause: number; readonly moment: number }>({ name: "sleeps" })
      .sleep("said", "1h")
      .sleep("computed", ({ input }) => input.pause)
      .sleepUntil("moment", new Date(start + 10_000_000))
      .sleepUntil("late", ({ input }) => input.moment)
      .output();
    const runtime = await world.open([chain]);
    const run = await Workflow.start(runtime, chain, { pause: 5_000, moment: start + 20_000_000 });
    expect(await world.result(run)).toEqual({});
    const fired = (await Run.history(run)).filter(({ kind }) => kind === "fired");
    expect(fired.map(({ key, at }) => [key, at - start])).toEqual([
      ["said", 3_600_000],
      ["computed", 3_605_000],
      ["moment", 10_000_000],
      ["late", 20_000_000],
    ]);
  });

  test("call: the child's output; start: its id", async () => {
    const world = setup();
    const double = Workflow.define({ name: "double" }, (ctx, n: number) => Step.run(ctx, "double", () => n * 2));
    const chain = Workflow.chain<number>({ name: "parent" })
      .call("twice", double, ({ input }) => input)
      .call("named", double, ({ twice }) => twice, { id: ({ twice }) => `child-${twice}` })
      .start("away", double, ({ named }) => named, { tags: ["aside"] })
      .output();
    const runtime = await world.open([chain, double]);
    const run = await Workflow.start(runtime, chain, 3, { id: "p" });
    expect(await world.result(run)).toEqual({ twice: 6, named: 12, away: "p/away" });
    expect(await world.result(Run.of(runtime, "child-6", double))).toBe(12);
    expect(await world.result(Run.of(runtime, "p/away", double))).toBe(24);
    expect((await Run.get(Run.of(runtime, "p/away"))).tags).toEqual(["aside"]);
  });

  test("a chain is a child like any other workflow", async () => {
    const world = setup();
    const inner = Workflow.chain<number>({ name: "inner" })
      .step("plus", ({ input }) => input + 1)
      .output(({ plus }) => plus);
    const outer = Workflow.chain<number>({ name: "outer" })
      .call("sum", inner, ({ input }) => input * 10)
      .output(({ sum }) => sum);
    const runtime = await world.open([inner, outer]);
    expect(await runToEnd(world, runtime, outer, 4)).toBe(41);
  });

  test("map: a step for each item, at most `limit` at a time, in the order of the items", async () => {
    const world = setup();
    let busy = 0;
    let most = 0;
    const chain = Workflow.chain<readonly number[]>({ name: "maps" })
      .step("base", () => 100)
      .map(
        "sums",
        ({ input }) => input,
        async (n, { base }, { key }) => {
          most = Math.max(most, ++busy);
          await new Promise(setImmediate);
          busy--;
          return `${base + n} ${key}`;
        },
        { limit: 2 },
      )
      .output(({ sums }) => sums);
    const runtime = await world.open([chain]);
    const run = await Workflow.start(runtime, chain, [3, 1, 2], { id: "m" });
    expect(await world.result(run)).toEqual(["103 m/sums[0]", "101 m/sums[1]", "102 m/sums[2]"]);
    expect(most).toBe(2);
    expect(new Set(await keysOf(run))).toEqual(new Set(["base", "sums[0]", "sums[1]", "sums[2]"]));
  });

  test("map over nothing", async () => {
    const world = setup();
    const chain = Workflow.chain({ name: "empty" })
      .map(
        "none",
        () => [],
        (item: number) => item,
      )
      .output();
    expect(await runToEnd(world, await world.open([chain]), chain, undefined)).toEqual({ none: [] });
  });

  test("parallel: branches at the same time, with options, at most `limit` at a time", async () => {
    const world = setup();
    let tries = 0;
    const chain = Workflow.chain({ name: "both" })
      .parallel(
        {
          a: () => 1,
          b: {
            run: () => {
              tries++;
              throw new Error("no");
            },
            retry: { attempts: 3, delay: 0 },
            fallback: () => "instead",
          },
          c: () => undefined,
        },
        { limit: 1 },
      )
      .output();
    const runtime = await world.open([chain]);
    expect(await runToEnd(world, runtime, chain, undefined)).toEqual({ a: 1, b: "instead", c: undefined });
    expect(tries).toBe(3);
  });

  test("parallel: the first failure stops the others and the run", async () => {
    const world = setup();
    const stopped = Promise.withResolvers<string>();
    const chain = Workflow.chain({ name: "fails" })
      .parallel({
        slow: (_, { signal }) =>
          new Promise((_resolve, reject) =>
            signal.addEventListener("abort", () => (stopped.resolve("stopped"), reject(new Error("stopped")))),
          ),
        bad: { run: () => Promise.reject(new Error("bad")), retry: { attempts: 1 } },
      })
      .output();
    const runtime = await world.open([chain]);
    expect(await failureOf(runToEnd(world, runtime, chain, undefined))).toMatchObject({
      code: "run_failed",
      cause: { message: "bad" },
    });
    expect(await stopped.promise).toBe("stopped");
  });

  test.skipIf(on !== "sqlite")("transaction: its rows and its result are one commit", async () => {
    const world = setup();
    world.db.run(sql`create table ledger (entry text not null) strict`);
    const chain = Workflow.chain<string>({ name: "books" })
      .step("amount", () => 7)
      .transaction("entry", world.db, (tx, { input, amount }, { key }) => {
        tx.run(sql`insert into ledger values (${input})`);
        return `${amount} ${key}`;
      })
      .output(({ entry }) => entry);
    const runtime = await world.open([chain]);
    const run = await Workflow.start(runtime, chain, "tea", { id: "t" });
    expect(await world.result(run)).toBe("7 t/entry");
    expect(world.db.all<{ entry: string }>(sql`select entry from ledger`)).toEqual([{ entry: "tea" }]);
  });

  test("publish: the state is there to be read while the run goes on", async () => {
    const world = setup();
    const chain = Workflow.chain({ name: "tells" })
      .step("a", () => 1)
      .publish(({ a }) => ({ done: a }))
      .sleep("nap", "1d")
      .output();
    const runtime = await world.open([chain]);
    const run = await Workflow.start(runtime, chain);
    await world.clock.advance(1_000);
    expect(await Run.state(run)).toEqual({ done: 1 });
    await world.result(run);
  });

  test("step: retries, a timeout and a fallback that knows the results", async () => {
    const world = setup();
    const attempts: number[] = [];
    const chain = Workflow.chain<string>({ name: "tries" })
      .step(
        "hard",
        (_, { attempt }) => {
          attempts.push(attempt);
          throw new Error(`no ${attempt}`);
        },
        {
          retry: { attempts: 2, delay: 0 },
          fallback: ({ input }, error, { key }) => `${input}: ${(error as Error).message} ${key}`,
        },
      )
      .step("slow", () => new Promise<string>(() => {}), {
        timeout: "5s",
        retry: { attempts: 1 },
        fallback: ({ hard }) => hard.length,
      })
      .output();
    const runtime = await world.open([chain]);
    const run = await Workflow.start(runtime, chain, "in", { id: "s" });
    expect(await world.result(run)).toEqual({ hard: "in: no 2 s/hard", slow: 15 });
    expect(attempts).toEqual([1, 2]);
  });
});

describe("output", () => {
  test("without a function it is all results but the input", async () => {
    const world = setup();
    const chain = Workflow.chain<string>({ name: "all" })
      .step("a", () => 1)
      .when(
        () => false,
        (c) => c.step("b", () => 2),
      )
      .sleep("nap", 1)
      .output();
    expect(await runToEnd(world, await world.open([chain]), chain, "in")).toEqual({ a: 1 } as { a: number; b: undefined });
  });

  test("with a schema it is checked, and typed by what the schema makes of it", async () => {
    const world = setup();
    const chain = Workflow.chain<string>({ name: "checked" }).output(
      ({ input }) => ({ word: input }),
      z.object({ word: z.string().min(2), n: z.number().default(3) }),
    );
    const runtime = await world.open([chain]);
    expect(await runToEnd(world, runtime, chain, "yes")).toEqual({ word: "yes", n: 3 });
    expect(await failureOf(runToEnd(world, runtime, chain, "n"))).toMatchObject({ cause: { code: "invalid_output" } });
  });

  test("a chain without a step is a workflow too", async () => {
    const world = setup();
    const chain = Workflow.chain<number>({ name: "none" }).output(({ input }) => input + 1);
    expect(await runToEnd(world, await world.open([chain]), chain, 1)).toBe(2);
  });

  test("a condition or an output that throws fails the run", async () => {
    const world = setup();
    const no = (): never => {
      throw new Error("no");
    };
    const first = Workflow.chain({ name: "first" })
      .when(no, (c) => c)
      .output();
    const second = Workflow.chain({ name: "second" }).output(no);
    const runtime = await world.open([first, second]);
    expect(await failureOf(runToEnd(world, runtime, first, undefined))).toMatchObject({
      code: "run_failed",
      cause: { message: "no" },
    });
    expect(await failureOf(runToEnd(world, runtime, second, undefined))).toMatchObject({
      code: "run_failed",
      cause: { message: "no" },
    });
  });
});
