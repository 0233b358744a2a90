/** What the killed processes execute. Every effect is told to a ledger that no kill can take back. */
import { appendFileSync } from "node:fs";
import { Run, Signal, Step, Workflow } from "../../src/index.ts";

/** A line of the ledger: which step of which run began when. */
export type Effect = { readonly run: string; readonly step: string; readonly key: string; readonly at: number };

export const go = Signal.define<number>("go");

const effect =
  (step: string, value: number, ms: number) =>
  async (tools: Step.Tools): Promise<number> => {
    const ledger = process.env["LEDGER"];
    if (ledger === undefined) throw new Error("The environment variable LEDGER names the ledger.");
    const run = tools.key.slice(0, tools.key.lastIndexOf(`/${step}`));
    appendFileSync(ledger, `${JSON.stringify({ run, step, key: tools.key, at: Date.now() } satisfies Effect)}\n`);
    if (ms > 0) await Bun.sleep(ms);
    return value;
  };

export const part = Workflow.define(
  { name: "part" },
  async (ctx, n: number) =>
    (await Step.run(ctx, "half", effect("half", n, 1))) + (await Step.run(ctx, "other", effect("other", n, 0))),
);

/** Uses most of what there is; its result is a checksum of its input. */
export const work = Workflow.define({ name: "work" }, async (ctx, n: number) => {
  const first = await Step.run(ctx, "first", effect("first", n, 2));
  const [left, right, flaky] = await Promise.all([
    Step.run(ctx, "left", effect("left", n * 2, 3)),
    Step.run(ctx, "right", effect("right", n * 3, 1)),
    Step.run(
      ctx,
      "flaky",
      (tools) => (tools.attempt === 1 ? Promise.reject(new Error("the first attempt fails")) : effect("flaky", n, 0)(tools)),
      { retry: { delay: 5 } },
    ),
  ]);
  await Step.sleep(ctx, "nap", 120);
  const sent = await Step.wait(ctx, go);
  const child = await Step.call(ctx, part, n);
  const late = await Step.run(ctx, "late", effect("late", 1, 0));
  return first + left + right + flaky + child + sent + late;
});

export const expected = (n: number): number => n + n * 2 + n * 3 + n + n * 2 + 7 + 1;

export const resultOf = (run: Run.Handle<number>): Promise<number> => Run.result(run, { timeout: "5m" });

/** One step that takes its time, then another. */
export const slow = Workflow.define({ name: "slow" }, async (ctx, ms: number) => {
  const first = await Step.run(ctx, "long", effect("long", 1, ms));
  return first + (await Step.run(ctx, "after", effect("after", 1, 0)));
});

/** Holds the event loop, as a careless step does. */
export const busy = Workflow.define({ name: "busy" }, (ctx, ms: number) =>
  Step.run(ctx, "spin", async (tools) => {
    await effect("spin", 1, 0)(tools);
    const until = performance.now() + ms;
    while (performance.now() < until);
    return 1;
  }),
);

/** Kills its process. */
export const poison = Workflow.define({ name: "poison" }, (ctx) =>
  Step.run(ctx, "die", async (tools) => {
    await effect("die", 1, 0)(tools);
    process.kill(process.pid, "SIGKILL");
    return Bun.sleep(60_000);
  }),
);

export const all = [work, part, slow, busy, poison];
