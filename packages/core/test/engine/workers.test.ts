// Who may write for a run: leases, beats, takeovers, and handing over in good order, with two runtimes on one file.
import { describe, expect, test } from "bun:test";
import { engineOf } from "../../src/engine/opened.ts";
import { CircuitBreaker, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { manualClock } from "../kit/clock.ts";
import { setup } from "../kit/world.ts";
import { rest, story, thrown, untilAbort } from "../face/scene.ts";
import { share, together } from "./shared.ts";

const go = Signal.define<string>("go");
const nap = Workflow.define({ name: "nap" }, async (ctx) => {
  await Step.sleep(ctx, "nap", "1m");
  return "slept";
});

/** A step that says which runtime runs it, and hangs where the test wants it to. */
const tagged = (hang: Promise<string>) => {
  const calls: string[] = [];
  const aborts: string[] = [];
  const flow = (tag: string, waits: boolean) =>
    Workflow.define({ name: "flow" }, async (ctx) => {
      const first = await Step.run(ctx, "a", ({ signal }) => {
        calls.push(tag);
        signal.addEventListener("abort", () => aborts.push((signal.reason as { code: string }).code));
        return waits ? hang : `by ${tag}`;
      });
      return [first, await Step.run(ctx, "b", () => tag)];
    });
  return { calls, aborts, flow };
};

describe("a lost lease", () => {
  test("what a stale execution still answers is refused, its signal aborts, and the run goes on under the new lease", async () => {
    const shared = share();
    const gate = Promise.withResolvers<string>();
    const { calls, aborts, flow } = tagged(gate.promise);
    const one = await shared.open([flow("one", true)]);
    const run = await Workflow.start(one.runtime, flow("one", true));
    await one.clock.advance(300);
    Object.assign(engineOf(one.runtime), { poke: () => {} });
    shared.client.run("update holdfast_runs set worker = null, lease = lease + 1, status = 'queued', wake_at = 0");
    const two = await shared.open([flow("two", false)]);
    const result = Run.result(Run.of(two.runtime, run.id));
    await two.clock.advance(300);
    expect(await result).toEqual(["by two", "two"]);
    gate.resolve("by the stale one");
    await one.clock.advance(300);
    expect(calls).toEqual(["one", "two"]);
    expect((await story(run)).filter((line) => line.startsWith("step"))).toEqual(["step a", "step b"]);
    expect(engineOf(one.runtime).executing.size).toBe(0);
    expect(aborts.every((code) => code === "lease_lost")).toBe(true);
  });

  test("a worker that takes a run again, which it lost without knowing, lets go of its stale execution first", async () => {
    const shared = share();
    const calls: string[] = [];
    const aborts: string[] = [];
    const gate = Promise.withResolvers<string>();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(ctx, "a", ({ signal }) => {
        calls.push("a");
        signal.addEventListener("abort", () => aborts.push((signal.reason as { code: string }).code));
        return calls.length === 1 ? gate.promise : "again";
      }),
    );
    const { runtime, clock } = await shared.open([flow]);
    const run = await Workflow.start(runtime, flow);
    await clock.advance(300);
    shared.client.run("update holdfast_runs set worker = null, lease = lease + 1, status = 'queued', wake_at = 0");
    await clock.advance(500);
    expect((await Run.get(run)).output).toBe("again");
    expect([calls, aborts]).toEqual([["a", "a"], ["lease_lost"]]);
  });

  test("parking, settling, taking a signal and publishing under an old lease write nothing", async () => {
    const shared = share();
    const gate = Promise.withResolvers<void>();
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      await Step.run(ctx, "a", () => gate.promise);
      return Step.wait(ctx, go);
    });
    const { runtime, clock } = await shared.open([flow]);
    const run = await Workflow.start(runtime, flow);
    await clock.advance(300);
    shared.client.run("update holdfast_runs set lease = lease + 1");
    await Signal.send(run, go, "kept");
    gate.resolve();
    await clock.advance(300);
    expect(await story(run)).toEqual(["started"]);
    expect(shared.client.query("select count(*) as n from holdfast_signals where taken_at is null").get()).toEqual({ n: 1 });
  });
});

describe("beats", () => {
  test("a run whose claim is answered after its worker was declared dead is not executed under that claim", async () => {
    const shared = share();
    const hang = Promise.withResolvers<string>();
    const { calls, flow } = tagged(hang.promise);
    const { runtime, clock } = await shared.open([flow("one", true)]);
    const engine = engineOf(runtime);
    const { claim } = engine.store.runs;
    const claimed = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    Object.assign(engine.store.runs, {
      claim: async (wish: Parameters<typeof claim>[0]) => {
        const runs = await claim(wish);
        if (runs.length === 0) return runs;
        claimed.resolve();
        await gate.promise;
        return runs;
      },
    });
    await Workflow.start(runtime, flow("one", true), undefined, { delay: 100 });
    await clock.advance(300);
    await claimed.promise;
    const dead = engine.worker;
    shared.client.run(
      "update holdfast_runs set worker = null, lease = lease + 1, status = 'queued', wake_at = 0 where worker = ?",
      [dead],
    );
    shared.client.run("delete from holdfast_workers where key = ?", [dead]);
    await clock.advance(6_000);
    expect(engine.worker).not.toBe(dead);
    gate.resolve();
    await clock.advance(1_000);
    expect(calls).toEqual(["one"]);
    expect([...engine.executing.values()].map(({ lease }) => lease)).toEqual([3]);
    hang.resolve("done");
    await clock.advance(300);
  });

  /** The row is gone, and no row can be written. */
  const strike = (client: ReturnType<typeof share>["client"]): void => {
    client.run("create trigger barred before insert on holdfast_workers begin select raise(abort, 'barred'); end");
    client.run("delete from holdfast_workers");
  };

  test("a worker that gives its heartbeats from the event loop registers again, and its trouble is over then", async () => {
    const shared = share();
    const { runtime, clock } = await shared.open([nap]);
    strike(shared.client);
    await clock.advance(6_000);
    expect(Runtime.trouble(runtime)).toMatchObject({ code: "heartbeat_failed" });
    shared.client.run("drop trigger barred");
    await clock.advance(6_000);
    expect(Runtime.trouble(runtime)).toBeUndefined();
    expect(shared.client.query("select key from holdfast_workers").all()).toHaveLength(1);
    const run = await Workflow.start(runtime, nap);
    await clock.advance(70_000);
    expect((await Run.get(run)).status).toBe("completed");
  });

  test("a runtime that cannot register closes without waiting for its next attempt", async () => {
    const shared = share();
    const { runtime, clock } = await shared.open([nap]);
    strike(shared.client);
    await clock.advance(6_000);
    expect(Runtime.trouble(runtime)).toMatchObject({ code: "heartbeat_failed" });
    // The clock stands still from here on.
    await Runtime.close(runtime);
    shared.client.run("drop trigger barred");
    expect(shared.client.query("select key from holdfast_workers").all()).toEqual([]);
  });

  test("a function whose breaker was being asked when the lease became unsure does not start before it is sure again", async () => {
    const shared = share();
    const calls: string[] = [];
    const breaker = CircuitBreaker.define("gateway");
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(ctx, "a", () => calls.push("a"), { breaker, fallback: () => calls.push("instead") }),
    );
    const { runtime, clock } = await shared.open([flow]);
    const engine = engineOf(runtime);
    const { holds, store } = engine;
    const { read } = store.breakers;
    const asked = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    Object.assign(store.breakers, {
      read: async (name: string) => {
        asked.resolve();
        await gate.promise;
        return read(name);
      },
    });
    const run = await Workflow.start(runtime, flow);
    await asked.promise;
    engine.holds = () => false;
    gate.resolve();
    await clock.settle();
    expect(calls).toEqual([]);
    engine.holds = holds;
    await clock.advance(6_000);
    expect(calls).toEqual(["a"]);
    expect((await Run.get(run)).status).toBe("completed");
  });

  test("a worker may be silent for its own lease, whatever that of the one who looks", async () => {
    const shared = share();
    const gate = Promise.withResolvers<string>();
    const { calls, flow } = tagged(gate.promise);
    const patient = await shared.open([flow("patient", true)], { lease: "2m" });
    const run = await Workflow.start(patient.runtime, flow("patient", true));
    await patient.clock.advance(300);
    const quick = await shared.open([flow("quick", false)], { lease: "10s" });
    await quick.clock.advance(119_000);
    expect(calls).toEqual(["patient"]);
    await quick.clock.advance(2_000);
    expect((await Run.get(Run.of(quick.runtime, run.id))).output).toEqual(["by quick", "quick"]);
    expect(calls).toEqual(["patient", "quick"]);
    gate.resolve("late");
    await patient.clock.advance(300);
  });

  test("a silent worker is taken over after its lease, not before; it lets go when it comes back, and works on as another", async () => {
    const shared = share();
    const gate = Promise.withResolvers<string>();
    const { calls, aborts, flow } = tagged(gate.promise);
    const one = await shared.open([flow("one", true), nap]);
    const run = await Workflow.start(one.runtime, flow("one", true));
    await one.clock.advance(300);
    const worker = engineOf(one.runtime).worker;
    const two = await shared.open([flow("two", false), nap]);
    await two.clock.advance(29_000);
    expect(calls).toEqual(["one"]);
    await two.clock.advance(3_000);
    expect(calls).toEqual(["one", "two"]);
    expect((await Run.get(Run.of(two.runtime, run.id))).output).toEqual(["by two", "two"]);
    await one.clock.advance(6_000);
    expect(aborts).toEqual(["lease_lost"]);
    expect(engineOf(one.runtime).worker).not.toBe(worker);
    gate.resolve("late");
    await one.clock.advance(300);
    const again = await Workflow.start(one.runtime, nap);
    const result = Run.result(again);
    await together([one.clock, two.clock], 70_000, 1_000);
    expect(await result).toBe("slept");
    expect(await Runtime.check(one.runtime)).toEqual([]);
  }, 30_000);

  test("two workers that beat leave each other alone, for as long as they do", async () => {
    const shared = share();
    const gate = Promise.withResolvers<string>();
    const { calls, flow } = tagged(gate.promise);
    const one = await shared.open([flow("one", true)]);
    const run = await Workflow.start(one.runtime, flow("one", true));
    const two = await shared.open([flow("two", false)]);
    await together([one.clock, two.clock], 200_000, 1_000);
    expect(calls).toEqual(["one"]);
    gate.resolve("in the end");
    await one.clock.advance(300);
    expect((await Run.get(run)).output).toEqual(["in the end", "one"]);
  }, 30_000);

  test("clocks of different processes are never compared: one that is hours off takes nothing over", async () => {
    const shared = share();
    const gate = Promise.withResolvers<string>();
    const { calls, flow } = tagged(gate.promise);
    const one = await shared.open([flow("one", true)]);
    await Workflow.start(one.runtime, flow("one", true));
    const two = await shared.open([flow("two", false)], { clock: manualClock(Date.UTC(2030, 0, 1)) });
    await together([one.clock, two.clock], 10_000, 1_000);
    two.clock.jump(86_400_000);
    await together([one.clock, two.clock], 10_000, 1_000);
    expect(calls).toEqual(["one"]);
  });

  test("a run started by a worker that was buried without knowing it is not lost", async () => {
    const shared = share();
    const one = await shared.open([nap]);
    const two = await shared.open([]);
    await two.clock.advance(40_000);
    const run = await Workflow.start(one.runtime, nap);
    await one.clock.advance(6_000);
    await together([one.clock, two.clock], 100_000, 1_000);
    expect((await Run.get(run)).status).toBe("completed");
    expect(await Runtime.check(one.runtime)).toEqual([]);
  }, 30_000);

  test("a worker that could not beat for most of its lease starts no step, and goes on when it beats again", async () => {
    const shared = share();
    let calls = 0;
    const flow = Workflow.define({ name: "flow" }, (ctx) => Step.run(ctx, "a", () => ++calls));
    const { runtime, clock } = await shared.open([flow]);
    const { workers } = engineOf(runtime).store;
    const { beat } = workers;
    Object.assign(workers, { beat: () => Promise.reject(new Error("the disk is slow")) });
    await clock.advance(25_000);
    const run = await Workflow.start(runtime, flow);
    await clock.advance(1_000);
    expect(calls).toBe(0);
    Object.assign(workers, { beat });
    const result = Run.result(run);
    await clock.advance(6_000);
    expect(await result).toBe(1);
  });
});

describe("closing", () => {
  test("hands parked and waiting runs on at once: another runtime goes on without waiting for a lease", async () => {
    const shared = share();
    const one = await shared.open([nap]);
    const run = await Workflow.start(one.runtime, nap);
    await one.clock.advance(300);
    const two = await shared.open([nap]);
    await Runtime.close(one.runtime);
    await two.clock.advance(61_000);
    expect((await Run.get(Run.of(two.runtime, run.id))).output).toBe("slept");
  });

  test("lets a step finish and be recorded, then hands the run over; nothing is done twice", async () => {
    const shared = share();
    const gate = Promise.withResolvers<string>();
    const { calls, aborts, flow } = tagged(gate.promise);
    const one = await shared.open([flow("one", true)], { drain: "10s" });
    const run = await Workflow.start(one.runtime, flow("one", true));
    await one.clock.advance(300);
    const closing = Runtime.close(one.runtime);
    await rest();
    gate.resolve("finished");
    await closing;
    const two = await shared.open([flow("two", false)]);
    await two.clock.advance(500);
    expect((await Run.get(Run.of(two.runtime, run.id))).output).toEqual(["finished", "two"]);
    expect([calls, aborts]).toEqual([["one"], []]);
  });

  test("does not wait for a step for longer than `drain`: it is aborted, and tried again elsewhere at once", async () => {
    const shared = share();
    const { calls, aborts, flow } = tagged(Promise.withResolvers<string>().promise);
    const one = await shared.open([flow("one", true)], { drain: "5s" });
    const run = await Workflow.start(one.runtime, flow("one", true));
    await one.clock.advance(300);
    const closing = Runtime.close(one.runtime);
    await one.clock.advance(5_000);
    await closing;
    expect(aborts).toEqual(["runtime_closed"]);
    const two = await shared.open([flow("two", false)], { clock: one.clock });
    await two.clock.advance(500);
    expect((await Run.get(Run.of(two.runtime, run.id))).output).toEqual(["by two", "two"]);
    expect(calls).toEqual(["one", "two"]);
  });

  test("twice, at the same time and again later, is once; each resolves when it is closed", async () => {
    const shared = share();
    const gate = Promise.withResolvers<string>();
    const { flow } = tagged(gate.promise);
    const { runtime, clock } = await shared.open([flow("one", true)], { drain: "10s" });
    await Workflow.start(runtime, flow("one", true));
    await clock.advance(300);
    const order: string[] = [];
    const both = Promise.all([
      Runtime.close(runtime).then(() => order.push("closed")),
      Runtime.close(runtime).then(() => order.push("closed")),
    ]);
    await rest();
    expect(order).toEqual([]);
    gate.resolve("x");
    await both;
    await Runtime.close(runtime);
    expect(shared.client.query("select count(*) as n from holdfast_workers").get()).toEqual({ n: 0 });
  });

  test("in the middle of an undo hands that over too", async () => {
    const shared = share();
    const gate = Promise.withResolvers<void>();
    const undone: string[] = [];
    const flow = (tag: string) =>
      Workflow.define({ name: "flow" }, async (ctx) => {
        for (const n of [1, 2])
          await Step.run(ctx, `s${n}`, () => n, {
            undo: () => (undone.push(`${n} by ${tag}`), n === 2 ? gate.promise : undefined),
          });
        throw new Error("no");
      });
    const one = await shared.open([flow("one")], { drain: "10s" });
    const run = await Workflow.start(one.runtime, flow("one"));
    await one.clock.advance(300);
    const closing = Runtime.close(one.runtime);
    await rest();
    gate.resolve();
    await closing;
    const two = await shared.open([flow("two")]);
    await two.clock.advance(500);
    expect((await Run.get(Run.of(two.runtime, run.id))).status).toBe("failed");
    expect(undone).toEqual(["2 by one", "1 by two"]);
  });
});

describe("a client", () => {
  test("with execute: false starts, signals, cancels and reads while another process executes", async () => {
    const shared = share();
    let bodies = 0;
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      bodies++;
      return Step.wait(ctx, go);
    });
    const client = await shared.open([flow], { execute: false });
    const run = await Workflow.start(client.runtime, flow);
    await client.clock.advance(5_000);
    expect([(await Run.get(run)).status, bodies]).toEqual(["queued", 0]);
    const worker = await shared.open([flow], { clock: manualClock(client.clock.now()) });
    const clocks = [client.clock, worker.clock];
    await together(clocks, 500);
    expect((await Run.get(run)).status).toBe("waiting");
    await Signal.send(run, go, "hello");
    const result = Run.result(run);
    await together(clocks, 500);
    expect(await result).toBe("hello");
    const second = await Workflow.start(client.runtime, flow);
    await together(clocks, 500);
    await Run.cancel(second, "from the client");
    const error = thrown(Run.result(second));
    await together(clocks, 500);
    expect(await error).toMatchObject({ code: "run_cancelled", data: { reason: "from the client" } });
    expect(bodies).toBe(2);
  });

  test("a cancel from a client aborts a step under way in the worker", async () => {
    const shared = share();
    let reason: unknown;
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(ctx, "slow", ({ signal }) =>
        untilAbort(signal, () => {
          reason = signal.reason;
        }),
      ),
    );
    const worker = await shared.open([flow]);
    const client = await shared.open([], { execute: false });
    const run = await Workflow.start(worker.runtime, flow);
    await worker.clock.advance(200);
    await Run.cancel(Run.of(client.runtime, run.id), "from afar");
    await worker.clock.advance(500);
    expect(reason).toMatchObject({ code: "cancelled" });
    expect((await Run.get(run)).status).toBe("cancelled");
  });

  test("two workers share the work: every run is executed once", async () => {
    const shared = share();
    const calls = new Map<string, number>();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Step.run(ctx, "a", ({ key }) => void calls.set(key, (calls.get(key) ?? 0) + 1)),
    );
    const client = await shared.open([], { execute: false });
    const runs = await Promise.all(Array.from({ length: 100 }, () => Workflow.start(client.runtime, flow)));
    const workers = [await shared.open([flow], { concurrency: 5 }), await shared.open([flow], { concurrency: 5 })];
    for (let turn = 0; turn < 50 && calls.size < 100; turn++)
      await together(
        workers.map(({ clock }) => clock),
        100,
      );
    expect(calls.size).toBe(100);
    expect([...calls.values()].every((n) => n === 1)).toBe(true);
    expect(runs.length).toBe(100);
  }, 30_000);
});

test("nothing is ever stuck: after all of it the check answers with an empty list", async () => {
  const world = setup();
  const runtime = await world.open([nap]);
  await Workflow.start(runtime, nap);
  await world.clock.advance(1_000);
  expect(await Runtime.check(runtime)).toEqual([]);
});
