// A function may answer with an object that throws when it is looked at. Then the attempt fails, as it does from an async function.
import { describe, expect, test } from "bun:test";
import { sql, type SQL } from "drizzle-orm";
import type { z } from "zod";
import { CircuitBreaker, Fault, Run, Signal, Step, Workflow, type Context } from "../../src/index.ts";
import { listening, on, setup } from "../kit/world.ts";
import { story, thrown } from "../face/scene.ts";

/** What a library hands out as a draft, kept after its time: any look at it throws. */
const draft = (): Error => {
  const { proxy, revoke } = Proxy.revocable({ total: 1 }, {});
  revoke();
  return proxy as unknown as Error;
};

/** A `then` is what makes these objects thenables. */
// oxlint-disable-next-line no-thenable
const withThen = (descriptor: PropertyDescriptor): object => Object.defineProperty({}, "then", descriptor);

const unreadable: Readonly<Record<string, () => unknown>> = {
  "a revoked proxy": draft,
  "a getter of then that throws": () =>
    withThen({
      get: () => {
        throw new Error("not now");
      },
    }),
  "a then that throws": () =>
    withThen({
      value: () => {
        throw new Error("not now");
      },
    }),
  "a then that rejects": () => withThen({ value: (_: unknown, reject: (error: Error) => void) => reject(new Error("not now")) }),
  "a then that answers with a revoked proxy": () => withThen({ value: (resolve: (value: unknown) => void) => resolve(draft()) }),
};

const cases = Object.entries(unreadable);
const once = { attempts: 1 } as const;

describe("the function of a step", () => {
  test.each(cases)("answers with %s: attempts, then the step's failure, plain as awaited", async (_, answer) => {
    for (const call of [answer, async () => answer()]) {
      const world = setup();
      let calls = 0;
      const flow = Workflow.define({ name: "flow" }, (ctx) =>
        Step.run(ctx, "edit", () => (calls++, call()), { retry: { attempts: 3, delay: "1s" } }),
      );
      const run = await Workflow.start(await world.open([flow]), flow);
      expect(await thrown(world.result(run))).toMatchObject({ code: "run_failed" });
      expect(calls).toBe(3);
      expect(await story(run)).toEqual(["started", "attempt edit", "attempt edit", "step-failed edit", "failed"]);
    }
  });

  test.each(cases)(
    "answers with %s: the fallback answers, and what was done before is undone when the run fails",
    async (_, answer) => {
      const world = setup();
      const undone: string[] = [];
      const flow = Workflow.define({ name: "flow" }, async (ctx) => {
        await Step.run(ctx, "pay", () => "paid", { undo: () => void undone.push("pay") });
        const instead = await Step.run(ctx, "edit", answer, { retry: once, fallback: () => "as it was" });
        undone.push(String(instead));
        await Step.run(ctx, "send", answer, { retry: once });
      });
      const run = await Workflow.start(await world.open([flow]), flow);
      await thrown(world.result(run));
      expect(undone).toEqual(["as it was", "pay"]);
      expect((await Run.get(run)).status).toBe("failed");
    },
  );

  test.each(cases)("answers with %s behind a breaker: the call counts as failed", async (name, answer) => {
    const world = setup();
    const gate = CircuitBreaker.define(`gate of ${name}`, {});
    const flow = Workflow.define({ name: "flow" }, (ctx) => Step.run(ctx, "edit", answer, { retry: once, breaker: gate }));
    const runtime = await world.open([flow]);
    await thrown(world.result(await Workflow.start(runtime, flow)));
    expect(await CircuitBreaker.state(runtime, gate)).toMatchObject({ failures: 1, successes: 0 });
  });

  test("a then that calls back twice, both ways, and throws afterwards answers once", async () => {
    const world = setup();
    const chatty = {
      // oxlint-disable-next-line no-thenable
      then: (resolve: (value: string) => void, reject: (error: Error) => void) => {
        resolve("first");
        resolve("second");
        reject(new Error("third"));
        throw new Error("fourth");
      },
    };
    const flow = Workflow.define({ name: "flow" }, (ctx) => Step.run(ctx, "a", () => chatty as unknown as Promise<string>));
    const run = await Workflow.start(await world.open([flow]), flow);
    expect(await world.result(run)).toBe("first");
    expect(await story(run)).toEqual(["started", "step a", "completed"]);
  });

  test("a then that never calls back is ended by the step's timeout, and a thenable of a thenable is followed", async () => {
    const world = setup();
    // oxlint-disable-next-line no-thenable
    const thenable = (then: (resolve: (value: unknown) => void) => void): Promise<unknown> => ({ then }) as never;
    const flow = Workflow.define({ name: "flow" }, async (ctx) => [
      await Step.run(ctx, "nested", () => thenable((resolve) => resolve(thenable((inner) => inner("inside"))))),
      await Step.run(ctx, "never", () => thenable(() => {}), {
        timeout: "5s",
        retry: once,
        fallback: (error) => Fault.is(error) && error.code,
      }),
    ]);
    expect(await world.result(await Workflow.start(await world.open([flow]), flow))).toEqual(["inside", "step_timeout"]);
  });
});

describe("other functions of a step", () => {
  test.each(cases)("an undo answers with %s: it is tried again, and is named as failed", async (_, answer) => {
    const world = setup();
    let calls = 0;
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      await Step.run(ctx, "pay", () => 1, { undo: () => (calls++, answer()), undoRetry: { attempts: 2, delay: 10 } });
      throw new Error("no");
    });
    const run = await Workflow.start(await world.open([flow]), flow);
    await thrown(world.result(run));
    expect(calls).toBe(2);
    expect((await Run.get(run)).undo.map(({ key }) => key)).toEqual(["pay"]);
  });

  test.each(cases)("a fallback answers with %s: the step fails", async (_, answer) => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(ctx, "a", () => Promise.reject(new Error("down")), { retry: once, fallback: () => answer() }),
    );
    const run = await Workflow.start(await world.open([flow]), flow);
    expect(await thrown(world.result(run))).toMatchObject({ code: "run_failed" });
    expect(await story(run)).toEqual(["started", "step-failed a", "failed"]);
  });

  test.each(cases)(
    "a transaction answers with %s, or throws a revoked proxy: the step fails and nothing of it is written",
    async (_, answer) => {
      const world = setup();
      await world.ask(sqlOf("create table rows_of_trial (n int)"));
      const flow = Workflow.define({ name: "flow" }, async (ctx) => {
        const insert = async (what: () => unknown): Promise<unknown> => {
          const write = sqlOf("insert into rows_of_trial values (1)");
          const failed = Step.transaction(
            ctx,
            "write",
            world.db as never,
            ((tx: Tx) => (on === "sqlite" ? (tx.run(write), what()) : tx.execute(write).then(what))) as never,
            { retry: once },
          );
          return failed.then(
            () => "written",
            () => "failed",
          );
        };
        return [
          await insert(answer),
          await insert(() => {
            throw draft();
          }),
        ];
      });
      const run = await Workflow.start(await world.open([flow]), flow);
      expect(await world.result(run)).toEqual(["failed", "failed"]);
      expect(await world.ask(sqlOf("select n from rows_of_trial"))).toEqual([]);
    },
  );

  test("on SQLite an async function in a transaction that rejects fails its step, and no rejection is left over", async () => {
    if (on !== "sqlite") return;
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.transaction(ctx, "write", world.db as never, (async () => Promise.reject(new Error("late"))) as never),
    );
    const run = await Workflow.start(await world.open([flow]), flow);
    expect((await thrown(world.result(run))).cause).toMatchObject({ code: "async_transaction" });
  });
});

describe("predicates", () => {
  const answers = (when: () => unknown) => async (): Promise<{ calls: number; said: string }> => {
    const world = setup();
    const { logger, lines } = listening("warn");
    let calls = 0;
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(ctx, "a", () => Promise.reject(new Error(`no ${++calls}`)), {
        retry: { attempts: 3, delay: 10, when: when as () => boolean },
      }),
    );
    await thrown(world.result(await Workflow.start(await world.open([flow], { logger }), flow)));
    return { calls, said: lines.map(({ msg }) => msg).join() };
  };

  test("a when that throws ends the attempts, and the log says so", async () => {
    const { calls, said } = await answers(() => {
      throw draft();
    })();
    expect(calls).toBe(1);
    expect(said).toContain('retry.when of step "a" threw');
  });

  test("a when that answers with a promise is not waited for, and its rejection ends no process", async () => {
    const { calls, said } = await answers(() => Promise.reject(new Error("unseen")))();
    expect(calls).toBe(3);
    expect(said).toContain("answered with a promise");
  });

  test("a when that answers with a revoked proxy ends the attempts", async () => {
    expect((await answers(draft)()).calls).toBe(1);
  });
});

describe("what else comes from users", () => {
  test("an error that looks like a Fault and is not readable is tried again by the usual backoff", async () => {
    const world = setup();
    const forged = [
      { name: "Fault", code: "retry_after" },
      { name: "Fault", code: "retry_after", data: null },
      { name: "Fault", code: "retry_after", data: { delay: "soon" } },
      { name: "Fault", code: "retry_after", data: { delay: NaN } },
      Object.defineProperty({ name: "Fault", code: "retry_after" }, "data", {
        get: () => {
          throw new Error("no");
        },
      }),
    ];
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(
        ctx,
        "a",
        ({ attempt }) => {
          const error = forged[attempt - 1];
          if (error) throw error as unknown as Error;
          return attempt;
        },
        { retry: { attempts: 9, delay: 10 } },
      ),
    );
    expect(await world.result(await Workflow.start(await world.open([flow]), flow))).toBe(6);
  });

  test("a branch that throws a revoked proxy still cancels the others", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const other = Step.all(ctx, "both", {
        bad: async (ctx: Context.Context) => {
          await Step.run(ctx, "first", () => 1);
          throw draft();
        },
        good: (ctx) => Step.sleep(ctx, "long", "30d"),
      });
      return other.then(
        () => "done",
        (error: unknown) => typeof error,
      );
    });
    const run = await Workflow.start(await world.open([flow]), flow);
    expect(await world.result(run, 86_400_000)).toBe("object");
  });

  test("the items of a map and of a chain that cannot be read fail the run", async () => {
    const world = setup();
    const items = { [Symbol.iterator]: () => draft() } as unknown as Iterable<number>;
    const map = Workflow.define({ name: "map" }, (ctx) => Step.map(ctx, "each", items, (_, n) => n));
    const chain = Workflow.chain({ name: "chain" })
      .map(
        "each",
        () => items,
        (n: number) => n,
      )
      .output();
    const output = Workflow.define({ name: "output" }, () => draft());
    const runtime = await world.open([map, chain, output]);
    for (const flow of [map, chain, output]) {
      const run = await Workflow.start(runtime, flow as Workflow.Definition<undefined>, undefined);
      await thrown(world.result(run));
      expect([flow.name, (await Run.get(run)).status]).toEqual([flow.name, "failed"]);
    }
  });

  const schemas: Readonly<Record<string, unknown>> = {
    "a result that cannot be read": draft(),
    "no result": undefined,
    "issues that cannot be read": { issues: [draft()] },
    "issues that are no list": { issues: 7 },
    "a promise of an unreadable result": Promise.resolve({
      get issues() {
        throw new Error("no");
      },
    }),
  };
  const schemaOf = (result: unknown): z.ZodType =>
    ({ "~standard": { version: 1, vendor: "trial", validate: () => result } }) as unknown as z.ZodType;

  test.each(Object.entries(schemas))(
    "a schema with %s is a broken schema, at the start, the signal and the output",
    async (_, result) => {
      const world = setup();
      const schema = schemaOf(result);
      const signal = Signal.define("signal", schema);
      const flow = Workflow.define({ name: "flow", input: schema }, () => 1);
      const late = Workflow.define({ name: "late", output: schema }, () => 1);
      const runtime = await world.open([flow, late]);
      expect(await thrown(Workflow.start(runtime, flow, 1))).toMatchObject({ code: "invalid_input" });
      const run = await Workflow.start(runtime, late);
      expect(await thrown(Signal.send(run, signal, 1))).toMatchObject({ code: "invalid_input" });
      expect((await thrown(world.result(run))).cause).toMatchObject({ code: "invalid_output" });
    },
  );

  test("a schema may answer with a thenable of its own making", async () => {
    const world = setup();
    // oxlint-disable-next-line no-thenable
    const schema = schemaOf({ then: (resolve: (value: unknown) => void) => resolve({ value: 7 }) });
    const flow = Workflow.define({ name: "flow", input: schema }, (_, n) => n);
    expect(await world.result(await Workflow.start(await world.open([flow]), flow, 1))).toBe(7);
  });
});

type Tx = { readonly run: (query: unknown) => unknown; readonly execute: (query: unknown) => Promise<unknown> };

const sqlOf = (text: string): SQL => sql.raw(text);
