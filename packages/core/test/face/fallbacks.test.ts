// Fallbacks: an answer instead, when all attempts have failed.
import { expect, test } from "bun:test";
import { Fault, Run, Step, Workflow } from "../../src/index.ts";
import { runToEnd, setup } from "../kit/world.ts";
import { story, thrown, untilAbort } from "./scene.ts";

const no = (): never => {
  throw new Error("no");
};

test("a fallback answers when the attempts are over, and is given the last error and the tools", async () => {
  const world = setup();
  const seen: unknown[] = [];
  const flow = Workflow.define({ name: "flow" }, (ctx) =>
    Step.run(
      ctx,
      "a",
      ({ attempt }): string => {
        throw new Error(`try ${attempt}`);
      },
      {
        retry: { attempts: 3, delay: 1 },
        fallback: (error, { key, attempt }) => {
          seen.push((error as Error).message, key, attempt);
          return 7;
        },
      },
    ),
  );
  const run = await Workflow.start(await world.open([flow]), flow, undefined, { id: "one" });
  expect(await world.result(run)).toBe(7);
  expect(seen).toEqual(["try 3", "one/a", 3]);
  expect(await story(run)).toEqual(["started", "attempt a", "attempt a", "step a", "completed"]);
});

test("Fault.fatal goes to the fallback at once", async () => {
  const world = setup();
  let tries = 0;
  const flow = Workflow.define({ name: "flow" }, (ctx) =>
    Step.run(
      ctx,
      "a",
      () => {
        tries++;
        throw Fault.fatal("no use");
      },
      { fallback: (error) => (error as Error).message },
    ),
  );
  expect(await runToEnd(world, await world.open([flow]), flow, undefined)).toBe("no use");
  expect(tries).toBe(1);
});

test("a fallback that fails, at once or later, fails the step with its own error", async () => {
  const world = setup();
  for (const fallback of [
    () => {
      throw new Error("the fallback too");
    },
    async () => {
      await Promise.resolve();
      throw new Error("the fallback too");
    },
  ]) {
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(ctx, "a", no, { retry: { attempts: 2, delay: 1 }, fallback }),
    );
    const error = await thrown(runToEnd(world, await world.open([flow]), flow, undefined));
    expect(error.cause.message).toBe("the fallback too");
  }
});

test("a fallback runs once, also when the function fails again after its timeout", async () => {
  const world = setup();
  let calls = 0;
  const gate = Promise.withResolvers<string>();
  const flow = Workflow.define({ name: "flow" }, (ctx) =>
    Step.run(ctx, "a", ({ signal }) => untilAbort(signal), {
      timeout: "1s",
      retry: { attempts: 1 },
      fallback: () => {
        calls++;
        return gate.promise;
      },
    }),
  );
  const run = await Workflow.start(await world.open([flow]), flow);
  await world.clock.advance(1_000);
  expect(calls).toBe(1);
  gate.resolve("instead");
  expect(await world.result(run)).toBe("instead");
  expect(calls).toBe(1);
});

test("a late answer of the function does not stand in for the fallback that runs", async () => {
  const world = setup();
  const late = Promise.withResolvers<string>();
  const gate = Promise.withResolvers<string>();
  const flow = Workflow.define({ name: "flow" }, (ctx) =>
    Step.run(ctx, "a", () => late.promise, { timeout: "1s", retry: { attempts: 1 }, fallback: () => gate.promise }),
  );
  const run = await Workflow.start(await world.open([flow]), flow);
  await world.clock.advance(1_000);
  late.resolve("too late");
  await world.clock.settle();
  gate.resolve("instead");
  expect(await world.result(run)).toBe("instead");
});

test("a crash before the fallback's answer is recorded tries the last attempt again", async () => {
  const world = setup();
  const tries: string[] = [];
  const hang = Promise.withResolvers<string>();
  const flow = Workflow.define({ name: "flow" }, (ctx) =>
    Step.run(
      ctx,
      "a",
      ({ attempt }) => {
        tries.push(`try ${attempt}`);
        return no();
      },
      {
        retry: { attempts: 2, delay: "1m", jitter: "none" },
        fallback: () => {
          tries.push("fallback");
          return tries.includes("crashed") ? "instead" : hang.promise;
        },
      },
    ),
  );
  const first = await world.open([flow]);
  const run = await Workflow.start(first, flow);
  await world.clock.advance(61_000);
  tries.push("crashed");
  await world.crash(first);
  expect(await world.result(Run.of(await world.open([flow]), run.id))).toBe("instead");
  expect(tries).toEqual(["try 1", "try 2", "fallback", "crashed", "try 2", "fallback"]);
});

test("an undo is given what the fallback answered", async () => {
  const world = setup();
  const undone: unknown[] = [];
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    await Step.run(ctx, "a", no, {
      retry: { attempts: 1 },
      fallback: () => ({ invoice: 5 }),
      undo: (value) => undone.push(value),
    });
    no();
  });
  await thrown(runToEnd(world, await world.open([flow]), flow, undefined));
  expect(undone).toEqual([{ invoice: 5 }]);
});
