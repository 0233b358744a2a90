// Failures are logged and reported: after the commit, once, and never on a replay.
import { expect, test } from "bun:test";
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

test("a report that is not a function is refused", () => {
  const wrong = "log" as unknown as () => void;
  expect(setup().open([], { report: wrong })).rejects.toMatchObject({ code: "invalid_option" });
});
