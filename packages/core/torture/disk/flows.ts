/** What is executed while the ground fails: a run that uses the disk in several ways, and one that eats its process's memory. */
import type { BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import { Signal, Step, Workflow, type Context } from "../../src/index.ts";
import { looking, type Act } from "../kit/act.ts";
import { inOwnContext } from "../kit/foreign.ts";
import { write, type Effect } from "../kit/ledger.ts";
import { computedOf, computes, hangs, rejectsLate } from "../kit/programs.ts";

export const go = Signal.define<number>("go");

export type Input = { readonly n: number; readonly fill: number };

export const answerOf = (n: number): number => n * 4 + 5 + (n % 3 === 0 ? computedOf(n) : n);

export const flowsOf = (effects: string, db: BunSQLiteDatabase) => {
  const begin = ({ key, attempt }: Step.Tools): void => write(effects, { key, attempt, at: Date.now() } satisfies Effect);

  const act: Act = looking((ctx, name, run, limits) => Step.run(ctx, name, (tools) => (begin(tools), run(tools)), limits));

  /** What real programs do besides: each run something else. */
  const besides = (ctx: Context.Context, n: number): Promise<number> =>
    n % 3 === 0 ? computes(ctx, act, n, "names") : n % 3 === 1 ? rejectsLate(ctx, act, n) : hangs(ctx, act, n);

  const working = async (ctx: Context.Context, { n, fill }: Input): Promise<number> => {
    const first = await Step.run(ctx, "first", async (tools) => {
      begin(tools);
      await Bun.sleep(3);
      return { n, fill: "x".repeat(fill) };
    });
    await Step.sleep(ctx, "nap", 10);
    const [left, right] = await Promise.all([
      Step.run(ctx, "left", (tools) => (begin(tools), n)),
      Step.run(ctx, "right", (tools) => (begin(tools), n)),
    ]);
    const more = await besides(ctx, n);
    const sent = await Step.wait(ctx, go);
    const row = await Step.transaction(ctx, "row", db, (tx, { key }) => {
      tx.run(`insert into notes values ('${key}', ${n})`);
      return n;
    });
    return first.n + left + right + row + more + sent;
  };
  const work = Workflow.define({ name: "work" }, (ctx, input: Input) => inOwnContext(ctx, input.n, () => working(ctx, input)));

  const hungry = Workflow.define({ name: "hungry" }, (ctx) =>
    Step.run(ctx, "eat", async (tools) => {
      begin(tools);
      const eaten: Uint8Array[] = [];
      for (;;) {
        eaten.push(new Uint8Array(8_000_000).fill(eaten.length + 1));
        await Bun.sleep(0);
      }
    }),
  );

  /** One run with as many records as it is told, each with so many bytes. */
  const verbose = Workflow.define({ name: "verbose" }, async (ctx, { n, fill }: Input) => {
    for (let each = 0; each < n; each++) await Step.run(ctx, "line", () => "y".repeat(fill));
    return n;
  });

  return { work, hungry, verbose };
};
