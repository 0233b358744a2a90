// A wait that the body has given up by a race takes no message: the next one that is looked at gets it.
import { describe, expect, test } from "bun:test";
import { type Context, Run, Signal, Step, Workflow } from "../../src/index.ts";
import { listening, setup, type World } from "../kit/world.ts";
import { story } from "../face/scene.ts";

const word = Signal.define<string>("word");
const other = Signal.define<string>("other");
const child = Workflow.define({ name: "child" }, async (ctx) => {
  await Step.sleep(ctx, "nap", "1m");
});

type Race = (ctx: Context.Context) => Promise<string | undefined>;

/** The usual ways to wait with a heartbeat. */
const races: Readonly<Record<string, Race>> = {
  "a sleep": (ctx) => Promise.race([Step.wait(ctx, word), Step.sleep(ctx, "beat", "1m").then(() => undefined)]),
  "a sleep, the wait tagged": (ctx) =>
    Promise.race([Step.wait(ctx, word).then((text) => text), Step.sleep(ctx, "beat", "1m").then(() => undefined)]),
  "a bare sleep": async (ctx) => (await Promise.race([Step.sleep(ctx, "beat", "1m"), Step.wait(ctx, word)])) ?? undefined,
  "a step": (ctx) => Promise.race([Step.wait(ctx, word), Step.run(ctx, "beat", () => undefined)]),
  "a child": (ctx) => Promise.race([Step.wait(ctx, word), Step.call(ctx, child, undefined).then(() => undefined)]),
  "a child, bare": async (ctx) => (await Promise.race([Step.wait(ctx, word), Step.call(ctx, child, undefined)])) ?? undefined,
  "a map": (ctx) =>
    Promise.race([
      Step.wait(ctx, word),
      Step.map(ctx, "beats", [1, 2], (own) => Step.sleep(own, "beat", "1m")).then(() => undefined),
    ]),
  "another signal": (ctx) => Promise.race([Step.wait(ctx, word), Step.wait(ctx, other, { timeout: "1m" }).then(() => undefined)]),
  "a sleep, by hand": (ctx) =>
    new Promise((resolve, reject) => {
      Step.wait(ctx, word).then(resolve, reject);
      Step.sleep(ctx, "beat", "1m")
        .then(() => undefined)
        .then(resolve, reject);
    }),
  "a sleep in Promise.any": (ctx) => Promise.any([Step.wait(ctx, word), Step.sleep(ctx, "beat", "1m").then(() => undefined)]),
};

/** Six words, each with some beats before it; after each the body is busy for a while. */
const loop = (race: Race, busy: boolean) =>
  Workflow.define({ name: "loop" }, async (ctx) => {
    const words: string[] = [];
    for (let beats = 0; words.length < 6 && beats < 200; beats++) {
      const text = await race(ctx);
      if (text === undefined) continue;
      words.push(text);
      if (busy) await Step.sleep(ctx, "busy", "10m");
      else await Step.run(ctx, "store", () => text);
    }
    return words;
  });

const script = async (world: World, run: Run.Handle): Promise<void> => {
  await world.clock.advance(190_000);
  await Signal.send(run, word, "1");
  await world.clock.advance(30_000);
  for (const text of ["2", "3"]) await Signal.send(run, word, text);
  await world.clock.advance(2_000_000);
  for (const text of ["4", "5", "6"]) await Signal.send(run, word, text);
};

describe("a loop that races a wait with", () => {
  for (const [name, race] of Object.entries(races)) {
    test.each([false, true])(`${name}: every message reaches the body, in order; busy for long: %p`, async (busy) => {
      const world = setup();
      const flow = loop(race, busy);
      const run = await Workflow.start(await world.open([flow, child]), flow);
      if (name === "a step") for (const text of ["1", "2", "3", "4", "5", "6"]) await Signal.send(run, word, text);
      else await script(world, run);
      expect(await world.result(run)).toEqual(["1", "2", "3", "4", "5", "6"]);
    });
  }

  test("a sleep, after crashes and cold wakes: the same", async () => {
    const world = setup();
    const flow = loop(races["a sleep"]!, true);
    const open = () => world.open([flow], { hot: 0 });
    let runtime = await open();
    const run = await Workflow.start(runtime, flow);
    const again = async () => {
      await world.clock.advance(130_000);
      await world.crash(runtime);
      runtime = await open();
      return Run.of(runtime, run.id);
    };
    await again();
    for (const text of ["1", "2", "3"]) await Signal.send(await again(), word, text);
    for (const text of ["4", "5", "6"]) await Signal.send(await again(), word, text);
    expect(await world.result(await again())).toEqual(["1", "2", "3", "4", "5", "6"]);
  });
});

describe("two waits in one race", () => {
  test("for one signal take one message, also when two are there", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      await Step.sleep(ctx, "nap", "1m");
      const won = await Promise.race([Step.wait(ctx, word), Step.wait(ctx, word)]);
      await Step.sleep(ctx, "again", "1m");
      return [won, await Step.wait(ctx, word), await Step.wait(ctx, word)];
    });
    const run = await Workflow.start(await world.open([flow]), flow);
    for (const text of ["1", "2", "3"]) await Signal.send(run, word, text);
    expect(await world.result(run)).toEqual(["1", "2", "3"]);
  });

  test("for two signals take one message", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      await Step.sleep(ctx, "nap", "1m");
      const won = await Promise.race([Step.wait(ctx, word), Step.wait(ctx, other)]);
      return [won, await Step.wait(ctx, other)];
    });
    const run = await Workflow.start(await world.open([flow]), flow);
    await Signal.send(run, other, "o");
    await Signal.send(run, word, "w");
    expect(await world.result(run)).toEqual(["w", "o"]);
  });

  test("a message and a child that are there at once: the loser is still there for the next", async () => {
    const world = setup();
    const quick = Workflow.define({ name: "quick" }, async () => "child");
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const won = await Promise.race([Step.call(ctx, quick, undefined), Step.wait(ctx, word)]);
      return [won, won === "child" ? await Step.wait(ctx, word) : "later"];
    });
    const run = await Workflow.start(await world.open([flow, quick]), flow);
    await Signal.send(run, word, "w");
    expect(["child,w", "w,later"]).toContain(String(await world.result(run)));
  });
});

describe("waits that are listened to", () => {
  test("at the same time get a message each, in order", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Promise.all([Step.wait(ctx, word), Step.wait(ctx, word).then((text) => `${text}!`), (async () => Step.wait(ctx, word))()]),
    );
    const run = await Workflow.start(await world.open([flow]), flow);
    for (const text of ["1", "2", "3"]) await Signal.send(run, word, text);
    expect(await world.result(run)).toEqual(["1", "2!", "3"]);
  });

  test("and were asked for one after the other, as of four who must agree, get one each", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Promise.race([
        Promise.all(
          ["a", "b", "c", "d"].map(async (name) => {
            await Step.run(ctx, `ask ${name}`, () => name);
            return Step.wait(ctx, word);
          }),
        ),
        Step.sleep(ctx, "deadline", "7d").then(() => "too late"),
      ]),
    );
    const run = await Workflow.start(await world.open([flow]), flow);
    await world.clock.advance(1_000);
    for (const text of ["1", "2", "3"]) await Signal.send(run, word, text);
    await world.clock.advance(1_000);
    expect((await Run.get(run)).status).toBe("waiting");
    await Signal.send(run, word, "4");
    expect(await world.result(run)).toEqual(["1", "2", "3", "4"]);
  });

  test("one wait in race after race takes the message whenever it comes, and is awaited at last", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const wait = Step.wait(ctx, word);
      let beats = 0;
      for (; beats < 3; beats++) await Promise.race([wait, Step.sleep(ctx, "beat", "1m")]);
      await Step.sleep(ctx, "busy", "10m");
      return [beats, await wait];
    });
    const run = await Workflow.start(await world.open([flow]), flow);
    await world.clock.advance(200_000);
    await Signal.send(run, word, "w");
    await world.clock.advance(60_000);
    expect(await story(run)).not.toContain("taken word");
    expect(await world.result(run)).toEqual([3, "w"]);
  });

  test("by a race and by an await as well get their message", async () => {
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      const wait = Step.wait(ctx, word);
      const awaited = (async () => `${await wait}!`)();
      await Promise.race([wait, Step.sleep(ctx, "beat", "1m")]);
      return awaited;
    });
    const run = await Workflow.start(await world.open([flow]), flow);
    await world.clock.advance(120_000);
    await Signal.send(run, word, "w");
    expect(await world.result(run)).toBe("w!");
  });
});

test("a race that cannot be looked into takes the message by its first wait, and the log names run and wait", async () => {
  const world = setup();
  const { logger, lines } = listening();
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    const next = async () => ({ text: await Step.wait(ctx, word) });
    for (let beat = 0; beat < 5; beat++) {
      const won = await Promise.race([next(), Step.sleep(ctx, "beat", "1m")]);
      if (won) return won.text;
    }
    return "nothing";
  });
  const run = await Workflow.start(await world.open([flow], { logger }), flow);
  await world.clock.advance(130_000);
  await Signal.send(run, word, "w");
  await world.result(run);
  const warned = lines.filter(({ msg }) => String(msg).includes("the message is lost to it"));
  expect(warned).toMatchObject([{ run: run.id, wait: "word", newer: "word#3" }]);
});

test("a wait with a timeout, the pattern of the guide, loses nothing", async () => {
  const world = setup();
  const flow = loop((ctx) => Step.wait(ctx, word, { timeout: "1m" }), true);
  const run = await Workflow.start(await world.open([flow]), flow);
  await script(world, run);
  expect(await world.result(run)).toEqual(["1", "2", "3", "4", "5", "6"]);
});
