// A service with bodies that begin helpers early and await them later: `late.child.ts <database> <program>`. Its last line on stdout is JSON.
import pino from "pino";
import { Context, Fault, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";

const [database = "", program = ""] = process.argv.slice(2);
const lines: Record<string, unknown>[] = [];
const logger = pino(
  { level: "debug" },
  { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
);
const once = { retry: { attempts: 1 } };
const go = Signal.define("go");
type Ctx = Context.Context;
const rest = (ctx: Ctx): Promise<void> => Step.sleep(ctx, "rest", "1h");

/** A promise that waits for an hour, begun early: four ways to write it. */
const helpers: Readonly<Record<string, (ctx: Ctx) => Promise<unknown>>> = {
  async: async (ctx) => {
    await Step.sleep(ctx, "cool", "1h");
    return 1;
  },
  derived: (ctx) => Step.sleep(ctx, "cool", "1h").then(() => 1),
  all: (ctx) => Promise.all([Step.sleep(ctx, "cool", "1h"), Step.wait(ctx, go)]),
  chain: (ctx) => Context.chain(ctx, undefined, (chain) => chain.sleep("cool", "1h")),
  nested: (ctx) => Step.all(ctx, "inner", { cool: (ctx) => Step.sleep(ctx, "cool", "1h").finally(() => {}) }).then(() => 1),
};

const begin = async (ctx: Ctx, helper: string): Promise<unknown> => {
  const begun = helpers[helper]?.(ctx);
  try {
    await rest(ctx);
    return await begun;
  } finally {
    await Context.shield(ctx, (ctx) => Step.run(ctx, "tidy", () => "tidied"));
  }
};

const fails = (ctx: Ctx): Promise<never> =>
  Step.run(ctx, "fails", () => Bun.sleep(30).then(() => Promise.reject(new Error("no"))), once);

/** Ways in which everything that a body waits for is rejected at once. */
const causes: Readonly<Record<string, (ctx: Ctx, helper: string) => Promise<unknown>>> = {
  cancel: begin,
  timeout: begin,
  all: (ctx, helper) => Step.all(ctx, "branches", { a: (ctx) => begin(ctx, helper), b: fails }),
  map: (ctx, helper) => Step.map(ctx, "branches", [0, 1], (ctx, n) => (n === 0 ? begin(ctx, helper) : fails(ctx))),
  graph: (ctx, helper) =>
    Step.graph(ctx, "branches", (task) => ({ a: task("a", (ctx) => begin(ctx, helper)), b: task("b", fails) })),
};

const stopped = Object.entries(causes).map(([cause, body]) =>
  Workflow.define({ name: cause, ...(cause === "timeout" ? { timeout: 300 } : {}) }, (ctx, helper: string) => body(ctx, helper)),
);

const innocent = Workflow.define({ name: "innocent" }, (ctx) => Step.run(ctx, "work", () => Bun.sleep(1_000).then(() => "done")));
const child = Workflow.define({ name: "child" }, (ctx) =>
  Step.run(ctx, "ask", () => Promise.reject(new Error("declined")), once),
);
const decline = (ctx: Ctx): Promise<never> => Step.run(ctx, "charge", () => Promise.reject(new Error("declined")), once);
const answer = (ctx: Ctx): Promise<string> => Step.run(ctx, "charge", () => "declined");

/** Helpers that are rejected a second before the body awaits them. */
const failures: Readonly<Record<string, (ctx: Ctx) => Promise<unknown>>> = {
  step: async (ctx) => void (await decline(ctx)),
  child: async (ctx) => void (await Step.call(ctx, child)),
  timeout: async (ctx) => {
    await Step.run(ctx, "slow", () => Bun.sleep(500), { timeout: 20, ...once });
  },
  any: (ctx) => Promise.any([decline(ctx), decline(ctx)]),
  refused: async (ctx) => void (await Step.run(ctx, "", () => 1)),
  rethrown: async (ctx) => {
    try {
      await Step.call(ctx, child);
    } catch (error) {
      throw (error as Error).cause;
    }
  },
  caused: async (ctx) => {
    await decline(ctx).catch((cause: unknown) => {
      throw new Error("not charged", { cause });
    });
  },
  own: async (ctx) => {
    if ((await answer(ctx)) === "declined") throw new Error("not charged");
  },
  worded: async (ctx) => {
    await decline(ctx).catch((error: Error) => {
      throw new TypeError(`not charged: ${error.message}`);
    });
  },
  fatal: async (ctx) => {
    await answer(ctx);
    throw Fault.fatal("never");
  },
  defect: async (ctx) => {
    const order = JSON.parse(`{"${await answer(ctx)}":1}`) as { readonly missing: { readonly deep: number } };
    return order.missing.deep;
  },
  atOnce: async () => {
    throw new Error("at once");
  },
  deep: async (ctx) => {
    const dig = async (depth: number): Promise<void> => {
      await answer(ctx);
      if (depth === 0) throw new Error("deep down");
      await dig(depth - 1);
    };
    await dig(3);
  },
};
const late = Workflow.define({ name: "late" }, async (ctx, helper: string) => {
  const begun = Promise.resolve(failures[helper]?.(ctx));
  const derived = begun.then(() => 1);
  await Step.sleep(ctx, "meanwhile", "900ms");
  return Promise.all([begun, derived]).catch((error: Error) => `handled: ${error.name}`);
});

/** A step's function with a request that it begins early: the cancel rejects it while something else is awaited. */
const asking = Workflow.define({ name: "asking" }, (ctx) =>
  Step.run(ctx, "ask", async ({ signal }) => {
    const begun = new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
    await Bun.sleep(400);
    return begun;
  }),
);

/** R1: cancelled, its clean-up killed in the middle, and then started again. */
const report = Workflow.define({ name: "report" }, async (ctx) => {
  const data = helpers["async"]?.(ctx);
  try {
    await rest(ctx);
    return await data;
  } finally {
    const tidy = (): unknown => (program === "killed" ? process.kill(process.pid, "SIGKILL") : Bun.sleep(50));
    await Context.shield(ctx, (ctx) => Step.run(ctx, "tidy", tidy));
  }
});

const workflows = [...stopped, innocent, child, late, asking, report];
const open = (): Promise<Runtime.Runtime> => Runtime.open({ database, workflows, logger });

const statusOf = async (run: Run.Handle): Promise<readonly [string, unknown]> => {
  const output = await Run.result(run, { timeout: "60s" }).catch((error: Error & { code?: string }) => error.code);
  return [(await Run.get(run)).status, output];
};

/** Runs and how they ended, beside one that has nothing to do with them. */
const together = async (runs: readonly (readonly [string, Run.Handle])[], runtime: Runtime.Runtime): Promise<object> => {
  const beside = await Workflow.start(runtime, innocent);
  const ends = Object.fromEntries(await Promise.all(runs.map(async ([name, run]) => [name, await statusOf(run)] as const)));
  return { ...ends, innocent: await statusOf(beside) };
};

const programs: Readonly<Record<string, (runtime: Runtime.Runtime) => Promise<object>>> = {
  stopped: async (runtime) => {
    const runs: (readonly [string, Run.Handle])[] = [];
    for (const workflow of stopped)
      for (const helper of Object.keys(helpers))
        runs.push([`${workflow.name} ${helper}`, await Workflow.start(runtime, workflow, helper)]);
    await Bun.sleep(300);
    for (const [name, run] of runs) if (name.startsWith("cancel")) await Run.cancel(run, "no longer wanted");
    return together(runs, runtime);
  },
  late: async (runtime) => {
    const start = async (helper: string) => [helper, await Workflow.start(runtime, late, helper, { id: helper })] as const;
    return together(await Promise.all(Object.keys(failures).map(start)), runtime);
  },
  many: async (runtime) => {
    const start = async (index: number) => [`${index}`, await Workflow.start(runtime, late, "own")] as const;
    return together(await Promise.all(Array.from({ length: 60 }, (_, index) => start(index))), runtime);
  },
  asking: async (runtime) => {
    const run = await Workflow.start(runtime, asking);
    await Bun.sleep(200);
    await Run.cancel(run);
    return together([["asking", run]], runtime);
  },
  killed: async (runtime) => {
    const run = await Workflow.start(runtime, report, undefined, { id: "r1" });
    await Bun.sleep(200);
    await Run.cancel(run);
    return { report: await statusOf(run) };
  },
  again: async (runtime) => ({ report: await statusOf(Run.of(runtime, "r1")) }),
};

const runtime = await open();
const ends = await programs[program]?.(runtime);
await Runtime.close(runtime);
const told = lines.filter(({ code }) => code === "late_rejection");
console.log(JSON.stringify({ ends, told }));
