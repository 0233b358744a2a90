// A database that cannot take writes: what is new is refused, what runs waits and goes on, and no attempt is lost over it.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { until } from "../kit/until.ts";
import { folder, setup, silent, type World } from "../kit/world.ts";
import { rest, story, thrown } from "../face/scene.ts";

const go = Signal.define("go");

const fill = ({ client }: World): void => {
  const pages = client.query<{ page_count: number }, []>("PRAGMA page_count").get()?.page_count ?? 0;
  client.run(`PRAGMA max_page_count = ${pages}`);
};
const makeRoom = ({ client }: World): void => void client.run("PRAGMA max_page_count = 1000000");

const large = "x".repeat(50_000);

/** The store tries again after moments of its own, which no test's clock moves. */
const patience = 60_000;

describe("a full disk", () => {
  test(
    "a start, a signal and a cancel are refused with storage_full and leave nothing",
    async () => {
      const world = setup();
      const flow = Workflow.define({ name: "flow" }, (ctx, _text: string) => Step.wait(ctx, go));
      const runtime = await world.open([flow]);
      const run = await Workflow.start(runtime, flow, "small");
      await world.clock.advance(500);
      fill(world);
      const error = await thrown(Workflow.start(runtime, flow, large, { id: "refused" }));
      expect(error.code).toBe("storage_full");
      expect(Runtime.trouble(runtime)).toMatchObject({ code: "storage_full" });
      expect((await thrown(Signal.send(run, go, large))).code).toBe("storage_full");
      makeRoom(world);
      await until(
        "the database takes writes again",
        () =>
          Runtime.trouble(runtime) === undefined ||
          Workflow.start(runtime, flow, "now").then(
            () => true,
            () => false,
          ),
      );
      expect((await thrown(Run.get(Run.of(runtime, "refused")))).code).toBe("run_not_found");
      await Signal.send(run, go, 1);
      expect(await world.result(run)).toBe(1);
      expect(Runtime.trouble(runtime)).toBeUndefined();
    },
    patience,
  );

  test(
    "a step that finishes meanwhile is recorded later, not run again, and no attempt is used up",
    async () => {
      const world = setup();
      const gate = Promise.withResolvers<string>();
      const attempts: number[] = [];
      const flow = Workflow.define({ name: "flow" }, async (ctx) => {
        await Step.run(ctx, "before", () => 1);
        const text = await Step.run(ctx, "large", ({ attempt }) => (attempts.push(attempt), gate.promise));
        return text.length + (await Step.run(ctx, "after", ({ attempt }) => (attempts.push(attempt), 1)));
      });
      const runtime = await world.open([flow]);
      const run = await Workflow.start(runtime, flow);
      await world.clock.advance(500);
      fill(world);
      gate.resolve(large);
      await until("the database is in trouble", () => Runtime.trouble(runtime) !== undefined);
      await rest();
      expect(await story(run)).toEqual(["started", "step before"]);
      expect(attempts).toEqual([1]);
      makeRoom(world);
      expect(await Run.result(run)).toBe(50_001);
      expect(attempts).toEqual([1, 1]);
      expect(await story(run)).toEqual(["started", "step before", "step large", "step after", "completed"]);
    },
    patience,
  );

  test(
    "a transaction that meets it is not counted as a failure of the step",
    async () => {
      const world = setup();
      world.client.run("create table notes (text text)");
      const attempts: number[] = [];
      const flow = Workflow.define({ name: "flow" }, async (ctx) => {
        await Step.wait(ctx, go);
        return Step.transaction(
          ctx,
          "insert",
          world.db,
          (tx, { attempt }) => {
            attempts.push(attempt);
            tx.run(`insert into notes values ('${large}')`);
            return attempt;
          },
          { retry: { attempts: 1 } },
        );
      });
      const runtime = await world.open([flow]);
      const run = await Workflow.start(runtime, flow);
      await world.clock.advance(500);
      fill(world);
      await Signal.send(run, go, 1).catch(() => {});
      await until("the transaction was tried", () => attempts.length > 0);
      makeRoom(world);
      await until(
        "the run is at its end",
        async () =>
          (await Run.get(run)).status === "completed" ||
          (await Signal.send(run, go, 1).then(
            () => false,
            () => false,
          )),
      );
      expect(await Run.result(run)).toBe(1);
      expect(new Set(attempts)).toEqual(new Set([1]));
      expect(world.client.query("select count(*) as n from notes").get()).toEqual({ n: 1 });
    },
    patience,
  );

  test(
    "a close comes to its end all the same",
    async () => {
      const world = setup();
      const gate = Promise.withResolvers<string>();
      const flow = Workflow.define({ name: "flow" }, (ctx) => Step.run(ctx, "large", () => gate.promise));
      const runtime = await world.open([flow]);
      await Workflow.start(runtime, flow);
      await world.clock.advance(500);
      fill(world);
      gate.resolve(large);
      await until("the database is in trouble", () => Runtime.trouble(runtime) !== undefined);
      let closed = false;
      const closing = Runtime.close(runtime).then(() => (closed = true));
      await world.clock.advance(1_000);
      await until("the runtime is closed", () => closed);
      await closing;
      makeRoom(world);
      expect(Runtime.trouble(runtime)).toMatchObject({ code: "storage_full" });
    },
    patience,
  );
});

describe("a write that the database refuses for a reason of its own", () => {
  const flow = Workflow.define({ name: "flow" }, async (ctx) => {
    const a = await Step.run(ctx, "a", () => 1);
    return a + (await Step.run(ctx, "b", () => 1));
  });

  test("puts the run aside with the reason; no later record goes past it, and resume goes on", async () => {
    const world = setup();
    const runtime = await world.open([flow]);
    world.client.run(
      "create trigger no_b before insert on holdfast_history when new.key = 'b' begin select raise(abort, 'no b today'); end",
    );
    const run = await Workflow.start(runtime, flow);
    await world.clock.settle();
    const { status, reason } = await Run.get(run);
    expect(status).toBe("blocked");
    expect(reason?.message).toContain("no b today");
    expect(await story(run)).toEqual(["started", "step a"]);
    expect(await Runtime.check(runtime)).toEqual([]);
    world.client.run("drop trigger no_b");
    await Run.resume(run);
    expect(await world.result(run)).toBe(2);
  });

  test("leaves the other runs of its turn alone", async () => {
    const world = setup();
    const runtime = await world.open([flow]);
    world.client.run(
      "create trigger no_first before insert on holdfast_history when new.key = 'a' and new.run = 1 begin select raise(abort, 'not this one'); end",
    );
    const runs = await Promise.all(Array.from({ length: 10 }, () => Workflow.start(runtime, flow)));
    await world.clock.settle();
    const states = await Promise.all(runs.map(async (run) => (await Run.get(run)).status));
    expect(states).toEqual(["blocked", ...Array.from({ length: 9 }, () => "completed" as const)]);
  });
});

test("a file that was closed by all is one file again, whatever the thread beside was doing", async () => {
  const file = join(folder(), "closed.db");
  const flow = Workflow.define({ name: "flow" }, (ctx) => Step.run(ctx, "a", () => "x".repeat(1_000)));
  for (const count of [0, 1, 400]) {
    const runtime = await Runtime.open({ database: `sqlite:${file}`, workflows: [flow], logger: silent });
    await Promise.all(Array.from({ length: count }, async () => Run.result(await Workflow.start(runtime, flow))));
    await Runtime.close(runtime);
    expect([existsSync(`${file}-wal`), existsSync(`${file}-shm`)]).toEqual([false, false]);
  }
});
