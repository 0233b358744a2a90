// Long runs: the time per step does not grow with the history, and a long history replays.
import { expect, test } from "bun:test";
import { Run, Signal, Step, Workflow } from "../../src/index.ts";
import { setup } from "../kit/world.ts";

const go = Signal.define("go");
const count = Workflow.define({ name: "count" }, async (ctx, steps: number) => {
  let sum = 0;
  for (let n = 0; n < steps; n++) sum += await Step.run(ctx, "s", () => n);
  await Step.wait(ctx, go);
  return sum;
});

const timed = async (steps: number): Promise<{ readonly ms: number; readonly replay: number }> => {
  const world = setup();
  const first = await world.open([count]);
  const startedAt = performance.now();
  const run = await Workflow.start(first, count, steps);
  while ((await Run.list(first)).runs[0]?.status !== "waiting") await Bun.sleep(5);
  const ms = performance.now() - startedAt;
  world.crash(first);
  const second = Run.of(await world.open([count]), run.id);
  const replayedAt = performance.now();
  await Signal.send(second, go, 1);
  expect(await Run.result(second)).toBe((steps * (steps - 1)) / 2);
  return { ms, replay: performance.now() - replayedAt };
};

test("10,000 steps cost per step about what 1,000 cost, and replay", async () => {
  await timed(500);
  const thousand = await timed(1_000);
  const tenThousand = await timed(10_000);
  expect(tenThousand.ms / 10_000).toBeLessThan((thousand.ms / 1_000) * 4);
  expect(tenThousand.replay).toBeLessThan(2_000);
}, 30_000);

test("2,000 steps at the same time are all recorded", async () => {
  const world = setup();
  const wide = Workflow.define({ name: "wide" }, (ctx) =>
    Promise.all(Array.from({ length: 2_000 }, (_, n) => Step.run(ctx, "s", () => n))),
  );
  const run = await Workflow.start(await world.open([wide]), wide);
  expect(await Run.result(run)).toEqual(Array.from({ length: 2_000 }, (_, n) => n));
});
