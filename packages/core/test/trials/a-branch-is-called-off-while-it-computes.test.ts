// A branch that is called off while it computes is rejected when it asks for its step: after the same record in every life, however long the work takes there.
import { describe, expect, test } from "bun:test";
import { Context, Run, Signal, Step, Workflow } from "../../src/index.ts";
import { computing } from "./computing.ts";

const go = Signal.define("go");
const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));

type Told = { readonly slow: string[] };

/** "fails" calls "slow" off, which computes and then asks for a step. */
const flow = (on: ReturnType<typeof computing>, told: Told, slow: (ctx: Context.Context) => Promise<unknown>) =>
  Workflow.define({ name: "flow" }, async (ctx) => {
    const outcome: unknown = await Step.all(ctx, "both", {
      fails: (own) => Step.run(own, "charge", () => Promise.reject(new Error("refused")), { retry: { attempts: 1 } }),
      slow: async (own) => {
        await on.work("slow");
        return slow(own);
      },
    }).catch(words);
    const after = await Step.run(ctx, "after", () => `after ${String(outcome)}, ${told.slow.length}`);
    await Step.wait(ctx, go);
    return [outcome, after];
  });

describe("it is rejected after the same record again", () => {
  test.each([
    ["later in the next life", false],
    ["sooner in the next life: before it is called off", true],
  ])("it asks %s", async (_, sooner) => {
    const on = computing();
    const told: Told = { slow: [] };
    const begun: string[] = [];
    const program = flow(on, told, async (own) => {
      try {
        return await Step.run(own, "store", () => void begun.push("store"));
      } catch (error) {
        told.slow.push(`${Context.id(own)} ${words(error).replace(/\d+/g, "n")} at ${Context.now(own)}`);
        throw error;
      }
    });
    const runtime = await on.open([program]);
    const run = await Workflow.start(runtime, program, undefined, { id: "run" });
    await on.finish("slow");
    expect(told.slow.length).toBe(1);
    if (sooner) on.finishAtOnce("slow");
    const next = await on.nextLife([program]);
    await Signal.send(Run.of(next, run.id), go, undefined);
    await on.finish("slow");
    expect(await on.world.result<unknown>(Run.of(next, run.id))).toEqual(["refused", "after refused, 1"]);
    // What it drew when it was rejected is the same.
    expect(new Set(told.slow).size).toBe(1);
    expect(told.slow.length).toBeGreaterThan(1);
    expect(begun).toEqual([]);
  });
});

test("a process that dies before the branch asks: it is rejected once the replay is through, and nothing of it begins", async () => {
  const on = computing();
  const told: Told = { slow: [] };
  const begun: string[] = [];
  const program = flow(on, told, async (own) => {
    try {
      return await Step.run(own, "store", () => void begun.push("store"));
    } catch (error) {
      told.slow.push(words(error));
      throw error;
    }
  });
  await Workflow.start(await on.open([program]), program, undefined, { id: "run" });
  await on.settle();
  on.finishAtOnce("slow");
  const next = await on.nextLife([program]);
  await on.world.clock.advance(10_000);
  await on.settle();
  await Signal.send(Run.of(next, "run"), go, undefined);
  expect(await on.world.result<unknown>(Run.of(next, "run"))).toEqual(["refused", "after refused, 1"]);
  expect(begun).toEqual([]);
});
