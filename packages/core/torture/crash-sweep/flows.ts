/** The workflows of the sweep: together they use everything the core can do, and each result is a checksum of its input. */
import type { BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import { existsSync } from "node:fs";
import { CircuitBreaker, Context, Fault, Signal, Step, Workflow } from "../../src/index.ts";
import { looking, type Act } from "../kit/act.ts";
import { inOwnContext } from "../kit/foreign.ts";
import { write, type Effect } from "../kit/ledger.ts";
import { computedOf, computes, hangs, races, rejectsLate } from "../kit/programs.ts";

export type Setting = { readonly effects: string; readonly mended: string; readonly db: BunSQLiteDatabase };

export const early = Signal.define<number>("early");
export const late = Signal.define<number>("late");
const never = Signal.define<number>("never");

const shaky = CircuitBreaker.define("shaky", { volumeThreshold: 1, resetTimeout: 30 });

/** Sleeps and timeouts of the sweep, in ms. */
export const nap = 20;

export type Flows = ReturnType<typeof flowsOf>;

export const flowsOf = ({ effects, mended, db }: Setting) => {
  /** Tells the ledger that a function began; then it answers, later or at once. */
  const effect =
    <T>(value: T, ms = 0) =>
    ({ key, attempt }: Step.Tools): T | Promise<T> => {
      write(effects, { key, attempt, at: Date.now() } satisfies Effect);
      return ms === 0 ? value : Bun.sleep(ms).then(() => value);
    };
  const flaky =
    (value: number, message: string) =>
    (tools: Step.Tools): number | Promise<number> => {
      const answer = effect(value)(tools);
      if (tools.attempt === 1) throw new Error(message);
      return answer;
    };

  const part = Workflow.define(
    { name: "part" },
    async (ctx, n: number) => (await Step.run(ctx, "half", effect(n, 2))) + (await Step.run(ctx, "other", effect(n))),
  );

  const simple = Workflow.define({ name: "simple" }, (ctx, n: number) => Step.run(ctx, "only", effect(n * 2)));

  const chained = Workflow.chain({ name: "chained", version: 1 })
    .step("one", (_, tools) => effect(1)(tools))
    .sleep("pause", nap)
    .parallel({ two: (_, tools) => effect(2, 1)(tools), three: (_, tools) => effect(3)(tools) })
    .call("child", part, ({ two }) => two)
    .output(({ one, two, three, child }) => one + two + three + child);

  /** Everything at once. */
  const kitchen = Workflow.define({ name: "kitchen" }, async (ctx, n: number) => {
    const uuid = Context.uuid(ctx);
    const first = await Step.run(ctx, "first", effect(n, 1));
    const same = (await Step.run(ctx, "uuid", effect(uuid))) === uuid;
    const [left, right, retried] = await Promise.all([
      Step.run(ctx, "left", effect(n * 2, 3)),
      Step.run(ctx, "right", effect(n * 3)),
      Step.run(ctx, "flaky", flaky(n, "the first attempt fails"), { retry: { delay: 5 } }),
    ]);
    const mapped = await Step.map(ctx, "each", [1, 2], (ctx, each) => Step.run(ctx, "mapped", effect(each)));
    await Step.sleep(ctx, "nap", nap);
    await Step.run(ctx, "awake", effect(0));
    const before = await Step.wait(ctx, early);
    Context.publish(ctx, "waits for late");
    const after = await Step.wait(ctx, late);
    const nothing = await Step.wait(ctx, never, { timeout: nap });
    const called = await Step.call(ctx, part, n);
    const started = await Step.start(ctx, part, n, { id: "started-child" });
    const row = await Step.transaction(ctx, "row", db, (tx, { key }) => {
      tx.run(`insert into notes values ('${key}', ${n})`);
      return n;
    });
    const guarded = await Step.run(ctx, "guarded", flaky(1, "it is down"), { breaker: shaky, retry: { delay: 1 } });
    const { x, y } = await Context.chain(ctx, n, (chain) =>
      chain.step("x", ({ input }, tools) => effect(input)(tools)).step("y", ({ x }, tools) => effect(x + 1)(tools)),
    );
    const patch = Context.patched(ctx, "newer") ? 1 : 0;
    const last = await Step.run(ctx, "last", effect(1));
    const parts = [first, left, right, retried, ...mapped, before, after, nothing ?? 0, called, row, guarded, x, y, patch, last];
    return { sum: parts.reduce((sum, each) => sum + each, 0), started, same };
  });

  const act: Act = looking((ctx, name, run, limits) =>
    Step.run(
      ctx,
      name,
      (tools) => {
        void effect(0)(tools);
        return run(tools);
      },
      limits,
    ),
  );

  /** What real programs do: branches that compute, a function that hangs, promises that are rejected late, and a race. */
  const real = Workflow.define({ name: "real" }, (ctx, n: number) =>
    inOwnContext(ctx, n, async () => {
      const parts = await Promise.all([computes(ctx, act, n, "names"), hangs(ctx, act, n), rejectsLate(ctx, act, n)]);
      return parts.reduce((a, b) => a + b, await computes(ctx, act, n, "places")) + (await races(ctx, act, n));
    }),
  );

  /** Fails until somebody mends what it needs, wraps the failure, and undoes what it did. */
  const undoing = Workflow.define({ name: "undoing" }, async (ctx, n: number) => {
    const a = await Step.run(ctx, "a", effect(n), { undo: (_, tools) => effect(0)(tools) });
    const b = await Step.run(ctx, "b", effect(n, 1), { undo: (_, tools) => effect(0)(tools) });
    const fragile = await Step.run(ctx, "fragile", (tools) => {
      const answer = effect(1)(tools);
      if (!existsSync(mended)) throw Fault.fatal("it is broken");
      return answer;
    }).catch((error: Error) => {
      throw new Error(`the order failed: ${error.message}`);
    });
    return a + b + fragile;
  });

  /** Waits until it is cancelled, and tidies up behind a shield. */
  const endless = Workflow.define({ name: "endless" }, async (ctx, n: number) => {
    await Step.run(ctx, "hold", effect(n), { undo: (_, tools) => effect(0)(tools) });
    Context.publish(ctx, "waits for ever");
    try {
      await Promise.race([Step.wait(ctx, never), Step.call(ctx, stubborn, n)]);
    } finally {
      await Context.shield(ctx, (ctx) => Step.run(ctx, "tidy", effect(1)));
    }
  });
  /** A child that ends with its parent. */
  const stubborn = Workflow.define({ name: "stubborn" }, (ctx, _n: number) => Step.wait(ctx, never));

  return { part, simple, chained, kitchen, real, undoing, endless, stubborn };
};

export const n = 7;

/** What each run must answer, by its id. */
export const expected: Readonly<Record<string, unknown>> = {
  kitchen: {
    sum: n + n * 2 + n * 3 + n + 3 + 100 + 1_000 + n * 2 + n + 1 + n + (n + 1) + 1 + 1,
    started: "started-child",
    same: true,
  },
  chained: 10,
  real: 2 * computedOf(n) + 3 * n,
  undoing: n * 2 + 1,
  delayed: n * 2,
  within: n * 2,
  "started-child": n * 2,
};
