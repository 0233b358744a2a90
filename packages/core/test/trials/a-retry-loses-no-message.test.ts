// What a run took after the failure that is forgotten is in its mailbox again, in its old place.
import { expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { Context, Run, Signal, Step, Workflow } from "../../src/index.ts";
import { setup } from "../kit/world.ts";
import { story, thrown } from "../face/scene.ts";

const word = Signal.define<string>("word");
const other = Signal.define<string>("other");
const once = { retry: { attempts: 1 } } as const;

/** `pay` fails, the body waits and takes, and then it fails for that failure. */
const scene = () => {
  const mend = { works: false };
  const pay = (ctx: Context.Context) =>
    Step.run(ctx, "pay", () => (mend.works ? "paid" : Promise.reject(new Error("pay is down"))), once);
  return { mend, pay };
};

test("messages that were taken after the failure come back, before those that came later", async () => {
  const world = setup();
  const { mend, pay } = scene();
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    const taken = [await Step.wait(ctx, word)];
    const [first, second] = await Promise.allSettled([
      pay(ctx).then(async (paid) => [paid, await Step.wait(ctx, word), await Step.wait(ctx, other)]),
      Step.sleep(ctx, "a while", "1m"),
    ]);
    expect(second.status).toBe("fulfilled");
    if (first.status === "fulfilled") return [...taken, ...first.value, await Step.wait(ctx, word), await Step.wait(ctx, word)];
    // Not dealt with: what it takes here is for nothing.
    await Step.wait(ctx, word, { name: "sorry" });
    await Step.wait(ctx, other);
    throw first.reason as Error;
  });
  const run = await Workflow.start(await world.open([flow]), flow);
  for (const text of ["1", "2", "3"]) await Signal.send(run, word, text, { key: text });
  await Signal.send(run, other, "o");
  await thrown(world.result(run));
  for (let round = 0; round < 2; round++) {
    await Run.retry(run);
    await thrown(world.result(run));
  }
  mend.works = true;
  await Run.retry(run);
  await Signal.send(run, word, "2", { key: "2" });
  await Signal.send(run, word, "4");
  expect(await world.result(run)).toEqual(["1", "paid", "2", "o", "3", "4"]);
});

test("a message that an older release took comes back too", async () => {
  const world = setup();
  const { mend, pay } = scene();
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    const first = await Step.wait(ctx, word);
    try {
      return [first, await pay(ctx), await Step.wait(ctx, word), await Step.wait(ctx, other)];
    } catch (error) {
      await Promise.all([Step.wait(ctx, other), Step.wait(ctx, word)]);
      throw error;
    }
  });
  const run = await Workflow.start(await world.open([flow]), flow);
  for (const text of ["1", "2"]) await Signal.send(run, word, text);
  await Signal.send(run, other, "o");
  await thrown(world.result(run));
  await world.ask(sql`update holdfast_signals set taken_seq = null`);
  mend.works = true;
  await Run.retry(run);
  expect(await world.result(run)).toEqual(["1", "paid", "2", "o"]);
});

test("a wait that gave up after the failure waits again, one that gave up before has given up", async () => {
  const world = setup();
  const { mend, pay } = scene();
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    const before = await Step.wait(ctx, word, { timeout: "1m" });
    try {
      return [before, await pay(ctx), await Step.wait(ctx, word, { timeout: "1m" })];
    } catch (error) {
      await Step.wait(ctx, word, { timeout: "1m" });
      throw error;
    }
  });
  const run = await Workflow.start(await world.open([flow]), flow);
  await thrown(world.result(run));
  mend.works = true;
  await Run.retry(run);
  await Signal.send(run, word, "late");
  expect(await world.result(run)).toEqual([undefined, "paid", "late"]);
});

test("of a cancelled run: what it took while it was being cancelled comes back", async () => {
  const world = setup();
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    try {
      await Step.sleep(ctx, "nap", "1h");
    } catch (error) {
      await Context.shield(ctx, (safe) => Step.wait(safe, word));
      throw error;
    }
    return Step.wait(ctx, word);
  });
  const run = await Workflow.start(await world.open([flow]), flow);
  await Signal.send(run, word, "kept");
  await world.clock.advance(1_000);
  await Run.cancel(run);
  await thrown(world.result(run));
  expect(await story(run)).toContain("taken word");
  await Run.retry(run);
  expect(await world.result(run)).toBe("kept");
});

test("a fork begins with what the run had taken before; what the run took later is the run's", async () => {
  const world = setup();
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    const first = await Step.wait(ctx, word);
    await Step.run(ctx, "a", () => 1);
    return [first, await Step.wait(ctx, word)];
  });
  const run = await Workflow.start(await world.open([flow]), flow);
  for (const text of ["1", "2"]) await Signal.send(run, word, text);
  expect(await world.result(run)).toEqual(["1", "2"]);
  const fork = await Run.fork(run, { from: "a" });
  await Signal.send(fork, word, "to the fork");
  expect(await world.result(fork)).toEqual(["1", "to the fork"]);
});
