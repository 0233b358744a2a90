// Where ordinary code meets the engine's edges: order, rejections nobody looks at, slots and memory.
import { describe, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import type { Fault } from "../../src/index.ts";
import { Context, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { runToEnd, setup } from "../kit/world.ts";

const go = Signal.define<string>("go");

test("a race of a step and a sleep keeps its winner over 100 replays", async () => {
  const world = setup();
  const winners: string[] = [];
  let begun = 0;
  const slow = (ms: number) => (): Promise<string> => {
    begun++;
    return new Promise((resolve) => void world.clock.at(world.clock.now() + ms, () => resolve("step")));
  };
  const racing = Workflow.define<number, string>({ name: "racing" }, async (ctx, ms) => {
    const winner = await Promise.race([Step.run(ctx, "step", slow(ms)), Step.sleep(ctx, "sleep", "1m").then(() => "sleep")]);
    winners.push(`${ms} ${winner}`);
    await Step.wait(ctx, go);
    return winner;
  });
  let runtime = await world.open([racing], { crashes: 1_000, hot: 0 });
  for (const ms of [1_000, 600_000]) await Workflow.start(runtime, racing, ms, { id: `${ms}` });
  await world.clock.advance(700_000);
  for (let replay = 0; replay < 100; replay++) {
    await world.ask(sql`update holdfast_runs set wake_at = 0`);
    await world.crash(runtime);
    runtime = await world.open([racing], { crashes: 1_000, hot: 0 });
    await world.clock.settle();
  }
  for (const ms of [1_000, 600_000]) await Signal.send(Run.of(runtime, `${ms}`), go, "on");
  expect(await world.result(Run.of(runtime, "1000"))).toBe("step");
  expect(await world.result(Run.of(runtime, "600000"))).toBe("sleep");
  expect(new Set(winners)).toEqual(new Set(["1000 step", "600000 sleep"]));
  expect(winners.length).toBeGreaterThanOrEqual(200);
  expect(begun).toBe(2);
}, 120_000);

test("a transaction and a step that end in the same moment are seen in the order in which they are recorded", async () => {
  const world = setup();
  const seen: string[][] = [];
  const meeting = Workflow.define({ name: "meeting" }, async (ctx) => {
    const order: string[] = [];
    seen.push(order);
    const gate = Promise.withResolvers<void>();
    await Promise.all([
      Step.run(ctx, "step", () => gate.promise).then(() => order.push("step")),
      Step.transaction(ctx, "transaction", world.db, () => gate.resolve()).then(() => order.push("transaction")),
    ]);
    await Step.wait(ctx, go);
    return order;
  });
  const first = await world.open([meeting]);
  const run = await Workflow.start(first, meeting, undefined, { id: "one" });
  await world.clock.settle();
  const recorded = (await Run.history(run)).filter(({ kind }) => kind === "step").map(({ key }) => key);
  await world.crash(first);
  const second = await world.open([meeting]);
  await Signal.send(Run.of(second, "one"), go, "on");
  await world.result(Run.of(second, "one"));
  expect(seen.map((order) => order.join())).toEqual([recorded.join(), recorded.join()]);
});

describe("a rejection that nobody looks at is no crash of the process", () => {
  const unhandled: unknown[] = [];
  const listen = (error: unknown): void => void unhandled.push(error);
  const quietly = async (
    body: (ctx: Context.Context) => Promise<unknown>,
    workflows: readonly Workflow.AnyDefinition[] = [],
    cancels = false,
  ): Promise<void> => {
    const world = setup();
    process.on("unhandledRejection", listen);
    try {
      const workflow = Workflow.define({ name: "w" }, body);
      const runtime = await world.open([workflow, ...workflows]);
      const run = await Workflow.start(runtime, workflow);
      await world.clock.settle();
      if (cancels) await Run.cancel(run);
      await world.result(run).catch(() => {});
      await world.clock.settle();
      await Bun.sleep(0);
    } finally {
      process.off("unhandledRejection", listen);
    }
    expect(unhandled.splice(0)).toEqual([]);
  };
  const once = { retry: { attempts: 1 } } as const;
  const no = (): never => {
    throw new Error("no");
  };

  const listens = ({ signal }: { readonly signal: AbortSignal }): Promise<never> => {
    const { promise, reject } = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => reject(new Error("told to stop")));
    return promise;
  };

  test("of a step", () =>
    quietly(async (ctx) => {
      void Step.run(ctx, "bad", no, once);
      await Step.sleep(ctx, "nap", "1h");
    }));

  test("of a step that is awaited later", () =>
    quietly(async (ctx) => {
      const bad = Step.run(ctx, "bad", no, once);
      await Step.sleep(ctx, "nap", "1h");
      await bad;
    }));

  test("of a step asked for by a body that is cancelled already", () =>
    quietly(
      async (ctx) => {
        try {
          await Step.sleep(ctx, "nap", "1h");
        } finally {
          void Step.run(ctx, "too late", () => 1);
        }
      },
      [],
      true,
    ));

  test("of a child", () => {
    const child = Workflow.define({ name: "child" }, no);
    return quietly(
      async (ctx) => {
        const called = Step.call(ctx, child, undefined);
        await Step.sleep(ctx, "nap", "1h");
        await called;
      },
      [child],
    );
  });

  test("of a child that is started under an id that is another run's", () => {
    const child = Workflow.define({ name: "child" }, () => 1);
    return quietly(
      async (ctx) => {
        void Step.start(ctx, child, undefined, { id: "taken" });
        void Step.start(ctx, child, undefined, { id: "taken", name: "again" });
        await Step.sleep(ctx, "nap", "1h");
      },
      [child],
    );
  });

  test("of branches, a map and a graph", () =>
    quietly(async (ctx) => {
      void Step.all(ctx, "all", { bad: (own) => Step.run(own, "bad", no, once) });
      void Step.map(ctx, "map", [1], (own) => Step.run(own, "bad", no, once));
      void Step.graph(ctx, "graph", (task) => ({ bad: task("bad", (own) => Step.run(own, "bad", no, once)) }));
      await Step.sleep(ctx, "nap", "1h");
    }));

  test("of what a cancel rejects, in every kind of wait", () => {
    const child = Workflow.define({ name: "child" }, (ctx) => Step.wait(ctx, go));
    return quietly(
      async (ctx) => {
        void Step.run(ctx, "step", listens);
        void Step.sleep(ctx, "nap", "1h");
        void Step.wait(ctx, go);
        void Step.call(ctx, child, undefined);
        void Step.all(ctx, "all", { one: (own) => Step.wait(own, go) });
        await Step.wait(ctx, Signal.define("other"));
      },
      [child],
      true,
    );
  });
});

test("a cancel is recorded once, however often its run is claimed anew", async () => {
  const world = setup();
  const long = Workflow.define({ name: "long" }, async (ctx) => {
    try {
      await Step.wait(ctx, go);
    } finally {
      await Context.shield(ctx, (safe) => Step.sleep(safe, "tidy", "1h"));
    }
  });
  let runtime = await world.open([long]);
  const run = await Workflow.start(runtime, long, undefined, { id: "one" });
  await world.clock.settle();
  await Run.cancel(run, "enough");
  for (let claims = 0; claims < 4; claims++) {
    await world.clock.settle();
    await world.crash(runtime);
    runtime = await world.open([long]);
  }
  await world.clock.settle();
  const records = await Run.history(Run.of(runtime, "one"));
  expect(records.filter(({ kind }) => kind === "cancel")).toHaveLength(1);
  await world.clock.advance(3_600_000);
  expect((await Run.get(Run.of(runtime, "one"))).status).toBe("cancelled");
});

describe("a run that sleeps", () => {
  const nap = Workflow.define<string, string>({ name: "nap" }, async (ctx, word) => {
    await Step.sleep(ctx, "nap", "1h");
    return word;
  });

  test("holds no slot: with a concurrency of 1 another run goes on", async () => {
    const world = setup();
    const quick = Workflow.define({ name: "quick" }, (ctx) => Step.run(ctx, "work", () => "done"));
    const runtime = await world.open([nap, quick], { concurrency: 1 });
    const sleepers = await Promise.all(["a", "b", "c"].map((word) => Workflow.start(runtime, nap, word)));
    await world.clock.advance(1_000);
    const before = world.clock.now();
    expect(await runToEnd(world, runtime, quick, undefined)).toBe("done");
    expect(world.clock.now() - before).toBeLessThan(3_000);
    expect(await Promise.all(sleepers.map(async (run) => (await Run.get(run)).status))).toEqual([
      "waiting",
      "waiting",
      "waiting",
    ]);
    await world.clock.advance(3_600_000);
    expect(await Promise.all(sleepers.map((run) => Run.result(run)))).toEqual(["a", "b", "c"]);
  });

  test("holds no memory once it is cold: what its body holds is collected", async () => {
    const world = setup();
    const held = new Set<WeakRef<object>>();
    const heavy = Workflow.define({ name: "heavy" }, async (ctx) => {
      const ballast = Array.from({ length: 10_000 }, () => 1);
      held.add(new WeakRef(ballast));
      await Promise.race([Step.sleep(ctx, "nap", "1d"), Step.wait(ctx, go)]);
      return ballast.length;
    });
    const runtime = await world.open([heavy], { hot: 0 });
    const runs = 50;
    for (let n = 0; n < runs; n++) await Workflow.start(runtime, heavy);
    await world.clock.advance(1_000);
    for (let round = 0; round < 10; round++) {
      await world.clock.settle();
      Bun.gc(true);
    }
    const left = [...held].filter((ref) => ref.deref() !== undefined).length;
    expect(held.size).toBe(runs);
    expect(left).toBeLessThan(runs / 5);
  });
});

test("a body that works between two steps is not left behind while another branch sleeps", async () => {
  const world = setup();
  const gate = Promise.withResolvers<void>();
  const digesting = Workflow.define({ name: "digesting" }, async (ctx) => {
    const branch = async (): Promise<number> => {
      await Step.run(ctx, "one", () => 1);
      await gate.promise;
      await Step.run(ctx, "two", () => 2);
      return Context.now(ctx);
    };
    const began = Context.now(ctx);
    const [at] = await Promise.all([branch(), Step.sleep(ctx, "nap", "1d")]);
    return at - began;
  });
  const runtime = await world.open([digesting]);
  const run = await Workflow.start(runtime, digesting);
  await world.clock.advance(5_000);
  expect((await Run.get(run)).status).toBe("waiting");
  gate.resolve();
  expect(await world.result(run)).toBe(5_000);
  expect(await Runtime.check(runtime)).toEqual([]);
});

test("a child cannot have the id of another child of its parent", async () => {
  const world = setup();
  const one = Workflow.define<number, number>({ name: "one" }, (_, n) => n);
  const two = Workflow.define<number, number>({ name: "two" }, (_, n) => n);
  const parent = Workflow.define({ name: "parent" }, async (ctx) => {
    const id = await Step.start(ctx, one, 1);
    const same = await Step.start(ctx, one, 1, { name: "same", id });
    const codes = await Promise.allSettled([
      Step.start(ctx, two, 1, { id }),
      Step.start(ctx, one, 2, { name: "other input", id }),
    ]);
    return [
      same === id,
      ...codes.map((settled) => (settled.status === "rejected" ? (settled.reason as Fault.Fault).code : settled.value)),
    ];
  });
  const runtime = await world.open([parent, one, two]);
  expect(await runToEnd(world, runtime, parent, undefined)).toEqual([true, "run_conflict", "run_conflict"]);
});
