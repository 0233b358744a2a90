// Schemas are applied to children that are new. What the history has of a child counts, whatever the schema says by now.
import { describe, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { z } from "zod";
import { Context, Run, Signal, Step, Workflow } from "../../src/index.ts";
import { setup, type World } from "../kit/world.ts";
import { story, thrown } from "../face/scene.ts";

const go = Signal.define("go");
type Body = (ctx: Context.Context, child: Workflow.Definition<never>) => Promise<unknown>;

/** A parent and its child, as one deploy has them. */
const deploy = (input: z.ZodType, body: Body) => {
  const child = Workflow.define({ name: "child", input }, (_, given) => given);
  const parent = Workflow.define({ name: "parent" }, (ctx) => body(ctx, child as never));
  return [parent, child] as const;
};

const loose = z.object({ n: z.number() });
const strict = z.object({ n: z.number(), reason: z.string() });

/** Runs the parent with the first schema for a minute, then goes on with the second in another process. */
const across = async (world: World, body: Body, [before, after]: readonly [z.ZodType, z.ZodType]) => {
  const first = deploy(before, body);
  const one = await world.open([...first]);
  await Workflow.start(one, first[0], undefined, { id: "p" });
  await world.clock.advance(60_000);
  await world.crash(one);
  await world.ask(sql`update holdfast_runs set wake_at = 0 where ended_at is null and status <> 'waiting'`);
  const runtime = await world.open([...deploy(after, body)]);
  const run = Run.of(runtime, "p");
  await Signal.send(run, go, undefined);
  await world.clock.advance(5_000);
  return { run, runtime };
};

const bodies: Readonly<Record<string, Body>> = {
  "Step.call": async (ctx, child) => {
    const answer = await Step.call(ctx, child, { n: 1 } as never);
    await Step.wait(ctx, go);
    return answer;
  },
  "Step.start": async (ctx, child) => {
    const answer = await Step.start(ctx, child, { n: 1 } as never);
    await Step.wait(ctx, go);
    return answer;
  },
  "a call that loses a race and is still open": async (ctx, child) => {
    void Step.call(ctx, child, { n: 1 } as never);
    await Step.wait(ctx, go);
    return "waited";
  },
  "Step.map of calls": async (ctx, child) => {
    const answers = await Step.map(ctx, "each", [1, 2], (ctx, n) => Step.call(ctx, child, { n } as never));
    await Step.wait(ctx, go);
    return answers;
  },
};
const results: Readonly<Record<string, unknown>> = {
  "Step.call": { n: 1 },
  "Step.start": "p/child",
  "a call that loses a race and is still open": "waited",
  "Step.map of calls": [{ n: 1 }, { n: 2 }],
};

describe("a schema that got stricter in a deploy", () => {
  test.each(Object.entries(bodies))("is not applied to the recorded child of %s", async (name, body) => {
    const world = setup();
    const { run } = await across(world, body, [loose, strict]);
    expect(await world.result(run)).toEqual(results[name] as never);
  });

  test.each(["call", "start"] as const)("is not applied to the recorded %s of a chain", async (verb) => {
    const world = setup();
    const flow = (input: z.ZodType) => {
      const child = Workflow.define({ name: "child", input }, (_, given) => given);
      const begun = Workflow.chain({ name: "parent" });
      const given = (): never => ({ n: 1 }) as never;
      const chain = verb === "call" ? begun.call("child", child, given) : begun.start("child", child, given);
      const parent = chain.wait("go", go).output();
      return [parent as unknown as Workflow.Definition, child] as const;
    };
    const first = flow(loose);
    const one = await world.open([...first]);
    await Workflow.start(one, first[0], undefined, { id: "p" });
    await world.clock.advance(60_000);
    await world.crash(one);
    const run = Run.of(await world.open([...flow(strict)]), "p");
    await Signal.send(run, go, undefined);
    expect(await world.result(run)).toMatchObject({ child: verb === "call" ? { n: 1 } : "p/child" });
  });

  test("its own code does not run in a replay", async () => {
    const world = setup();
    let judged = 0;
    const counting = loose.refine(() => ++judged > 0);
    const { run } = await across(world, bodies["Step.call"] as Body, [counting, counting]);
    await world.result(run);
    expect(judged).toBe(1);
  });

  test("is applied to what is new after the replay", async () => {
    const world = setup();
    const body: Body = async (ctx, child) => {
      await Step.call(ctx, child, { n: 1 } as never);
      await Step.wait(ctx, go);
      return Step.call(ctx, child, { n: 2 } as never).catch((error: { code: string }) => error.code);
    };
    const { run } = await across(world, body, [loose, strict]);
    expect(await world.result(run)).toBe("invalid_input");
    expect((await story(run)).filter((line) => line.includes("child"))).toEqual([
      "calling child",
      "called child",
      "call-failed child#2",
    ]);
  });
});

test("a schema that looks at the clock is asked once: unchanged code replays", async () => {
  const world = setup();
  const future = z.date().refine((date) => date.getTime() > world.clock.now(), "must be in the future");
  const remind = Workflow.define({ name: "remind", input: future }, async (ctx, at) => {
    await Step.sleepUntil(ctx, "until", at);
    return "reminded";
  });
  const parent = Workflow.define({ name: "parent" }, async (ctx) => {
    const answer = await Step.call(ctx, remind, new Date(Context.now(ctx) + 400));
    await Step.sleep(ctx, "later", "300ms");
    return answer;
  });
  const runtime = await world.open([parent, remind], { hot: 0 });
  expect(await world.result(await Workflow.start(runtime, parent))).toBe("reminded");
});

describe("an input that is refused", () => {
  const refusing: Body = async (ctx, child) => {
    const codes: unknown[] = [];
    const told = (error: { code: string }): void => void codes.push(error.code);
    await Step.call(ctx, child, { n: "x" } as never).catch(told);
    await Step.start(ctx, child, { n: "x" } as never, { name: "second" }).catch(told);
    await Step.call(ctx, child, (() => 1) as never, { name: "third" }).catch(told);
    await Step.wait(ctx, go);
    return codes;
  };

  test("is recorded, and refused again in each replay, also when the schema would take it by then", async () => {
    const world = setup();
    const anything = z.any();
    const { run } = await across(world, refusing, [loose, anything]);
    expect(await world.result(run)).toEqual(["invalid_input", "invalid_input", "invalid_input"]);
    expect(await story(run)).toEqual([
      "started",
      "call-failed child",
      "spawn-failed second",
      "call-failed third",
      "waiting go",
      "taken go",
      "completed",
    ]);
  });

  test("of a value that cannot be kept is invalid_value, and one that is too large value_too_large", async () => {
    const world = setup();
    const child = Workflow.define({ name: "child" }, (_, given: unknown) => given);
    const parent = Workflow.define({ name: "parent" }, async (ctx) => {
      const codes: string[] = [];
      for (const input of [() => 1, "x".repeat(2_000)])
        await Step.call(ctx, child, input).catch((error: { code: string }) => codes.push(error.code));
      await Step.sleep(ctx, "nap", "1m");
      return codes;
    });
    const runtime = await world.open([parent, child], { hot: 0, payload: 1_000 });
    expect(await world.result(await Workflow.start(runtime, parent))).toEqual(["invalid_value", "value_too_large"]);
  });

  test("rejects in the order of the records, live as in a replay, beside other branches", async () => {
    const world = setup();
    const orders: string[] = [];
    const body: Body = async (ctx, child) => {
      const order: string[] = [];
      const said = (what: string) => () => void order.push(what);
      await Promise.allSettled([
        Step.run(ctx, "a", () => 1).then(said("a")),
        Step.call(ctx, child, { n: "x" } as never).catch(said("refused")),
        Step.run(ctx, "b", () => 1).then(said("b")),
      ]);
      orders.push(order.join());
      await Step.wait(ctx, go);
      return order.join();
    };
    const { run } = await across(world, body, [loose, loose]);
    const last = await world.result(run);
    expect(orders.length).toBeGreaterThan(1);
    expect(new Set([...orders, last])).toEqual(new Set([orders[0]]));
  });

  test("is what the input was when it was asked for, not what became of it", async () => {
    const world = setup();
    const body: Body = async (ctx, child) => {
      const input = { n: 1 };
      const answer = Step.call(ctx, child, input as never);
      input.n = 2;
      return answer;
    };
    const [parent, child] = deploy(loose, body);
    expect(await world.result(await Workflow.start(await world.open([parent, child]), parent))).toEqual({ n: 1 });
  });

  test("fails the run, and after the schema is mended Run.retry starts the child", async () => {
    for (const verb of [Step.call, Step.start]) {
      const world = setup();
      const body: Body = (ctx, child) => (verb as typeof Step.call)(ctx, child, { n: 1 } as never);
      const first = deploy(strict, body);
      const one = await world.open([...first]);
      const failed = await Workflow.start(one, first[0], undefined, { id: "p" });
      expect((await thrown(world.result(failed))).cause).toMatchObject({ code: "invalid_input" });
      await world.crash(one);
      const run = Run.of(await world.open([...deploy(loose, body)]), "p");
      await Run.retry(run);
      expect(await world.result(run)).toEqual((verb === Step.call ? { n: 1 } : "p/child") as never);
    }
  });

  test("by an asynchronous schema that rejects leaves no rejection behind", async () => {
    const world = setup();
    const late = { "~standard": { version: 1, vendor: "trial", validate: () => Promise.reject(new Error("late")) } } as never;
    const [parent, child] = deploy(late, (ctx, child) => Step.call(ctx, child, 1 as never));
    const run = await Workflow.start(await world.open([parent, child]), parent);
    expect((await thrown(world.result(run))).cause.message).toContain("asynchronous");
  });
});

test("a start whose process died between the child and the answer goes on with the child that is there", async () => {
  const world = setup();
  const body: Body = async (ctx, child) => {
    const id = await Step.start(ctx, child, { n: 1 } as never);
    await Step.wait(ctx, go);
    return id;
  };
  const first = deploy(loose, body);
  const one = await world.open([...first]);
  await Workflow.start(one, first[0], undefined, { id: "p" });
  await world.clock.advance(60_000);
  await world.crash(one);
  // What a crash right after the commit of the child leaves.
  await world.ask(sql`delete from holdfast_history where kind in ('spawned', 'waiting')`);
  await world.ask(sql`update holdfast_runs set wake_at = 0 where ended_at is null`);
  const run = Run.of(await world.open([...deploy(strict, body)]), "p");
  await Signal.send(run, go, undefined);
  expect(await world.result(run)).toBe("p/child");
});

describe("histories of 0.1, which hold nothing of a refused input", () => {
  /** As 0.1 wrote them: refused calls left no record and took no key, and no note has an attempt. */
  const older = async (world: World, body: Body, records: readonly (readonly [string, string, string | null])[]) => {
    const flow = deploy(loose, async (ctx) => Step.wait(ctx, go));
    const one = await world.open([...flow]);
    await Workflow.start(one, flow[0], undefined, { id: "p" });
    await world.clock.advance(1_000);
    await world.crash(one);
    const [row] = await world.ask<{ key: number }>(sql`select r.key from holdfast_runs as r where r.id = 'p'`);
    await world.ask(sql`delete from holdfast_history where run = ${row?.key} and seq > 0`);
    let seq = 0;
    for (const [kind, key, value] of records)
      await world.ask(
        sql`insert into holdfast_history (run, seq, kind, ${sql.identifier("key")}, value, issued, at) values (${row?.key}, ${++seq}, ${kind}, ${key}, ${value}, ${seq - 1}, ${world.clock.now()})`,
      );
    await world.ask(sql`update holdfast_runs set wake_at = 0, status = 'queued' where id = 'p'`);
    const run = Run.of(await world.open([...deploy(loose, body)]), "p");
    await Signal.send(run, go, undefined);
    await world.clock.advance(5_000);
    return run;
  };
  const bad = { n: "x" } as never;
  const good = { n: 1 } as never;

  test("a body that called again with another input gets its result again", async () => {
    const world = setup();
    const run = await older(
      world,
      async (ctx, child) => {
        const first = await Step.call(ctx, child, bad).catch((error: { code: string }) => error.code);
        const second = await Step.call(ctx, child, good);
        await Step.wait(ctx, go);
        return [first, second];
      },
      [
        ["calling", "child", '"p/child"'],
        ["called", "child", '{"n":1}'],
      ],
    );
    expect(await world.result(run)).toEqual(["invalid_input", { n: 1 }]);
  });

  test("a body that did something else goes on with that", async () => {
    const world = setup();
    let calls = 0;
    const run = await older(
      world,
      async (ctx, child) => {
        const first = await Step.call(ctx, child, bad).catch((error: { code: string }) => error.code);
        const second = await Step.run(ctx, "instead", () => ++calls);
        await Step.wait(ctx, go);
        return [first, second];
      },
      [["step", "instead", "7"]],
    );
    expect(await world.result(run)).toEqual(["invalid_input", 7]);
    expect(calls).toBe(0);
  });
});

describe("a blocked run whose code throws", () => {
  test("says what it throws, in a bounded text", async () => {
    const world = setup();
    const thrower =
      (fails: boolean): Body =>
      async (ctx) => {
        if (fails) throw Object.assign(new RangeError("out of stock ".repeat(400)), { code: "E_STOCK" });
        await Step.run(ctx, "a", () => 1);
        await Step.wait(ctx, go);
      };
    const first = deploy(loose, thrower(false));
    const one = await world.open([...first]);
    await Workflow.start(one, first[0], undefined, { id: "p" });
    await world.clock.advance(1_000);
    await world.crash(one);
    await world.ask(sql`update holdfast_runs set wake_at = 0 where ended_at is null`);
    const run = Run.of(await world.open([...deploy(loose, thrower(true))]), "p");
    await world.clock.advance(5_000);
    const { status, reason } = await Run.get(run);
    expect(status).toBe("blocked");
    expect(reason).toMatchObject({ code: "history_mismatch", is: "throws here" });
    expect(reason?.message).toContain("the code now throws here (RangeError E_STOCK: out of stock out of stock");
    expect(reason?.message.length).toBeLessThan(1_000);
  });
});
