// Branches of a body that compute between their steps keep their own results, keys, winners and draws in every life, however long each computes.
import { describe, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { Context, Run, Signal, Step, Workflow } from "../../src/index.ts";
import { computing, ordersOf } from "./computing.ts";
import { rest } from "../face/scene.ts";

const go = Signal.define("go");
const names = ["A", "B", "C"];

describe("each branch gets its own results again", () => {
  const orders = ordersOf(names);
  const pairs = orders.flatMap((first) => orders.map((second) => [first.join(" "), second.join(" ")] as const));

  test.each(pairs)("asked in the order %s, and after a crash in the order %s", async (first, second) => {
    const on = computing();
    const keys: string[] = [];
    const held = Promise.withResolvers<void>();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const one = async (who: string): Promise<string> => {
        await Step.run(ctx, "fetch", () => who);
        await on.work(who);
        const stored = await Step.run(ctx, "store", async ({ key }) => {
          keys.push(`${who} ${key}`);
          if (keys.length <= names.length) await held.promise; // the first life dies before anything answers
          return `that of ${who}`;
        });
        return `${who} got ${stored}`;
      };
      const all = await Promise.all(names.map(one));
      await Step.wait(ctx, go);
      return all;
    });
    const runtime = await on.open([flow]);
    const run = await Workflow.start(runtime, flow, undefined, { id: "run" });
    await on.finish(...first.split(" "));
    expect(keys.length).toBe(3);
    await on.nextLife([flow]);
    await on.finish(...second.split(" "));
    const last = await on.nextLife([flow]);
    await on.finish(...first.split(" ").toReversed());
    await Signal.send(Run.of(last, run.id), go, undefined);
    expect(await on.world.result<unknown>(Run.of(last, run.id))).toEqual(names.map((who) => `${who} got that of ${who}`));
    // What was under way was done again, with the same key for the outside.
    expect(keys.length).toBe(6);
    expect(new Set(keys).size).toBe(3);
  });

  test("also when the work takes no time in the next life, or took none in the life before", async () => {
    for (const quick of [0, 1]) {
      const on = computing();
      const flow = Workflow.define({ name: "flow" }, async (ctx) => {
        const one = async (who: string): Promise<string> => {
          await Step.run(ctx, "fetch", () => who);
          await on.work(who);
          return Step.run(ctx, "store", () => `that of ${who}`);
        };
        return [await Promise.all(["A", "B"].map(one)), await Step.wait(ctx, go)];
      });
      const runtime = await on.open([flow]);
      if (quick === 0) on.finishAtOnce("B");
      const run = await Workflow.start(runtime, flow, undefined, { id: "run" });
      await on.finish("B", "A");
      if (quick === 1) on.finishAtOnce("A");
      const next = await on.nextLife([flow]);
      await on.finish("B", "A");
      await Signal.send(Run.of(next, run.id), go, undefined);
      expect(await on.world.result<unknown>(Run.of(next, run.id))).toEqual([["that of A", "that of B"], undefined]);
    }
  });

  test("a helper in a loop that computes before its step is no branch: each round has its own result", async () => {
    const on = computing();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const hashAndStore = async (n: number): Promise<number> => {
        await on.work(`round ${n}`);
        return Step.run(ctx, "store", () => n);
      };
      const stored: number[] = [];
      for (const n of [1, 2, 3, 4]) stored.push(await hashAndStore(n));
      await Step.wait(ctx, go);
      return stored;
    });
    const rounds = [1, 2, 3, 4].map((n) => `round ${n}`);
    const runtime = await on.open([flow]);
    const run = await Workflow.start(runtime, flow, undefined, { id: "run" });
    await on.finish(...rounds.slice(0, 2));
    await on.nextLife([flow]);
    await on.finish(...rounds);
    const last = await on.nextLife([flow]);
    await on.finish(...rounds);
    await Signal.send(Run.of(last, run.id), go, undefined);
    expect(await on.world.result<unknown>(Run.of(last, run.id))).toEqual([1, 2, 3, 4]);
  });
});

describe("a branch that asks sooner than in the recorded run gets nothing that belongs to its neighbour", () => {
  type Work = (name: string) => Promise<void>;
  /** A and B ask for "store" from one place: A first in the recorded run. */
  const shapes: Readonly<Record<string, (ctx: Context.Context, work: Work) => Promise<readonly string[]>>> = {
    "A has slept in a helper that computes": (ctx, work) => {
      const nap = async (): Promise<void> => {
        await work("A first");
        await Step.sleep(ctx, "nap", 0);
      };
      const store = async (who: string): Promise<string> => {
        if (who === "A") await nap();
        await work(who);
        return Step.run(ctx, "store", () => `that of ${who}`);
      };
      return Promise.all(["A", "B"].map(store));
    },
    "A has taken a step of this name": (ctx, work) => {
      const store = async (who: string): Promise<string> => {
        if (who === "A") await Step.run(ctx, "store", () => "the first");
        await work(who);
        return Step.run(ctx, "store", () => `that of ${who}`);
      };
      return Promise.all(["A", "B"].map(store));
    },
    "A has taken two steps, the second after work": (ctx, work) => {
      const store = async (who: string): Promise<string> => {
        if (who === "A") {
          await Step.run(ctx, "fetch", () => "the first");
          await work("A first");
          await Step.run(ctx, "check", () => "the second");
        }
        await work(who);
        return Step.run(ctx, "store", () => `that of ${who}`);
      };
      return Promise.all(["A", "B"].map(store));
    },
  };

  const lives = async (shape: string, first: Readonly<Record<string, number>>, next: Readonly<Record<string, number>>) => {
    const on = computing();
    const { clock } = on.world;
    let takes = first;
    const work: Work = (name) => new Promise((resolve) => void clock.after(takes[name] ?? 0, () => setImmediate(resolve)));
    const pass = async (ms: number): Promise<void> => {
      for (let at = 0; at < ms; at++) {
        await clock.settle();
        await rest();
        await clock.advance(1);
      }
    };
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const stored = await shapes[shape]?.(ctx, work);
      await Step.wait(ctx, go);
      return stored;
    });
    await on.world.crash(
      await on.open([flow]).then(async (runtime) => {
        await Workflow.start(runtime, flow, undefined, { id: "run" });
        await pass(60);
        return runtime;
      }),
    );
    takes = next;
    const last = await on.open([flow]);
    await on.world.ask(sql`update holdfast_runs set wake_at = 0 where ended_at is null`);
    await pass(300);
    await Signal.send(Run.of(last, "run"), go, undefined);
    await pass(300); // The third life, for a run that does not stay in memory.
    const { status, reason } = await Run.get(Run.of(last, "run"));
    return status === "blocked" ? reason?.code : on.world.result<unknown>(Run.of(last, "run"));
  };

  test.each(Object.keys(shapes))("%s", async (shape) => {
    const seen = new Set<string>();
    for (const b of [1, 8, 15, 21, 24, 27, 31, 45, 84]) {
      const result = await lives(shape, { "A first": 5, A: 0, B: 42 }, { "A first": 7, A: 0, B: b });
      seen.add(JSON.stringify(result));
      expect<unknown[]>([["that of A", "that of B"], "ambiguous_order"]).toContainEqual(result);
    }
    // It is told apart where B asks later than A again.
    expect(seen).toContain(JSON.stringify(["that of A", "that of B"]));
  });
});

test("what directly follows a record keeps its key beside a branch that computes, and asks for the same name sooner in the next life", async () => {
  const on = computing();
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    const loser = on.work("loser").then(() => Step.run(ctx, "store", () => "that of the loser"));
    await Promise.any([loser, on.work("winner").then(() => Step.run(ctx, "fetch", () => "fetched"))]);
    const stored = await Step.run(ctx, "store", () => "that of the body");
    return [stored, await loser, await Step.wait(ctx, go)];
  });
  const runtime = await on.open([flow]);
  const run = await Workflow.start(runtime, flow, undefined, { id: "run" });
  await on.finish("winner", "loser");
  let next = await on.nextLife([flow]);
  await on.finish("loser", "winner");
  next = await on.nextLife([flow]);
  await Signal.send(Run.of(next, run.id), go, undefined);
  await on.finish("loser", "winner");
  expect(await on.world.result<unknown>(Run.of(next, run.id))).toEqual(["that of the body", "that of the loser", undefined]);
});

test("a branch that begins sooner, as work without a step frees its place, has its own step", async () => {
  const on = computing();
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    const items = await Step.map(
      ctx,
      "item",
      ["drawn", "stored", "third"],
      async (own, what) => {
        if (what !== "third") await on.work(what);
        return what === "drawn" ? Context.uuid(own).length : Step.run(own, "store", () => `that of ${what}`);
      },
      { limit: 2 },
    );
    await Step.wait(ctx, go);
    return items;
  });
  const runtime = await on.open([flow]);
  const run = await Workflow.start(runtime, flow, undefined, { id: "run" });
  await on.finish("stored", "drawn");
  let next = await on.nextLife([flow]);
  await Signal.send(Run.of(next, run.id), go, undefined);
  await on.finish("drawn");
  expect(await on.statusOf("run")).toBe("running");
  next = await on.nextLife([flow]);
  await on.finish("drawn", "stored");
  expect(await on.world.result<unknown>(Run.of(next, run.id))).toEqual([36, "that of stored", "that of third"]);
});

test("a step whose work took no time before, and takes some now, keeps its key: the next of its name has another", async () => {
  const on = computing();
  let quick = true;
  const keys: string[] = [];
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    const stored: number[] = [];
    for (const n of [1, 2, 3]) {
      if (n > 1 || !quick) await on.work(`round ${n}`);
      stored.push(await Step.run(ctx, "store", ({ key }) => (keys.push(key), n)));
    }
    return stored;
  });
  await Workflow.start(await on.open([flow]), flow, undefined, { id: "run" });
  await on.settle();
  quick = false;
  const next = await on.nextLife([flow]);
  await on.finish("round 1", "round 2", "round 3");
  expect(await on.world.result<unknown>(Run.of(next, "run"))).toEqual([1, 2, 3]);
  expect(keys).toEqual(["run/store", "run/store#2", "run/store#3"]);
});

test("a race has the same winner in each replay, whichever branch computes longer there", async () => {
  const on = computing();
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    const computes = async (): Promise<string> => {
      await Step.run(ctx, "quick", () => 1);
      await on.work("long");
      return "computed";
    };
    const winner = await Promise.race([computes(), Step.sleep(ctx, "slow", "1s").then(() => "slept")]);
    await Step.run(ctx, `won by ${winner}`, () => 1);
    await Step.wait(ctx, go);
    return winner;
  });
  const runtime = await on.open([flow]);
  const run = await Workflow.start(runtime, flow, undefined, { id: "run" });
  await on.finish("long");
  await on.world.clock.advance(2_000);
  const next = await on.nextLife([flow]);
  await Signal.send(Run.of(next, run.id), go, undefined);
  await on.settle();
  expect(await on.statusOf("run")).toBe("running"); // The record of the sleep waits for what was asked before it.
  await on.finish("long");
  expect(await on.world.result<unknown>(Run.of(next, run.id))).toBe("computed");
});

describe("draws belong to the branch that draws", () => {
  const flow = (on: ReturnType<typeof computing>, how: "map" | "promises") =>
    Workflow.define<undefined, unknown>({ name: how }, async (ctx) => {
      const one = async (own: Context.Context, who: string): Promise<unknown> => {
        await Step.run(own, "ask", () => who);
        await on.work(who);
        const drawn = {
          who,
          at: Context.now(own),
          uuid: Context.uuid(own),
          dice: Context.random(own),
          more: Context.random(own),
        };
        await Step.run(own, "use", () => drawn);
        return drawn;
      };
      const drawn =
        how === "map"
          ? await Step.map(ctx, "item", names, (own, who) => one(own, who))
          : await Promise.all(names.map((who) => one(ctx, who)));
      await Step.wait(ctx, go);
      return [drawn, await Step.run(ctx, "recorded", () => drawn)];
    });

  test.each(["map", "promises"] as const)("in %s", async (how) => {
    const on = computing();
    const runtime = await on.open([flow(on, how)]);
    const run = await Workflow.start(runtime, flow(on, how), undefined, { id: "run" });
    for (const name of ["B", "A", "C"]) {
      await on.finish(name);
      await on.world.clock.advance(1_000);
    }
    const used = async (): Promise<unknown> =>
      (await Run.history(run))
        .filter(({ key }) => key?.includes("use"))
        .map(({ value }) => value)
        .filter((value) => (value as { who?: string } | null)?.who);
    const before = (await used()) as { who: string }[];
    expect(before.length).toBe(3);
    const next = await on.nextLife([flow(on, how)]);
    await on.finish("C", "B", "A");
    await Signal.send(Run.of(next, run.id), go, undefined);
    const [drawn] = (await on.world.result<unknown>(Run.of(next, run.id))) as [{ who: string }[]];
    for (const each of before) expect(drawn).toContainEqual(each);
    expect(new Set(drawn.map((each) => JSON.stringify(each))).size).toBe(3);
  });

  test("a fork draws what the run did before the step, and anew after it", async () => {
    const on = computing();
    const draw = Workflow.define({ name: "draw" }, async (ctx) => {
      const first = [Context.now(ctx), Context.random(ctx), Context.uuid(ctx)];
      const drawn = await Step.run(ctx, Context.random(ctx) < 0.5 ? "heads" : "tails", () => "drawn");
      const second = [Context.now(ctx), Context.uuid(ctx)];
      await Step.run(ctx, "tell", () => "told");
      return { first, drawn, second, third: Context.uuid(ctx) };
    });
    const runtime = await on.open([draw]);
    for (let n = 0; n < 6; n++) {
      const run = await Workflow.start(runtime, draw);
      const was = await on.world.result(run);
      await on.world.clock.advance(5_000);
      const fork = await Run.fork(run, { from: "tell" });
      const is = await on.world.result(fork);
      expect({ ...is, third: "" }).toEqual({ ...was, third: "" });
      expect(is.third).not.toBe(was.third);
      const again = await on.world.result(await Run.fork(fork, { from: "tell" }));
      expect({ ...again, third: "" }).toEqual({ ...was, third: "" });
    }
  });
});

describe("what cannot be told apart is refused before an effect", () => {
  const refusal = async (on: ReturnType<typeof computing>, id: string) => {
    const { status, reason } = await Run.get(Run.of(await on.open([], { execute: false }), id));
    return { status, code: reason?.code, text: reason?.message ?? "" };
  };

  test("two asks of one name from one place after the same record", async () => {
    const on = computing();
    const begun: string[] = [];
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const one = async (who: string): Promise<string> => {
        await on.work(who);
        return Step.run(ctx, "store", () => (begun.push(who), who));
      };
      return Promise.all(["A", "B"].map(one));
    });
    const runtime = await on.open([flow]);
    await Workflow.start(runtime, flow, undefined, { id: "run" });
    await on.settle();
    for (const order of [
      ["A", "B"],
      ["B", "A"],
    ]) {
      // Both in one turn of the loop: neither has its result when the other asks.
      on.finishAtOnce();
      await Promise.all([on.finish(order[0] ?? ""), on.finish(order[1] ?? "")]);
      const { status, code, text } = await refusal(on, "run");
      expect([status, code]).toEqual(["blocked", "ambiguous_order"]);
      expect(text).toContain('"store"');
      expect(text).toContain("Step.all");
      expect(begun).toEqual([]);
      await on.nextLife([flow]);
    }
  });

  test("two draws from one place", async () => {
    const on = computing();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const one = async (who: string): Promise<string> => {
        await on.work(who);
        return Context.uuid(ctx);
      };
      const [a, b] = await Promise.all(["A", "B"].map(one));
      return Step.run(ctx, "use", () => [a, b]);
    });
    const runtime = await on.open([flow]);
    await Workflow.start(runtime, flow, undefined, { id: "run" });
    await on.finish("A", "B");
    const { status, code } = await refusal(on, "run");
    expect([status, code]).toEqual(["blocked", "ambiguous_order"]);
  });

  test("not where the names differ, or each branch has a context", async () => {
    const on = computing();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const named = Promise.all(
        ["A", "B"].map(async (who) => {
          await on.work(who);
          return Step.run(ctx, `store ${who}`, () => who);
        }),
      );
      const mapped = Step.map(ctx, "item", ["A", "B"], async (own, who) => {
        await on.work(who);
        return [Context.uuid(own).length, await Step.run(own, "store", () => who)];
      });
      return [await named, await mapped];
    });
    const runtime = await on.open([flow]);
    const run = await Workflow.start(runtime, flow);
    await on.finish("B", "A");
    expect(await on.world.result<unknown>(run)).toEqual([
      ["A", "B"],
      [
        [36, "A"],
        [36, "B"],
      ],
    ]);
  });
});

test("the time for which no process executed the run is not time that its body computed", async () => {
  const on = computing();
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    const stored: string[] = [];
    for (const name of ["a", "b", "c"]) {
      await Step.run(ctx, `fetch ${name}`, () => name);
      await on.work(name);
      stored.push(await Step.run(ctx, `store ${name}`, () => name));
    }
    await Step.wait(ctx, go);
    return stored;
  });
  let runtime = await on.open([flow]);
  await Workflow.start(runtime, flow, undefined, { id: "run" });
  await on.settle();
  // The process dies in the middle of each piece of work, and the next one begins an hour later.
  const works = ["a", "b", "c"];
  for (const at of works.keys()) {
    await on.world.crash(runtime);
    await on.world.clock.advance(3_600_000);
    runtime = await on.nextLife([flow]);
    for (const name of works.slice(0, at + 1)) {
      await on.finish(name);
      await on.world.clock.advance(1_000);
    }
    const notes = (await Run.history(Run.of(runtime, "run"))).filter(({ kind }) => kind === "asked");
    expect(notes.length).toBe(at + 1);
    for (const { value } of notes) expect((value as { took: number }).took).toBeLessThan(1_000);
  }
});

test("a step that the code now asks for after another record than before is refused", async () => {
  const on = computing();
  const body = (inLine: boolean) => async (ctx: Context.Context) => {
    const done: string[] = [];
    const step = (name: string) => Step.run(ctx, name, () => (done.push(name), name));
    const both = inLine ? [await step("a"), await step("b")] : await Promise.all([step("a"), step("b")]);
    await Step.wait(ctx, go);
    return both;
  };
  for (const inLine of [true, false]) {
    const was = Workflow.define({ name: `flow ${inLine}` }, body(inLine));
    const is = Workflow.define({ name: `flow ${inLine}` }, body(!inLine));
    const runtime = await on.open([was]);
    await Workflow.start(runtime, was, undefined, { id: `run ${inLine}` });
    await on.settle();
    await on.world.crash(runtime);
    await on.world.ask(sql`update holdfast_runs set wake_at = 0 where ended_at is null`);
    await on.open([is]);
    await on.settle();
    await on.world.clock.advance(5_000);
    expect(await on.statusOf(`run ${inLine}`)).toBe("blocked");
  }
});
