// A run that is to end ends within its grace, though a function hangs and ignores its signal; what became of the function is said.
import { describe, expect, test } from "bun:test";
import { Context, Fault, Run, Step, Workflow } from "../../src/index.ts";
import { engineOf } from "../../src/engine/opened.ts";
import { story, untilAbort } from "../face/scene.ts";
import { listening, setup } from "../kit/world.ts";

const hang = (): Promise<never> => new Promise(() => {});
const once = { retry: { attempts: 1 } } as const;

const scene = async (body: (ctx: Context.Context) => Promise<unknown>, spec: { timeout?: string; grace?: string } = {}) => {
  const world = setup();
  const { logger, lines } = listening("warn");
  const flow = Workflow.define({ name: "flow", ...(spec as object) }, body);
  const runtime = await world.open([flow], { logger });
  const run = await Workflow.start(runtime, flow, undefined, { id: "run" });
  await world.clock.settle();
  const codes = (): unknown[] => lines.flatMap(({ code }) => code ?? []);
  const look = async () => {
    await world.clock.settle();
    return Run.get(run);
  };
  return { world, runtime, run, flow, lines, codes, look };
};

describe("a run with a function that hangs", () => {
  test("is cancelled after its grace of 30 s, says so, and its place is free", async () => {
    const { world, runtime, run, look, codes } = await scene(async (ctx) => {
      await Step.run(ctx, "before", () => 1);
      await Step.run(ctx, "ask", hang);
    });
    await Run.cancel(run, "enough");
    await world.clock.advance(29_999);
    expect((await look()).status).toBe("running");
    await world.clock.advance(1);
    expect(await look()).toMatchObject({ status: "cancelled", abandoned: ["ask"] });
    expect(engineOf(runtime).executing.size).toBe(0);
    expect(await story(run)).toEqual(["started", "step before", "cancel", "running ask", "step-failed ask", "cancelled"]);
    const record = (await Run.history(run)).find(({ kind }) => kind === "step-failed");
    expect(record?.value).toMatchObject({ code: "step_abandoned" });
    expect(codes()).toEqual(["step_abandoned"]);
  });

  test("ends after its timeout and its grace", async () => {
    const { world, look } = await scene((ctx) => Step.run(ctx, "ask", hang), { timeout: "5s", grace: "2s" });
    await world.clock.advance(6_999);
    expect((await look()).status).toBe("running");
    await world.clock.advance(1);
    expect(await look()).toMatchObject({ status: "failed", abandoned: ["ask"], failure: { code: "run_timeout" } });
  });

  test("fails after the grace of the step when its body throws, and what is recorded is undone", async () => {
    const undone: unknown[] = [];
    const { world, look } = await scene((ctx) =>
      Promise.all([
        Step.run(ctx, "charge", () => "charge", { undo: (charge) => void undone.push(charge) }),
        Step.run(ctx, "ask", hang, { grace: "1s", undo: () => void undone.push("ask") }),
        Step.run(ctx, "broken", () => Promise.reject(new Error("no")), once),
      ]),
    );
    expect((await look()).status).toBe("running");
    await world.clock.advance(1_000);
    expect(await look()).toMatchObject({ status: "failed", abandoned: ["ask"], failure: { message: "no" } });
    expect(undone).toEqual(["charge"]);
  });

  test("is not held up where a sibling branch of Step.all fails, and the body goes on", async () => {
    const { world, look } = await scene(
      async (ctx) => {
        const failed = await Step.all(ctx, "both", {
          hangs: (own) => Step.run(own, "ask", hang),
          fails: (own) => Step.run(own, "broken", () => Promise.reject(new Error("no")), once),
        }).catch((error: Error) => error.message);
        return [failed, await Step.run(ctx, "after", () => "after")];
      },
      { grace: "1s" },
    );
    expect(await look()).toMatchObject({ status: "completed", output: ["no", "after"] });
    await world.clock.advance(2_000);
    expect((await look()).status).toBe("completed");
  });

  test("says it when the function answers after all, and nothing changes", async () => {
    const late = Promise.withResolvers<string>();
    const { world, run, look, codes } = await scene((ctx) => Step.run(ctx, "ask", () => late.promise), { grace: "1s" });
    await Run.cancel(run);
    await world.clock.advance(1_000);
    const before = await look();
    late.resolve("done after all");
    expect(await look()).toEqual(before);
    expect(codes()).toEqual(["step_abandoned", "step_late"]);
  });

  test("ends at once in the next life when its process dies in the grace", async () => {
    let begun = 0;
    const { world, runtime, run, flow } = await scene((ctx) => Step.run(ctx, "ask", () => (begun++, hang())));
    await Run.cancel(run);
    await world.clock.advance(1_000);
    await world.crash(runtime);
    const next = await world.open([flow]);
    await world.clock.settle();
    expect((await Run.get(Run.of(next, "run"))).status).toBe("cancelled");
    expect(begun).toBe(1);
  });

  test("tries the abandoned step again when it is retried", async () => {
    let hangs = true;
    const { world, run, look } = await scene((ctx) => Step.run(ctx, "ask", () => (hangs ? hang() : "answered")), { grace: "1s" });
    await Run.cancel(run);
    await world.clock.advance(1_000);
    expect((await look()).status).toBe("cancelled");
    hangs = false;
    await Run.retry(run);
    expect(await world.result<unknown>(run)).toBe("answered");
  });
});

describe("clean-up that hangs", () => {
  test("an undo without a timeout is told to stop after twice its grace, and given up after three times", async () => {
    let told = false;
    const { world, look, codes } = await scene(
      async (ctx) => {
        await Step.run(ctx, "charge", () => 1, {
          undo: (_, { signal }) => {
            signal.addEventListener("abort", () => (told = true));
            return hang();
          },
        });
        throw new Error("no");
      },
      { grace: "3s" },
    );
    await world.clock.advance(6_000);
    expect([told, (await look()).status]).toEqual([true, "running"]);
    await world.clock.advance(3_000);
    expect(await look()).toMatchObject({ status: "failed", undo: [{ key: "charge", failure: { code: "step_abandoned" } }] });
    expect(codes()).toEqual(["step_abandoned"]);
  });

  test("an undo that heeds its signal is tried again", async () => {
    const { world, look } = await scene(
      async (ctx) => {
        await Step.run(ctx, "charge", () => 1, {
          undo: (_, { signal, attempt }) => (attempt === 1 ? untilAbort(signal) : "undone"),
        });
        throw new Error("no");
      },
      { grace: "3s" },
    );
    await world.clock.advance(10_000);
    expect(await look()).toMatchObject({ status: "failed", undo: [] });
  });

  test.each([true, false])("a step in a shield has as long, begun before the cancel: %p", async (before) => {
    const { world, run, look } = await scene(
      async (ctx) => {
        const safe = (): Promise<unknown> => Context.shield(ctx, (own) => Step.run(own, "tidy", hang, once));
        if (before) await safe();
        try {
          return await Step.sleep(ctx, "long", "1h");
        } finally {
          await safe().catch(() => {});
        }
      },
      { grace: "3s" },
    );
    await Run.cancel(run);
    await world.clock.advance(8_999);
    expect((await look()).status).toBe("running");
    await world.clock.advance(1);
    const { status, abandoned } = await look();
    expect(["cancelled", "failed"]).toContain(status);
    expect(abandoned).toEqual(["tidy"]);
  });
});

test("a grace that is no duration is refused where it is said", async () => {
  const world = setup();
  const refused = { code: "invalid_option" };
  expect(await world.open([], { grace: "soon" as never }).catch((error: unknown) => error)).toMatchObject(refused);
  expect(
    await Promise.try(() => Workflow.define({ name: "a", grace: -1 }, () => 1)).catch((error: unknown) => Fault.is(error)),
  ).toBe(true);
});
