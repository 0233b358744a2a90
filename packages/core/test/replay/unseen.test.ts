// What a body awaits besides Holdfast: said when it lasts, no hindrance to a replay when it is short, no way round a cancel.
import { describe, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import type { Context } from "../../src/index.ts";
import { Run, Signal, Step, Workflow } from "../../src/index.ts";
import { listening, setup } from "../kit/world.ts";

const go = Signal.define<string>("go");

describe("a body that waits for something that is not durable", () => {
  test("is told of, with the workflow and the last step, in the log and in Run.get, until it goes on", async () => {
    const world = setup();
    const gate = Promise.withResolvers<string>();
    const bare = Workflow.define({ name: "bare" }, async (ctx) => {
      await Step.run(ctx, "charge", () => 1);
      const word = await gate.promise;
      await Step.run(
        ctx,
        "long",
        () => new Promise((resolve) => void world.clock.at(world.clock.now() + 60_000, () => resolve(1))),
      );
      await Step.wait(ctx, go);
      return word;
    });
    const { logger, lines } = listening("warn");
    const runtime = await world.open([bare], { logger });
    const run = await Workflow.start(runtime, bare, undefined, { id: "run" });
    await world.clock.advance(500);
    expect((await Run.get(run)).reason).toBeNull();
    await world.clock.advance(5_000);
    const said = lines.filter(({ msg }) => String(msg).includes("not durable"));
    expect(said).toHaveLength(1);
    expect(said[0]).toMatchObject({ run: "run", workflow: "bare", step: "charge" });
    const { reason } = await Run.get(run);
    expect(reason).toMatchObject({ code: "not_durable", step: "charge" });
    expect(reason?.message).toContain('"bare"');
    gate.resolve("done");
    await world.clock.advance(5_000);
    expect(await Run.get(run)).toMatchObject({ status: "running", reason: null });
    await Signal.send(run, go, "on");
    expect(await world.result(run)).toBe("done");
  });

  test("is told of also at its start, and after branches that were given up", async () => {
    const world = setup();
    const { logger, lines } = listening("warn");
    const first = Workflow.define({ name: "first" }, () => new Promise(() => {}));
    const later = Workflow.define({ name: "later" }, async (ctx) => {
      await Step.all(ctx, "both", {
        bad: (own) => Step.run(own, "bad", () => Promise.reject(new Error("no")), { retry: { attempts: 1 } }),
        nap: (own) => Step.sleep(own, "nap", "1d"),
      }).catch(() => {});
      await new Promise(() => {});
    });
    const runtime = await world.open([first, later], { logger });
    await Workflow.start(runtime, first);
    await Workflow.start(runtime, later);
    await world.clock.advance(5_000);
    const said = lines.filter(({ msg }) => String(msg).includes("not durable")).map(({ workflow }) => workflow);
    expect(said).toEqual(["first", "later"]);
  });

  test("ends when it is cancelled, and what it did is undone", async () => {
    const world = setup();
    const undone: string[] = [];
    const bare = Workflow.define({ name: "bare" }, async (ctx) => {
      await Step.run(ctx, "charge", () => 1, { undo: (_, { key }) => void undone.push(key) });
      await new Promise(() => {});
    });
    const runtime = await world.open([bare]);
    const run = await Workflow.start(runtime, bare, undefined, { id: "run" });
    await world.clock.advance(3_000);
    await Run.cancel(run, "enough");
    await world.clock.advance(3_000);
    expect((await Run.get(run)).status).toBe("cancelled");
    expect(undone).toEqual(["run/undo:charge"]);
  });

  test("ends when it is cancelled while it is undone, over a crash", async () => {
    const world = setup();
    const undone: string[] = [];
    const bare = Workflow.define({ name: "bare" }, async (ctx) => {
      for (const name of ["one", "two"]) await Step.run(ctx, name, () => 1, { undo: (_, { key }) => void undone.push(key) });
      await Step.run(ctx, "slow to undo", () => 1, {
        undo: () => new Promise((resolve) => void world.clock.at(world.clock.now() + 60_000, () => resolve(1))),
      });
      await new Promise(() => {});
    });
    const first = await world.open([bare]);
    const run = await Workflow.start(first, bare, undefined, { id: "run" });
    await world.clock.advance(3_000);
    await Run.cancel(run, "enough");
    await world.clock.advance(10_000);
    await world.crash(first);
    const second = await world.open([bare]);
    await world.clock.advance(120_000);
    expect((await Run.get(Run.of(second, "run"))).status).toBe("cancelled");
    expect(undone).toEqual(["run/undo:two", "run/undo:one"]);
  });
});

describe("short work of a body's own between steps", () => {
  const busy = {
    "a digest": async (): Promise<unknown> => crypto.subtle.digest("SHA-256", new Uint8Array(4_000_000)),
    "an import": async (): Promise<unknown> => import("node:zlib"),
    "a few turns of the loop": async (): Promise<unknown> => {
      for (let turns = 0; turns < 10; turns++) await new Promise<void>((resolve) => void setImmediate(resolve));
      return undefined;
    },
  };

  test.each(Object.entries(busy))("%s does not block a replay, alone or beside a sleep", async (_, work) => {
    const world = setup();
    let begun = 0;
    const outside = { busy: 0 };
    const step = (ctx: Context.Context, name: string): Promise<number> => Step.run(ctx, name, () => ++begun);
    const branch = async (ctx: Context.Context): Promise<number[]> => {
      const seen: number[] = [];
      for (const name of ["one", "two", "three"]) {
        outside.busy++;
        await work();
        outside.busy--;
        seen.push(await step(ctx, name));
      }
      return seen;
    };
    const alone = Workflow.define({ name: "alone" }, async (ctx) => [await branch(ctx), await Step.wait(ctx, go)]);
    const beside = Workflow.define({ name: "beside" }, async (ctx) => {
      const [seen] = await Promise.all([branch(ctx), Step.sleep(ctx, "nap", "1h")]);
      return [seen, await Step.wait(ctx, go)];
    });
    // The work is real and takes its own time; the clock stands still meanwhile.
    const pass = async (): Promise<void> => {
      for (let quiet = 0; quiet < 3; quiet++) {
        await world.clock.settle();
        // On a replay the result of a step that was asked for after such work waits a moment.
        await world.clock.advance(20);
        while (outside.busy > 0) {
          quiet = 0;
          await Bun.sleep(1);
        }
      }
    };
    let runtime = await world.open([alone, beside]);
    await Workflow.start(runtime, alone, undefined, { id: "alone" });
    await Workflow.start(runtime, beside, undefined, { id: "beside" });
    await pass();
    expect(begun).toBe(6);
    for (let crashes = 0; crashes < 3; crashes++) {
      await world.ask(sql`update holdfast_runs set wake_at = 0`);
      await world.crash(runtime);
      outside.busy = 0;
      runtime = await world.open([alone, beside]);
      await pass();
    }
    const statuses = await Promise.all(["alone", "beside"].map(async (id) => (await Run.get(Run.of(runtime, id))).status));
    expect(statuses).not.toContain("blocked");
    for (const id of ["alone", "beside"]) {
      await Signal.send(Run.of(runtime, id), go, "on");
      await pass();
      expect(await world.result<unknown>(Run.of(runtime, id))).toEqual([expect.any(Array), "on"]);
    }
    expect(begun).toBe(6);
  });
});
