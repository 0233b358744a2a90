// Long runs: the time per step does not grow with the history, and a long history replays.
import { expect, test } from "bun:test";
import { engineOf } from "../../src/engine/opened.ts";
import { Run, Signal, Step, Workflow } from "../../src/index.ts";
import { setup } from "../kit/world.ts";

const go = Signal.define("go");
const count = Workflow.define({ name: "count" }, async (ctx, steps: number) => {
  let sum = 0;
  for (let n = 0; n < steps; n++) sum += await Step.run(ctx, "s", () => n);
  await Step.wait(ctx, go);
  return sum;
});

/** What this process has worked so far, in ms. How busy the machine is with other things does not count. */
const worked = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

const timed = async (steps: number): Promise<{ readonly ms: number; readonly replay: number }> => {
  const world = setup();
  const first = await world.open([count]);
  const startedAt = worked();
  const run = await Workflow.start(first, count, steps);
  while (engineOf(first).executing.size > 0) await world.clock.settle();
  const ms = worked() - startedAt;
  expect((await Run.get(run)).status).toBe("waiting");
  await world.crash(first);
  const second = Run.of(await world.open([count]), run.id);
  const replayedAt = worked();
  await Signal.send(second, go, 1);
  expect(await Run.result(second)).toBe((steps * (steps - 1)) / 2);
  return { ms, replay: worked() - replayedAt };
};

test("10,000 steps cost per step about what 1,000 cost, and replay", async () => {
  await timed(500);
  let tenRuns = 0;
  for (let n = 0; n < 10; n++) tenRuns += (await timed(1_000)).ms;
  const oneRun = await timed(10_000);
  expect(oneRun.ms).toBeLessThan(tenRuns * 4);
  expect(oneRun.replay).toBeLessThan(30_000);
}, 120_000);

test("2,000 steps at the same time are all recorded", async () => {
  const world = setup();
  const wide = Workflow.define({ name: "wide" }, (ctx) =>
    Promise.all(Array.from({ length: 2_000 }, (_, n) => Step.run(ctx, "s", () => n))),
  );
  const run = await Workflow.start(await world.open([wide]), wide);
  expect(await Run.result(run)).toEqual(Array.from({ length: 2_000 }, (_, n) => n));
}, 30_000);
