// What happens when a body ends badly: undo, cancel and refused outputs, also over crashes in their middle.
import { expect } from "bun:test";
import { z } from "zod";
import { Context, Run, Signal, Step, Workflow } from "../../src/index.ts";
import { on } from "../kit/world.ts";
import { table, type Event } from "./table.ts";

const go = Signal.define<string>("go");
const has =
  (kind: string): Event["when"] =>
  (records) =>
    records.some((record) => record.kind === kind);
const cancel = (when: Event["when"], reason = "enough"): Event => ({ when, act: (run) => Run.cancel(run, reason) });
const once = { attempts: 1 } as const;
const steady = { attempts: 3, delay: "10s", factor: 1, jitter: "none" } as const;
const fails = (): never => {
  throw new Error("no");
};
const late = z.number().refine(async (n) => n < 10, "too much");

table({
  "a step that is recorded in the moment the body throws is undone, and not done again": {
    workflows: ({ does, slow }) => [
      Workflow.define({ name: "w" }, (ctx) =>
        Promise.race([
          Step.run(ctx, "bad", does(fails), { retry: once }),
          Step.run(
            ctx,
            "good",
            does(() => 1),
            { undo: (_, tools) => slow(5_000, () => 1)(tools) },
          ),
        ]),
      ),
    ],
    ends: { failed: "no" },
    begun: { bad: 1, good: 1, "undo:good": 1 },
    // Behind a server the two need not come in one moment.
    mayMiss: on === "sqlite" ? [] : ["good", "undo:good"],
  },

  "undos that take long, fail and are tried again go on where they were": {
    workflows: ({ does, slow }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        await Step.run(
          ctx,
          "one",
          does(() => 1),
          { undo: (_, tools) => slow(5_000, () => 1)(tools) },
        );
        await Step.run(
          ctx,
          "two",
          does(() => 1),
          {
            undo: (_, tools) => {
              does(() => 1)(tools);
              if (tools.attempt < 3) throw new Error("not yet");
            },
            undoRetry: steady,
          },
        );
        await Step.run(
          ctx,
          "three",
          does(() => 1),
          { undo: (_, tools) => does(fails)(tools), undoRetry: once },
        );
        throw new Error("over");
      }),
    ],
    ends: { failed: "over" },
    begun: { one: 1, two: 1, three: 1, "undo:three": 1, "undo:two": 3, "undo:one": 1 },
  },

  "an output that does not fit its schema fails the run and undoes it": {
    workflows: ({ does, slow }) => [
      Workflow.define({ name: "w", output: z.number() }, async (ctx) => {
        await Step.run(
          ctx,
          "one",
          does(() => 1),
          { undo: (_, tools) => slow(5_000, () => 1)(tools) },
        );
        return (await Step.run(
          ctx,
          "two",
          does(() => "no number"),
        )) as unknown as number;
      }),
    ],
    ends: { failed: expect.stringContaining("output of workflow") as string },
    begun: { one: 1, two: 1, "undo:one": 1 },
  },

  "an output that cannot be kept fails the run and undoes it": {
    workflows: ({ does, slow }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        await Step.run(
          ctx,
          "one",
          does(() => 1),
          { undo: (_, tools) => slow(5_000, () => 1)(tools) },
        );
        return () => {};
      }),
    ],
    ends: { failed: expect.stringContaining("output of workflow") as string },
    begun: { one: 1, "undo:one": 1 },
  },

  "an output is refused by a schema that takes its time, while a step is under way": {
    workflows: ({ does, slow }) => [
      Workflow.define({ name: "w", output: late }, async (ctx) => {
        void Step.run(
          ctx,
          "aside",
          slow(9_000, () => 1),
        );
        await Step.run(
          ctx,
          "one",
          does(() => 1),
          { undo: (_, tools) => slow(5_000, () => 1)(tools) },
        );
        await Step.sleep(ctx, "nap", "1s");
        return 11;
      }),
    ],
    ends: { failed: expect.stringContaining("output of workflow") as string },
    begun: { one: 1, aside: 1, "undo:one": 1 },
  },

  "a cancel that comes while the run is being undone changes nothing": {
    workflows: ({ does, slow }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        await Step.run(
          ctx,
          "one",
          does(() => 1),
          { undo: (_, tools) => slow(5_000, () => 1)(tools) },
        );
        throw new Error("over");
      }),
    ],
    events: [cancel(has("running"))],
    ends: { failed: "over" },
    begun: { one: 1, "undo:one": 1 },
  },

  'a cancel by a person for the reason "timeout" is a cancel': {
    workflows: () => [Workflow.define({ name: "w" }, (ctx) => Step.wait(ctx, go))],
    events: [cancel(has("waiting"), "timeout")],
    ends: { cancelled: "timeout" },
    begun: {},
  },

  "a run that took too long fails, whatever a person asks later": {
    workflows: ({ slow, does }) => [
      Workflow.define({ name: "w", timeout: "1h" }, async (ctx) => {
        try {
          await Step.wait(ctx, go);
        } finally {
          await Context.shield(ctx, (safe) =>
            Step.run(
              safe,
              "clean up",
              slow(5_000, () => 1),
            ),
          );
          await Context.shield(ctx, (safe) =>
            Step.run(
              safe,
              "lock",
              does(() => 1),
            ),
          );
        }
      }),
    ],
    events: [cancel(has("running"))],
    ends: { failed: expect.stringContaining("took longer than its timeout") as string },
    begun: { "clean up": 1, lock: 1 },
  },

  "a cancelled run lets a step that does not listen finish, and undoes it": {
    workflows: ({ slow }) => [
      Workflow.define({ name: "w" }, (ctx) =>
        Step.run(ctx, "deaf", ({ key }) => slow(5_000, () => 1)({ key, signal: new AbortController().signal }), {
          undo: (_, tools) => slow(10, () => 1)(tools),
        }),
      ),
    ],
    events: [cancel(has("running"))],
    ends: { cancelled: "enough" },
    begun: { deaf: 1, "undo:deaf": 1 },
    mayMiss: ["undo:deaf"],
  },

  "an endless loop that swallows its cancel beside a shielded sleep": {
    workflows: ({ does, slow }) => [
      Workflow.define({ name: "w" }, async (ctx) => {
        await Step.run(
          ctx,
          "one",
          does(() => 1),
          { undo: (_, tools) => slow(5_000, () => 1)(tools) },
        );
        void Context.shield(ctx, (safe) => Step.sleep(safe, "long", "3650d"));
        for (;;) await Step.wait(ctx, go).catch(() => {});
      }),
    ],
    events: [cancel(has("waiting"))],
    ends: { cancelled: "enough" },
    begun: { one: 1, "undo:one": 1 },
  },

  "a branch that fails takes the others with it, and all that was done is undone": {
    workflows: ({ does, slow }) => [
      Workflow.define({ name: "w" }, (ctx) =>
        Step.all(ctx, "both", {
          good: async (own) => {
            await Step.run(
              own,
              "done",
              does(() => 1),
              { undo: (_, tools) => slow(2_000, () => 1)(tools) },
            );
            await Step.sleep(own, "long", "365d");
          },
          bad: async (own) => {
            await Step.sleep(own, "short", "1m");
            await Step.run(
              own,
              "fail",
              does(() => Promise.reject(new Error("no"))),
              { retry: once },
            );
          },
        }),
      ),
    ],
    ends: { failed: "no" },
    begun: { "both[good]/done": 1, "both[bad]/fail": 1, "undo:both[good]/done": 1 },
  },
});
