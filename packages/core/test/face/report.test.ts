// Failures are logged and reported: after the commit, once, and never on a replay.
import { expect, test } from "bun:test";
import { AsyncLocalStorage } from "node:async_hooks";
import { Run, type Runtime, Step, Workflow } from "../../src/index.ts";
import { listening, runToEnd, setup } from "../kit/world.ts";

const failing = Workflow.define({ name: "failing" }, async (ctx) => {
  await Step.run(
    ctx,
    "charge",
    () => {
      throw new Error("refused");
    },
    { retry: { attempts: 2 } },
  );
});

test("each failed attempt, the step and the run are logged and reported once", async () => {
  const world = setup();
  const { logger, lines } = listening("debug");
  const events: Runtime.Report[] = [];
  const runtime = await world.open([failing], { logger, report: (event) => void events.push(event) });
  const error = await runToEnd(world, runtime, failing, undefined).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Error);
  const facts = [
    { kind: "attempt", step: "charge", attempt: 1 },
    { kind: "attempt", step: "charge", attempt: 2 },
    { kind: "step", step: "charge", attempt: 2 },
    { kind: "run" },
  ];
  expect(events).toMatchObject(facts.map((fact) => ({ ...fact, workflow: "failing", error: { message: "refused" } })));
  const failures = lines.filter(({ kind }) => kind !== undefined);
  expect(failures).toMatchObject(facts.map((fact) => ({ ...fact, workflow: "failing", err: { message: "refused" } })));
  expect(failures.map(({ level }) => level)).toEqual([20, 20, 50, 50]);
});

test("a replay reports nothing again", async () => {
  const world = setup();
  const events: string[] = [];
  const flow = Workflow.define({ name: "again" }, async (ctx) => {
    const once = { retry: { attempts: 1 } };
    await Step.run(ctx, "lost", () => Promise.reject(new Error("gone")), once).catch(() => {});
    await Step.sleep(ctx, "night", "1h");
  });
  const options = { hot: 0, report: ({ kind }: Runtime.Report) => void events.push(kind) };
  await runToEnd(world, await world.open([flow], options), flow, undefined);
  expect(events).toEqual(["attempt", "step"]);
});

test("a cancelled run is not a failure", async () => {
  const world = setup();
  const events: string[] = [];
  const flow = Workflow.define({ name: "stopped" }, (ctx) => Step.sleep(ctx, "night", "1h"));
  const runtime = await world.open([flow], { report: ({ kind }) => void events.push(kind) });
  const run = await Workflow.start(runtime, flow);
  await world.clock.settle();
  await Run.cancel(run);
  await world.result(run).catch(() => {});
  expect(events).toEqual([]);
});

for (const [how, report] of [
  [
    "throws",
    () => {
      throw new Error("hook");
    },
  ],
  ["rejects", () => Promise.reject(new Error("hook"))],
] as const) {
  test(`a report that ${how} is logged and harms nothing`, async () => {
    const world = setup();
    const { logger, lines } = listening("error");
    const runtime = await world.open([failing], { logger, report });
    expect(await runToEnd(world, runtime, failing, undefined).catch(String)).toContain("refused");
    expect(lines.filter(({ err }) => (err as Error).message === "hook")).toHaveLength(4);
  });
}

test("a report that is not a function is refused", async () => {
  const wrong = "log" as unknown as () => void;
  const error: unknown = await setup()
    .open([], { report: wrong })
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "invalid_option" });
});

const once = { attempts: 1 } as const;

/** What a run of this workflow reports, in short. */
const reportsOf = async (flow: Workflow.Definition<never>, options: Runtime.Options = {}): Promise<string[]> => {
  const world = setup();
  const events: string[] = [];
  const report = (event: Runtime.Report): void =>
    void events.push(`${event.kind}${event.kind === "run" ? "" : ` ${event.step}`}: ${event.error.message}`);
  const runtime = await world.open([flow], { ...options, report });
  await runToEnd(world, runtime, flow as Workflow.Definition<undefined>, undefined).catch(() => {});
  return events;
};

test("an undo that fails is reported as a step", async () => {
  const flow = Workflow.define({ name: "undone" }, async (ctx) => {
    const undo = (): never => {
      throw new Error("no refund");
    };
    await Step.run(ctx, "pay", () => 1, { undo, undoRetry: once });
    throw new Error("sold out");
  });
  expect(await reportsOf(flow)).toEqual(["attempt undo:pay: no refund", "step undo:pay: no refund", "run: sold out"]);
});

test("the attempt and the fallback that failed after it are both reported", async () => {
  const flow = Workflow.define({ name: "twice" }, (ctx) =>
    Step.run(ctx, "ask", () => Promise.reject(new Error("down")), {
      retry: once,
      fallback: () => Promise.reject(new Error("nothing cached")),
    }),
  );
  expect(await reportsOf(flow)).toEqual(["attempt ask: down", "step ask: nothing cached", "run: nothing cached"]);
});

test("an attempt that a fallback answers for is reported, and no step", async () => {
  const flow = Workflow.define({ name: "cached" }, (ctx) =>
    Step.run(ctx, "ask", () => Promise.reject(new Error("down")), { retry: once, fallback: () => 1 }),
  );
  expect(await reportsOf(flow)).toEqual(["attempt ask: down"]);
});

test("a result that cannot be kept is reported as a failed attempt and step", async () => {
  const flow = Workflow.define({ name: "odd" }, (ctx) => Step.run(ctx, "make", () => Symbol("odd") as unknown, { retry: once }));
  const [attempt, step, run, ...others] = await reportsOf(flow);
  expect(attempt).toStartWith("attempt make: The result");
  expect(step).toStartWith("step make: The result");
  expect(run).toStartWith("run: The result");
  expect(others).toEqual([]);
});

test("a run that took longer than its timeout is a failed run", async () => {
  const flow = Workflow.define({ name: "slow", timeout: "1m" }, (ctx) => Step.sleep(ctx, "night", "1h"));
  const [run, ...others] = await reportsOf(flow);
  expect(run).toStartWith("run: ");
  expect(others).toEqual([]);
});

test("the hook sees no async context of the code that opened or started", async () => {
  const world = setup();
  const storage = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  await storage.run("request", async () => {
    const runtime = await world.open([failing], { report: () => void seen.push(storage.getStore()) });
    await runToEnd(world, runtime, failing, undefined).catch(() => {});
  });
  expect(seen).toEqual([undefined, undefined, undefined, undefined]);
});
