/** The workflows whose histories are kept. Their code stays as it is for ever: a new shape is a new workflow beside them. */
import { z } from "zod";
import { Context, Fault, Run, Signal, Step, Workflow } from "../../src/index.ts";
import type { ManualClock } from "../kit/clock.ts";

/** What a history needs from outside while it is recorded. */
export type Scene = {
  readonly clock: ManualClock;
  /** The run, by whichever runtime is open now. */
  readonly run: () => Run.Handle;
  /** Another run, by its id. */
  readonly of: (id: string) => Run.Handle;
  /** The process dies, and another one goes on. */
  readonly crash: () => Promise<void>;
};

/** Called for each step's function that begins. */
export type Outside = {
  readonly begins: (key: string) => void;
  readonly clock: ManualClock;
  readonly database: Parameters<typeof Step.transaction>[2];
};

export type Fixture = {
  /** The first is the one that is run. */
  readonly workflows: readonly [Workflow.AnyDefinition, ...Workflow.AnyDefinition[]];
  readonly input?: unknown;
  /** The id of the run that is recorded. Default: the name. */
  readonly recorded?: string;
  /** What happens to the run besides time. */
  readonly happens?: (scene: Scene) => Promise<void>;
};

/** The workflows whose histories are kept, by name. */
export const names = [
  "order",
  "races",
  "family",
  "undone",
  "cancelled",
  "endless",
  "too-long",
  "refused",
  "retried",
  "computed",
  "forked",
  "settled",
] as const;
export type Name = (typeof names)[number];

type Tools = { readonly key: string; readonly attempt: number };

const approved = Signal.define("approved", z.object({ by: z.string() }));
const never = Signal.define<string>("never");
const once = { retry: { attempts: 1 } } as const;
const steady = { attempts: 3, delay: "2s", factor: 1, jitter: "none" } as const;

export const fixturesFor = ({ begins, clock, database }: Outside): Readonly<Record<Name, Fixture>> => {
  const does =
    <T>(answer: T) =>
    ({ key }: Tools): T => {
      begins(key);
      return answer;
    };
  const slowly =
    <T>(ms: number, answer: T) =>
    ({ key }: Tools): Promise<T> => {
      begins(key);
      return new Promise((resolve) => void clock.at(clock.now() + ms, () => resolve(answer)));
    };
  const failsBefore =
    <T>(attempt: number, answer: T) =>
    (tools: Tools): T => {
      begins(tools.key);
      if (tools.attempt < attempt) throw new RangeError(`attempt ${tools.attempt} failed`);
      return answer;
    };
  const undo = (_: unknown, tools: Tools): void => begins(tools.key);

  const child = Workflow.define<number, number>({ name: "child" }, async (ctx, n) => {
    await Step.sleep(ctx, "nap", n * 1_000);
    if (n > 5) throw Fault.fatal("too much");
    return Step.run(ctx, "double", does(n * 2));
  });

  const order = Workflow.define<{ readonly lines: readonly string[] }, unknown>({ name: "order" }, async (ctx, { lines }) => {
    const rich = await Step.run(
      ctx,
      "rich",
      does({ at: new Date(0), map: new Map([["a", 1n]]), not: Number.NaN, nothing: undefined }),
    );
    const flaky = await Step.run(ctx, "flaky", failsBefore(3, "third time"), { retry: steady });
    const slow = await Step.run(ctx, "slow", slowly(5_000, "slow"));
    const caught = await Step.run(ctx, "bad", failsBefore(9, ""), once).catch(
      (error: Error) => `${error.name}: ${error.message}`,
    );
    const dice = await Step.run(ctx, `dice ${Context.random(ctx).toFixed(6)} ${Context.uuid(ctx)}`, does("thrown"));
    const isNew = Context.patched(ctx, "newer");
    const written = await Step.transaction(ctx, "write", database, (_, tools) => does("written")(tools));
    const packed = await Step.map(ctx, "pack", lines, async (own, line, index) => {
      await Step.sleep(own, "pause", (3 - index) * 1_000);
      return Step.run(own, "box", does(line));
    });
    const answer = await Step.wait(ctx, approved, { timeout: "3d" });
    const nobody = await Step.wait(ctx, approved, { timeout: "1h" });
    const now = Context.now(ctx);
    for (let n = 0; n < 3; n++) await Step.run(ctx, "again", does(n));
    return { rich, flaky, slow, caught, dice, isNew, written, packed, answer, nobody, now };
  });

  const races = Workflow.define({ name: "races" }, async (ctx) => {
    const late = Step.run(ctx, "late", slowly(120_000, "late"));
    const won = await Promise.race([late, Step.sleep(ctx, "short", "1m").then(() => "short")]);
    const any = await Promise.any([Step.run(ctx, "bad", failsBefore(9, ""), once), Step.run(ctx, "good", slowly(500, "good"))]);
    const settled = await Promise.allSettled([late, Step.run(ctx, "worse", failsBefore(9, ""), once)]);
    const both = await Step.all(ctx, "both", {
      left: (own) => Step.run(own, "work", slowly(700, "left")),
      right: (own) => Step.run(own, "work", slowly(300, "right")),
    });
    const failed = await Step.all(ctx, "failing", {
      bad: (own) => Step.run(own, "work", failsBefore(9, ""), once),
      nap: (own) => Step.sleep(own, "nap", "9d"),
    }).catch((error: Error) => error.message);
    return { won, any, settled: settled.map(({ status }) => status), both, failed };
  });

  const family = Workflow.define({ name: "family" }, async (ctx) => {
    const id = await Step.start(ctx, child, 1, { name: "apart" });
    const taken = await Step.start(ctx, order, { lines: [] }, { name: "taken", id }).catch((error: Fault.Fault) => error.code);
    const called = await Promise.all([Step.call(ctx, child, 3), Step.call(ctx, child, 2)]);
    const failed = await Step.call(ctx, child, 7).catch((error: Fault.Fault) => error.code);
    return { id, taken, called, failed };
  });

  const undone = Workflow.define({ name: "undone" }, async (ctx) => {
    await Step.run(ctx, "one", does(1), { undo });
    await Step.run(ctx, "two", does(2), { undo: (_, tools) => failsBefore(2, 0)(tools), undoRetry: steady });
    await Step.run(ctx, "three", does(3), { undo: (_, tools) => failsBefore(9, 0)(tools), undoRetry: { attempts: 1 } });
    await Step.run(ctx, "four", does(4), { undo: (_, tools) => slowly(5_000, 0)(tools) });
    throw new TypeError("over");
  });

  const cancelled = Workflow.define({ name: "cancelled" }, async (ctx) => {
    await Step.run(ctx, "one", does(1), { undo });
    try {
      await Promise.all([Step.wait(ctx, never), Step.sleep(ctx, "nap", "30d"), Step.call(ctx, child, 5)]);
    } finally {
      await Context.shield(ctx, async (safe) => {
        await Step.run(safe, "tidy", does(1));
        await Step.sleep(safe, "breathe", "1m");
      });
    }
  });

  const endless = Workflow.define({ name: "endless" }, async (ctx) => {
    await Step.run(ctx, "one", does(1), { undo });
    for (;;) await Step.wait(ctx, never).catch(() => {});
  });

  const tooLong = Workflow.define({ name: "too-long", timeout: "1h" }, async (ctx) => {
    await Step.run(ctx, "one", does(1), { undo });
    await Step.wait(ctx, never);
  });

  const refused = Workflow.define({ name: "refused", output: z.number() }, async (ctx) => {
    await Step.run(ctx, "one", does(1), { undo });
    return "no number" as unknown as number;
  });

  let mended = false;
  const retried = Workflow.define({ name: "retried" }, async (ctx) => {
    await Step.run(ctx, "kept", does("kept"));
    await Step.run(ctx, "one", does(1), { undo });
    await Step.run(ctx, "two", (tools) => (mended ? does(2)(tools) : failsBefore(9, 0)(tools)), once);
    return "mended";
  });

  /** Work that is not durable, and takes a turn of the event loop in every life. */
  const turns = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
  const computed = Workflow.define({ name: "computed" }, async (ctx) => {
    const branch = async (name: string, ms: number): Promise<unknown> => {
      await Step.run(ctx, "fetch", slowly(ms, name));
      await turns();
      const drawn = [Context.now(ctx), Context.uuid(ctx), Context.random(ctx)];
      return [await Step.run(ctx, "store", slowly(1_000 - ms, `stored ${name}`)), drawn];
    };
    const both = await Promise.all([branch("left", 200), branch("right", 100)]);
    await Step.sleep(ctx, "pause", "1h");
    return [both, Context.uuid(ctx)];
  });

  const forked = Workflow.define({ name: "forked" }, async (ctx) => {
    const ticket = [Context.now(ctx), Context.random(ctx)];
    const drawn = await Step.run(ctx, "draw", does("drawn"));
    await Step.run(ctx, "tell", does("told"));
    return [ticket, drawn];
  });

  let repaired = false;
  const settled = Workflow.define({ name: "settled" }, async (ctx) => {
    const boxes = await Step.map(
      ctx,
      "box",
      [0, 1, 2],
      async (own, n) => {
        await Step.sleep(own, "pause", "1s");
        const bad = n === 0 && !repaired;
        return Step.run(own, "pack", (tools) => (bad ? failsBefore(9, 0)(tools) : does(n)(tools)), once);
      },
      { onError: "settle", limit: 1 },
    );
    if (boxes.some(({ status }) => status === "rejected")) throw new Error("some boxes are not packed");
    return Step.run(ctx, "send", does("sent"));
  });

  return {
    computed: {
      workflows: [computed],
      happens: async ({ clock, crash }) => {
        await clock.advance(2_000);
        await crash();
        await clock.advance(1_000);
      },
    },
    forked: {
      workflows: [forked],
      recorded: "forked-again",
      happens: async ({ clock, of }) => {
        await clock.advance(1_000);
        await Run.fork(of("forked"), { from: "tell", id: "forked-again" });
      },
    },
    order: {
      workflows: [order],
      input: { lines: ["tea", "salt", "rope"] },
      happens: async ({ clock, run, crash }) => {
        await clock.advance(3_000);
        await crash();
        await clock.advance(60_000);
        await Signal.send(run(), approved, { by: "Ada" });
        await clock.advance(1_000);
        await crash();
      },
    },
    races: {
      workflows: [races],
      happens: async ({ clock, crash }) => {
        await clock.advance(61_000);
        await crash();
      },
    },
    family: { workflows: [family, child, order] },
    undone: {
      workflows: [undone],
      happens: async ({ clock, crash }) => {
        await clock.advance(2_000);
        await crash();
      },
    },
    cancelled: {
      workflows: [cancelled, child],
      happens: async ({ clock, run, crash }) => {
        await clock.advance(1_000);
        await Run.cancel(run(), "no longer wanted");
        await clock.advance(1_000);
        await crash();
      },
    },
    endless: {
      workflows: [endless],
      happens: async ({ clock, run }) => {
        await clock.advance(1_000);
        await Run.cancel(run(), "enough");
      },
    },
    "too-long": { workflows: [tooLong] },
    refused: { workflows: [refused] },
    retried: {
      workflows: [retried],
      happens: async ({ clock, run }) => {
        await clock.advance(60_000);
        mended = true;
        await Run.retry(run());
      },
    },
    settled: {
      workflows: [settled],
      happens: async ({ clock, run, crash }) => {
        await clock.advance(60_000);
        repaired = true;
        await Run.retry(run());
        await clock.advance(500);
        await crash();
      },
    },
  };
};

/** All kinds of records that a history may hold. The type checker finds a kind that is missing. */
export const kinds: Readonly<Record<Run.Record["kind"], true>> = {
  started: true,
  step: true,
  "step-failed": true,
  fired: true,
  taken: true,
  expired: true,
  called: true,
  "call-failed": true,
  spawned: true,
  "spawn-failed": true,
  attempt: true,
  running: true,
  timer: true,
  waiting: true,
  calling: true,
  spawning: true,
  undone: true,
  "undo-failed": true,
  "undo-attempt": true,
  cancel: true,
  patched: true,
  redo: true,
  asked: true,
  drawn: true,
  forked: true,
  completed: true,
  failed: true,
  cancelled: true,
};
