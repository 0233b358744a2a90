// Ordinary code stays ordinary: what try, catch, finally, Promise.* and helpers say around a step or a sleep is what happens.
import { Context, Run, Signal, Step, Workflow } from "../../src/index.ts";
import { table, type Event } from "./table.ts";

const go = Signal.define<string>("go");

const has =
  (kind: string, key: string | null = null): Event["when"] =>
  (records) =>
    records.some((record) => record.kind === kind && (key === null || record.key === key));
const cancelWhen = (when: Event["when"]): Event => ({ when, act: (run) => Run.cancel(run, "enough") });

const steady = { delay: "1s", factor: 1, jitter: "none" } as const;

table({
  "a sleep inside try is no error": {
    workflows: ({ does }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        try {
          await Step.sleep(ctx, "nap", "3d");
          await Step.run(
            ctx,
            "after",
            does(() => 1),
          );
        } catch {
          return "caught";
        }
        return "slept";
      }),
    ],
    ends: { output: "slept" },
    begun: { after: 1 },
  },

  "a flaky step inside try gets all its retries": {
    workflows: ({ does, begun }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        try {
          return await Step.run(
            ctx,
            "flaky",
            ({ key, signal, attempt }) => {
              does(() => 1)({ key, signal });
              if (attempt < 4) throw new Error(`attempt ${attempt} of ${begun()["flaky"]}`);
              return `attempt ${attempt}`;
            },
            { retry: { attempts: 4, ...steady } },
          );
        } catch {
          return "caught";
        }
      }),
    ],
    ends: { output: "attempt 4" },
    begun: { flaky: 4 },
  },

  "a step that fails for good is caught where it was awaited": {
    workflows: ({ does }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        try {
          await Step.run(
            ctx,
            "bad",
            does(() => Promise.reject(new RangeError("no"))),
            { retry: { attempts: 2, ...steady } },
          );
        } catch (error) {
          return `${(error as Error).name}: ${(error as Error).message}, ${await Step.run(
            ctx,
            "amends",
            does(() => "mended"),
          )}`;
        }
        return "not here";
      }),
    ],
    ends: { output: "RangeError: no, mended" },
    begun: { bad: 2, amends: 1 },
  },

  "allSettled over a sleep, a step and a failing step": {
    workflows: ({ does, slow }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        const settled = await Promise.allSettled([
          Step.sleep(ctx, "nap", "1h"),
          Step.run(
            ctx,
            "slow",
            slow(5_000, () => 1),
          ),
          Step.run(
            ctx,
            "bad",
            does(() => Promise.reject(new Error("no"))),
            { retry: { attempts: 1 } },
          ),
        ]);
        return settled.map((one) => (one.status === "fulfilled" ? (one.value ?? "slept") : (one.reason as Error).message));
      }),
    ],
    ends: { output: ["slept", 1, "no"] },
    begun: { slow: 1, bad: 1 },
  },

  "Promise.all of a sleeping and a slow branch runs the slow step once": {
    workflows: ({ slow }) => [
      Workflow.define({ name: "w" }, (ctx) =>
        Promise.all([
          Step.sleep(ctx, "nap", "1m").then(() => "slept"),
          Step.run(
            ctx,
            "slow",
            slow(90_000, () => "worked"),
          ),
        ]),
      ),
    ],
    ends: { output: ["slept", "worked"] },
    begun: { slow: 1 },
  },

  "two branches with the same step names, several steps each": {
    workflows: ({ slow }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        const branch = async (name: string, ms: number): Promise<string[]> => {
          const seen: string[] = [];
          for (let i = 0; i < 3; i++)
            seen.push(
              await Step.run(
                ctx,
                "work",
                slow(ms, () => `${name}${i}`),
              ),
            );
          return seen;
        };
        return Promise.all([branch("a", 300), branch("b", 700)]);
      }),
    ],
    ends: {
      output: [
        ["a0", "a1", "a2"],
        ["b0", "b1", "b2"],
      ],
    },
    begun: { work: 1, "work#2": 1, "work#3": 1, "work#4": 1, "work#5": 1, "work#6": 1 },
  },

  "a race whose loser rejects later": {
    workflows: ({ slow }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        const loser = Step.run(
          ctx,
          "loser",
          slow(60_000, () => Promise.reject(new Error("too late"))),
          { retry: { attempts: 1 } },
        );
        const winner = await Promise.race([
          Step.run(
            ctx,
            "winner",
            slow(10, () => "won"),
          ),
          loser,
        ]);
        await Step.sleep(ctx, "nap", "1h");
        return [winner, await loser.catch((error: Error) => error.message)];
      }),
    ],
    ends: { output: ["won", "too late"] },
    begun: { winner: 1, loser: 1 },
  },

  "a race of a step and a sleep that the sleep wins": {
    workflows: ({ slow, does }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        const first = await Promise.race([
          Step.run(
            ctx,
            "slow",
            slow(90_000, () => "step"),
          ),
          Step.sleep(ctx, "nap", "1m").then(() => "sleep"),
        ]);
        await Step.run(
          ctx,
          "after",
          does(() => 1),
        );
        return first;
      }),
    ],
    ends: { output: "sleep" },
    begun: { slow: 1, after: 1 },
  },

  "Promise.any passes over failures": {
    workflows: ({ slow, does }) => [
      Workflow.define({ name: "w" }, (ctx) =>
        Promise.any([
          Step.run(
            ctx,
            "bad",
            does(() => Promise.reject(new Error("no"))),
            { retry: { attempts: 1 } },
          ),
          Step.sleep(ctx, "nap", "1m").then(() =>
            Step.run(
              ctx,
              "good",
              does(() => "good"),
            ),
          ),
          Step.run(
            ctx,
            "slow",
            slow(3_90_000, () => "slow"),
          ),
        ]),
      ),
    ],
    ends: { output: "good" },
    begun: { bad: 1, good: 1, slow: 1 },
  },

  "nested Promise.all of branches with sleeps": {
    workflows: ({ does }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        const leaf = async (name: string, ms: number): Promise<string> => {
          await Step.sleep(ctx, `nap ${name}`, ms);
          return Step.run(
            ctx,
            name,
            does(() => name),
          );
        };
        return Promise.all([
          Promise.all([leaf("a", 60_000), leaf("b", 1)]),
          Promise.all([leaf("c", 30_000), Promise.all([leaf("d", 0), leaf("e", 1)])]),
        ]);
      }),
    ],
    ends: {
      output: [
        ["a", "b"],
        ["c", ["d", "e"]],
      ],
    },
    begun: { a: 1, b: 1, c: 1, d: 1, e: 1 },
  },

  "finally around a wait runs when the run is cancelled": {
    workflows: ({ does }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        await Step.run(
          ctx,
          "begin",
          does(() => 1),
        );
        try {
          return await Step.wait(ctx, go);
        } finally {
          await Context.shield(ctx, async (safe) => {
            await Step.run(
              safe,
              "clean up",
              does(() => 1),
            );
            await Step.sleep(safe, "breathe", "1h");
            await Step.run(
              safe,
              "lock",
              does(() => 1),
            );
          });
        }
      }),
    ],
    events: [cancelWhen(has("waiting"))],
    ends: { cancelled: "enough" },
    begun: { begin: 1, "clean up": 1, lock: 1 },
  },

  "a helper called twice in parallel": {
    workflows: ({ slow }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        const price = async (of: number): Promise<number> => {
          const net = await Step.run(
            ctx,
            "net",
            slow(of * 100, () => of),
          );
          await Step.sleep(ctx, "pause", of * 60_000);
          return (
            net +
            (await Step.run(
              ctx,
              "tax",
              slow(50, () => of / 10),
            ))
          );
        };
        const [a, b] = await Promise.all([price(20), price(10)]);
        return a + b;
      }),
    ],
    ends: { output: 33 },
    begun: { net: 1, "net#2": 1, tax: 1, "tax#2": 1 },
  },

  "a loop that takes signals until one says stop": {
    workflows: ({ does }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        const heard: string[] = [];
        for (;;) {
          const word = await Step.wait(ctx, go);
          if (word === "stop") return heard;
          heard.push(
            await Step.run(
              ctx,
              "hear",
              does(() => word),
            ),
          );
        }
      }),
    ],
    events: ["one", "two", "three", "stop"].map((word, index) => ({
      when: has("waiting", index === 0 ? "go" : `go#${index + 1}`),
      act: (run) => Signal.send(run, go, word, { key: word }),
    })),
    ends: { output: ["one", "two", "three"] },
    begun: { hear: 1, "hear#2": 1, "hear#3": 1 },
  },

  "steps in the map callback of an array": {
    workflows: ({ slow }) => [
      Workflow.define({ name: "w" }, (ctx) =>
        Promise.all(
          [3, 1, 2].map((n) =>
            Step.run(
              ctx,
              "square",
              slow(n * 100, () => n * n),
            ),
          ),
        ),
      ),
    ],
    ends: { output: [9, 1, 4] },
    begun: { square: 1, "square#2": 1, "square#3": 1 },
  },

  "steps in the callback of Step.map, two at a time, with a sleep in each": {
    workflows: ({ slow }) => [
      Workflow.define({ name: "w" }, (ctx) =>
        Step.map(
          ctx,
          "each",
          [3, 1, 2],
          async (own, n) => {
            await Step.sleep(own, "pause", n * 60_000);
            return Step.run(
              own,
              "square",
              slow(n * 100, () => n * n),
            );
          },
          { limit: 2 },
        ),
      ),
    ],
    ends: { output: [9, 1, 4] },
    begun: { "each[0]/square": 1, "each[1]/square": 1, "each[2]/square": 1 },
  },

  "catch {} around everything still parks and replays": {
    workflows: ({ does }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        let count = 0;
        for (let i = 0; i < 3; i++) {
          try {
            await Step.sleep(ctx, "nap", "1d");
          } catch {}
          try {
            count += await Step.run(
              ctx,
              "work",
              does(() => 1),
            );
          } catch {}
        }
        return count;
      }),
    ],
    ends: { output: 3 },
    begun: { work: 1, "work#2": 1, "work#3": 1 },
  },

  "catch {} around everything still cancels": {
    workflows: ({ does }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        try {
          await Step.run(
            ctx,
            "work",
            does(() => 1),
            { undo: (_, tools) => does(() => 1)(tools) },
          );
          await Step.sleep(ctx, "nap", "1d");
        } catch {}
        try {
          await Step.run(
            ctx,
            "never",
            does(() => 1),
          );
        } catch {}
        return "went on";
      }),
    ],
    events: [cancelWhen(has("timer"))],
    ends: { output: "went on" },
    begun: { work: 1 },
  },

  "an endless loop that swallows its cancel ends all the same, and is undone": {
    workflows: ({ does }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        await Step.run(
          ctx,
          "one",
          does(() => 1),
          { undo: (_, tools) => does(() => 1)(tools) },
        );
        await Step.run(
          ctx,
          "two",
          does(() => 2),
          { undo: (_, tools) => does(() => 1)(tools) },
        );
        for (;;) {
          try {
            await Step.sleep(ctx, "nap", "1d");
          } catch {}
        }
      }),
    ],
    events: [cancelWhen(has("timer"))],
    ends: { cancelled: "enough" },
    begun: { one: 1, two: 1, "undo:one": 1, "undo:two": 1 },
  },

  "for await over a generator with steps and sleeps in it": {
    workflows: ({ does }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        async function* pages(): AsyncGenerator<number> {
          for (let page = 1; page <= 3; page++) {
            yield await Step.run(
              ctx,
              "page",
              does(() => page * 10),
            );
            await Step.sleep(ctx, "pause", "1m");
          }
        }
        let sum = 0;
        for await (const page of pages()) sum += page;
        return sum;
      }),
    ],
    ends: { output: 60 },
    begun: { page: 1, "page#2": 1, "page#3": 1 },
  },

  "a step that is awaited later": {
    workflows: ({ slow, does }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        const early = Step.run(
          ctx,
          "early",
          slow(120_000, () => "early"),
        );
        await Step.sleep(ctx, "nap", "1m");
        await Step.run(
          ctx,
          "late",
          does(() => 1),
        );
        return early;
      }),
    ],
    ends: { output: "early" },
    begun: { early: 1, late: 1 },
  },

  "a step that nobody awaits is let finish while the run goes on": {
    workflows: ({ slow, does }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        void Step.run(
          ctx,
          "aside",
          slow(1_000, () => 1),
        );
        await Step.sleep(ctx, "nap", "1m");
        return Step.run(
          ctx,
          "main",
          does(() => "done"),
        );
      }),
    ],
    ends: { output: "done" },
    begun: { aside: 1, main: 1 },
  },

  "a body that returns while a step is under way ends with its result": {
    workflows: ({ slow, does }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        void Step.run(
          ctx,
          "aside",
          slow(3_90_000, () => 1),
        );
        return Step.run(
          ctx,
          "main",
          does(() => "done"),
        );
      }),
    ],
    ends: { output: "done" },
    begun: { aside: 1, main: 1 },
  },

  "a body that throws while steps are under way: they finish, and what was done is undone": {
    workflows: ({ slow, does }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        const undo = (_: unknown, tools: { readonly key: string; readonly signal: AbortSignal }): number => does(() => 1)(tools);
        await Step.run(
          ctx,
          "one",
          does(() => 1),
          { undo },
        );
        void Step.run(
          ctx,
          "stubborn",
          ({ key, signal }) => slow(2_000, () => 1)({ key, signal: new AbortController().signal }) ?? signal,
          { undo },
        );
        await Step.sleep(ctx, "nap", 1_000);
        throw new TypeError("over");
      }),
    ],
    ends: { failed: "over" },
    begun: { one: 1, stubborn: 1, "undo:stubborn": 1, "undo:one": 1 },
    mayMiss: ["undo:stubborn"],
  },

  "a body that throws starts nothing that it had not awaited": {
    workflows: ({ does }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        await Step.run(
          ctx,
          "one",
          does(() => 1),
          { undo: (_, tools) => does(() => 1)(tools) },
        );
        void Step.run(
          ctx,
          "aside",
          does(() => 1),
        );
        void Step.sleep(ctx, "nap", "1h");
        throw new Error("over");
      }),
    ],
    ends: { failed: "over" },
    begun: { one: 1, "undo:one": 1 },
  },

  "what is thrown need not be an error": {
    workflows: ({ does }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        const seen: unknown[] = [];
        for (const thing of ["text", 7, null, undefined, { code: 1 }]) {
          await Step.run(
            ctx,
            "bad",
            does(() => Promise.reject(thing as unknown as Error)),
            { retry: { attempts: 1 } },
          ).catch((error: unknown) => seen.push(error instanceof Error));
        }
        // oxlint-disable-next-line typescript/only-throw-error -- the point of the row
        throw seen.length === 5 ? "a word" : seen;
      }),
    ],
    ends: { failed: "Thrown, and no Error: a word" },
    begun: { bad: 1, "bad#2": 1, "bad#3": 1, "bad#4": 1, "bad#5": 1 },
  },

  "a child and a signal raced, the signal was there first": {
    workflows: ({ slow }) => {
      const child = Workflow.define({ name: "child" }, (ctx) =>
        Step.run(
          ctx,
          "work",
          slow(90_000, () => "child"),
        ),
      );
      return [
        Workflow.define({ name: "w" }, async (ctx) => {
          await Step.sleep(ctx, "nap", "1m");
          const began = Context.now(ctx);
          const winner = await Promise.race([Step.call(ctx, child, undefined), Step.wait(ctx, go)]);
          return [winner, Context.now(ctx) - began];
        }),
        child,
      ];
    },
    events: [{ when: has("timer"), act: (run) => Signal.send(run, go, "signal", { key: "once" }) }],
    ends: { output: ["signal", 0] },
    begun: { "child/work": 1 },
    mayMiss: ["child/work"],
  },

  "two signals are awaited while one name is flooded": {
    workflows: ({ does }) => {
      const stop = Signal.define<string>("stop");
      return [
        Workflow.define({ name: "w" }, async (ctx) => {
          await Step.sleep(ctx, "nap", "1m");
          const both = await Promise.all([Step.wait(ctx, go), Step.wait(ctx, stop)]);
          await Step.run(
            ctx,
            "after",
            does(() => 1),
          );
          return both;
        }),
      ];
    },
    events: [
      {
        when: has("timer"),
        act: async (run) => {
          for (let n = 0; n < 5; n++) await Signal.send(run, go, `go ${n}`, { key: `go ${n}` });
          await Signal.send(run, Signal.define("stop"), "stop", { key: "stop" });
        },
      },
    ],
    ends: { output: ["go 0", "stop"] },
    begun: { after: 1 },
  },

  "children that are awaited, and one that is not": {
    workflows: ({ does, slow }) => {
      const child = Workflow.define<number, number>({ name: "child" }, async (ctx, n) => {
        await Step.sleep(ctx, "nap", n * 1_000);
        return Step.run(
          ctx,
          `work ${n}`,
          does(() => n * 2),
        );
      });
      const aside = Workflow.define<number, number>({ name: "aside" }, (ctx, n) =>
        Step.run(
          ctx,
          "aside",
          slow(10, () => n),
        ),
      );
      return [
        Workflow.define({ name: "w" }, async (ctx) => {
          const id = await Step.start(ctx, aside, 1);
          const [a, b] = await Promise.all([Step.call(ctx, child, 3), Step.call(ctx, child, 1)]);
          await Step.sleep(ctx, "wait for it", "1m");
          return [a, b, id.includes("aside")];
        }),
        child,
        aside,
      ];
    },
    ends: { output: [6, 2, true] },
    begun: { "aside/aside": 1, "child#2/work 1": 1, "child/work 3": 1 },
  },

  "Promise.race replayed time and again keeps its winner": {
    workflows: ({ slow }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        const winners: string[] = [];
        for (let n = 0; n < 4; n++) {
          winners.push(
            await Promise.race([
              Step.run(
                ctx,
                "step",
                slow(n % 2 === 0 ? 100 : 90_000, () => "step"),
              ),
              Step.sleep(ctx, "sleep", 60_000).then(() => "sleep"),
            ]),
          );
        }
        return winners.join(" ");
      }),
    ],
    ends: { output: "step sleep step sleep" },
    begun: Object.fromEntries(Array.from({ length: 4 }, (_, n) => [n === 0 ? "step" : `step#${n + 1}`, 1])),
  },

  "a loop of 1,000 steps with one name": {
    workflows: ({ does }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        let sum = 0;
        for (let n = 0; n < 1_000; n++)
          sum += await Step.run(
            ctx,
            "add",
            does(() => n),
          );
        return sum;
      }),
    ],
    ends: { output: 499_500 },
    begun: Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [n === 0 ? "add" : `add#${n + 1}`, 1])),
    every: 331,
  },
});
