// Runs whose process dies time and again: found out, executed apart, and put aside before they do it once more.
import { expect, test } from "bun:test";
import { Run, Runtime, Step, Workflow } from "../../src/index.ts";
import { createHeld } from "../kit/held.ts";
import { setup } from "../kit/world.ts";
import { story } from "../face/scene.ts";

/** A step that never ends is a process that dies in it, once the test crashes the runtime. */
const deadly = (calls: string[]) =>
  Workflow.define({ name: "deadly" }, async (ctx, safe: boolean) => {
    await Step.run(ctx, "fine", () => calls.push("fine"));
    return Step.run(ctx, "boom", () => (calls.push("boom"), safe ? "survived" : Promise.withResolvers<string>().promise));
  });

test("a run that was claimed `crashes` times without getting on is paused as quarantined, and names the step", async () => {
  const world = setup();
  const calls: string[] = [];
  const flow = deadly(calls);
  let runtime = await world.open([flow], { crashes: 3 });
  const { id } = await Workflow.start(runtime, flow, false);
  await world.clock.advance(500);
  for (let crash = 0; crash < 3; crash++) {
    expect((await Run.get(Run.of(runtime, id))).status).toBe("running");
    await world.crash(runtime);
    runtime = await world.open([flow], { crashes: 3 });
    await world.clock.advance(500);
  }
  await world.crash(runtime);
  runtime = await world.open([flow], { crashes: 3 });
  await world.clock.advance(500);
  const view = await Run.get(Run.of(runtime, id));
  expect(view.status).toBe("paused");
  expect(view.reason).toMatchObject({ code: "quarantined", step: "boom", crashes: 3 });
  const tried = calls.length;
  await world.clock.advance(100_000_000);
  expect(calls.length).toBe(tried);
  expect(calls.filter((call) => call === "fine").length).toBe(1);
});

test("Run.resume lets a quarantined run go, with its strikes forgotten; a cancel ends it", async () => {
  const world = setup();
  const calls: string[] = [];
  let safe = false;
  const flow = Workflow.define({ name: "flow" }, (ctx) =>
    Step.run(ctx, "boom", () => (calls.push("boom"), safe ? "survived" : Promise.withResolvers<string>().promise)),
  );
  let runtime = await world.open([flow], { crashes: 1 });
  const ids = [(await Workflow.start(runtime, flow)).id, (await Workflow.start(runtime, flow)).id] as const;
  for (let crash = 0; crash < 8; crash++) {
    await world.clock.advance(500);
    await world.crash(runtime);
    runtime = await world.open([flow], { crashes: 1 });
  }
  await world.clock.advance(500);
  for (const id of ids) expect((await Run.get(Run.of(runtime, id))).reason?.code).toBe("quarantined");
  safe = true;
  await Run.resume(Run.of(runtime, ids[0]));
  expect(await world.result(Run.of(runtime, ids[0]))).toBe("survived");
  await Run.cancel(Run.of(runtime, ids[1]));
  await world.clock.advance(500);
  expect((await Run.get(Run.of(runtime, ids[1]))).status).toBe("cancelled");
});

test("a run that gets on is no suspect, however often its process dies", async () => {
  const world = setup();
  const steps = 12;
  let hang = Promise.withResolvers<void>();
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    for (let n = 0; n < steps; n++) await Step.run(ctx, `s${n}`, () => (n % 2 === 0 ? undefined : hang.promise));
    return "done";
  });
  let runtime = await world.open([flow], { crashes: 1 });
  const { id } = await Workflow.start(runtime, flow);
  for (let crash = 0; crash < steps / 2; crash++) {
    await world.clock.advance(200);
    const old = hang;
    old.resolve();
    await world.clock.settle();
    hang = Promise.withResolvers();
    await world.crash(runtime);
    runtime = await world.open([flow], { crashes: 1 });
  }
  hang.resolve();
  expect(await world.result(Run.of(runtime, id))).toBe("done");
});

test("suspects are executed one at a time, and say which step they try; innocents finish beside them and after them", async () => {
  const world = setup();
  const calls: string[] = [];
  const flow = deadly(calls);
  const innocent = Workflow.define({ name: "innocent" }, (ctx) => Step.run(ctx, "a", () => "innocent"));
  const { seen, work, release } = createHeld();
  let safe = false;
  const bad = Workflow.define({ name: "bad" }, (ctx) =>
    Step.run(ctx, "boom", () => (safe ? work("survived") : Promise.withResolvers<string>().promise)),
  );
  let runtime = await world.open([bad, innocent, flow]);
  const ids: string[] = [];
  for (let n = 0; n < 6; n++) ids.push((await Workflow.start(runtime, bad)).id);
  for (let crash = 0; crash < 3; crash++) {
    await world.clock.advance(500);
    await world.crash(runtime);
    safe = crash === 2;
    runtime = await world.open([bad, innocent, flow]);
  }
  const good = await Promise.all(Array.from({ length: 5 }, () => Workflow.start(runtime, innocent)));
  for (const run of good) expect(await world.result(run)).toBe("innocent");
  await release(world.clock, 500);
  for (const id of ids) expect((await Run.get(Run.of(runtime, id))).status).toBe("completed");
  expect(seen).toEqual({ calls: 6, most: 1 });
  expect(await story(Run.of(runtime, ids[0] as string))).toContain("running boom");
  expect(await Runtime.check(runtime)).toEqual([]);
});
