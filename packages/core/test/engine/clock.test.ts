// A wall clock that is set while work is under way: what lasts so long goes by the time that passes, what is due at a moment by the wall.
import { describe, expect, test } from "bun:test";
import { system } from "../../src/engine/clock.ts";
import { Run, Runtime, Step, Workflow } from "../../src/index.ts";
import { setup } from "../kit/world.ts";
import { thrown } from "../face/scene.ts";
import { share, together } from "./shared.ts";

const hour = 3_600_000;
const hang = Workflow.define({ name: "hang" }, (ctx) =>
  Step.run(ctx, "hang", () => new Promise<string>(() => {}), {
    timeout: "10m",
    retry: { attempts: 1 },
    fallback: () => "in time",
  }),
);

describe("the wall clock is set while a step is under way", () => {
  test("an hour forward does not end its timeout of ten minutes", async () => {
    const world = setup();
    const run = await Workflow.start(await world.open([hang]), hang);
    await world.clock.advance(1_000);
    world.clock.jump(hour);
    await world.clock.advance(1_000);
    expect((await Run.get(run)).status).toBe("running");
  });

  test("an hour back does not make its timeout longer", async () => {
    const world = setup();
    const run = await Workflow.start(await world.open([hang]), hang);
    await world.clock.advance(1_000);
    world.clock.jump(-hour);
    await world.clock.advance(600_000);
    expect((await Run.get(run)).status).toBe("completed");
  });
});

test("a result that is awaited for a minute is awaited for a minute, though the clock is set back", async () => {
  const world = setup();
  const run = await Workflow.start(await world.open([hang]), hang);
  const waiting = thrown(Run.result(run, { timeout: "1m" }));
  await world.clock.advance(1_000);
  world.clock.jump(-hour);
  await world.clock.advance(60_000);
  expect((await waiting).code).toBe("result_timeout");
});

test("a close in good order takes no longer than it may, though the clock is set back", async () => {
  const world = setup();
  const runtime = await world.open([hang]);
  await Workflow.start(runtime, hang);
  await world.clock.advance(1_000);
  const state = { closed: false };
  void Runtime.close(runtime).then(() => (state.closed = true));
  await world.clock.settle();
  world.clock.jump(-hour);
  await world.clock.advance(250);
  expect(state.closed).toBe(true);
});

test("a worker that falls silent is noticed after its lease, though the clock of those who look is set back", async () => {
  const shared = share();
  const nap = Workflow.define({ name: "nap" }, (ctx) => Step.run(ctx, "nap", () => Bun.sleep(0)));
  const one = await shared.open([nap], { lease: 3_000 });
  const two = await shared.open([nap]);
  const workers = () => shared.client.query("select key from holdfast_workers").all().length;
  await two.clock.advance(1_000);
  await shared.kill(one.runtime);
  two.clock.jump(-hour);
  await two.clock.advance(4_000);
  expect(workers()).toBe(1);
});

describe("who stood still", () => {
  const nap = Workflow.define({ name: "nap" }, (ctx) => Step.run(ctx, "nap", () => Bun.sleep(0)));
  const scene = async () => {
    const shared = share();
    const one = await shared.open([nap], { lease: 3_000 });
    const two = await shared.open([nap], { lease: 3_000 });
    const workers = () => shared.client.query<{ key: number }, []>("select key from holdfast_workers").all();
    await together([one.clock, two.clock], 1_000);
    return { shared, one, two, workers };
  };

  test("says nothing of the others, who may have stood still with it: a suspended machine costs nobody its lease", async () => {
    const { one, two, workers } = await scene();
    const before = workers();
    one.clock.stall(600_000);
    two.clock.stall(600_000);
    await two.clock.advance(500);
    await together([one.clock, two.clock], 5_000);
    expect(workers()).toEqual(before);
  });

  test("finds out after one more lease who is really silent", async () => {
    const { shared, one, two, workers } = await scene();
    await shared.kill(one.runtime);
    two.clock.stall(600_000);
    await two.clock.advance(2_500);
    expect(workers()).toHaveLength(2);
    await two.clock.advance(1_000);
    expect(workers()).toHaveLength(1);
  });
});

test("the machine's clock calls back after so many ms, and not when it was called off", async () => {
  const called: string[] = [];
  system.after(30, () => called.push("late"));
  system.after(0, () => called.push("soon"));
  system.after(1, () => called.push("never"))();
  await Bun.sleep(10);
  const soon = [...called];
  await Bun.sleep(60);
  expect(soon.filter((word) => word !== "late")).toEqual(["soon"]);
  expect(called).toEqual(["soon", "late"]);
});
