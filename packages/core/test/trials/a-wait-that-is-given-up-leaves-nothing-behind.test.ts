// Run.result with a timeout or a signal answers in time, counted from the call, and leaves no listener and no unhandled rejection.
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { Engine } from "../../src/engine/engine.ts";
import { engineOf } from "../../src/engine/opened.ts";
import { CircuitBreaker, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { afterwards } from "../kit/afterwards.ts";
import { databases } from "../kit/databases.ts";
import { silent } from "../kit/silent.ts";
import { until } from "../kit/until.ts";
import { openProxy } from "../server/proxy.ts";

const go = Signal.define("go");
const waits = Workflow.define({ name: "waits" }, (ctx) => Step.wait(ctx, go));

const open = async (database: string, options: Runtime.Options = {}): Promise<Runtime.Runtime> => {
  const runtime = await Runtime.open({ database, workflows: [waits], logger: silent, drain: "200ms", ...options });
  afterwards(() => Runtime.close(runtime));
  return runtime;
};

const errorOf = async (promise: Promise<unknown>): Promise<{ readonly code?: unknown; readonly name: string }> =>
  promise.then(
    (value) => ({ name: `answered ${String(value)}` }),
    (error: Error) => error,
  );

const timed = async (work: () => Promise<unknown>): Promise<{ readonly code: unknown; readonly took: number }> => {
  const startedAt = performance.now();
  const { code, name } = await errorOf(work());
  return { code: code ?? name, took: performance.now() - startedAt };
};

/** From now on the store answers nothing that is asked of a run. */
const standStill = (engine: Engine): void => {
  const never = (): Promise<never> => new Promise(() => {});
  Object.assign(engine.store.runs, { byKey: never, byId: never });
};

const listeners = ({ closers, waiters, mistaken }: Engine): number => closers.size + waiters.size + mistaken.size;

describe.each(databases)("on $name", ({ fresh }) => {
  test("a process that catches what its waits reject with goes on", async () => {
    const child = Bun.spawn(["bun", join(import.meta.dir, "waits.child.ts"), await fresh()], { stdout: "pipe", stderr: "pipe" });
    const [said, errors, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    expect([code, errors]).toEqual([0, ""]);
    const codes = JSON.parse(said) as string[];
    expect(codes).toContain("result_timeout");
    expect(codes).toContain("20");
    expect(codes).toContain("runtime_closed");
    expect(codes.filter((one) => !/^(result_timeout|20|there|runtime_closed|run_not_found)$/.test(one))).toEqual([]);
  }, 60_000);

  test("the time begins with the call, also while the id is looked up and the database stands still", async () => {
    const runtime = await open(await fresh());
    const run = await Workflow.start(runtime, waits);
    const engine = engineOf(runtime);
    await until("the run waits", async () => (await Run.get(run)).status === "waiting");
    const before = listeners(engine);
    standStill(engine);
    for (const handle of [run, Run.of(runtime, run.id)]) {
      const { code, took } = await timed(() => Run.result(handle, { timeout: 100 }));
      expect(code).toBe("result_timeout");
      expect(took).toBeLessThan(2_000);
    }
    expect(listeners(engine)).toBe(before);
  }, 30_000);

  test("a signal that aborts at any moment after the call ends the wait with its reason", async () => {
    const runtime = await open(await fresh());
    const run = await Workflow.start(runtime, waits);
    const engine = engineOf(runtime);
    await until("the run waits", async () => (await Run.get(run)).status === "waiting");
    const before = listeners(engine);
    for (const handle of [run, () => Run.of(runtime, run.id)]) {
      for (let turns = 0; turns < 8; turns++) {
        const gone = new AbortController();
        const result = errorOf(Run.result(typeof handle === "function" ? handle() : handle, { signal: gone.signal }));
        for (let turn = 0; turn < turns; turn++) await Promise.resolve();
        gone.abort();
        expect((await result).name).toBe("AbortError");
      }
      for (let ms = 0; ms < 4; ms++) {
        const gone = new AbortController();
        const result = errorOf(Run.result(typeof handle === "function" ? handle() : handle, { signal: gone.signal }));
        await Bun.sleep(ms);
        gone.abort("the client is gone");
        expect(await result).toBe("the client is gone" as never);
      }
    }
    expect((await errorOf(Run.result(run, { signal: AbortSignal.abort() }))).name).toBe("AbortError");
    expect((await errorOf(Run.result(run, { signal: AbortSignal.timeout(20) }))).name).toBe("TimeoutError");
    expect(listeners(engine)).toBe(before);
  }, 30_000);

  test("a runtime that closes while the look is under way ends the wait", async () => {
    const database = await fresh();
    const runtime = await open(database);
    const run = await Workflow.start(runtime, waits);
    await until("the run waits", async () => (await Run.get(run)).status === "waiting");
    standStill(engineOf(runtime));
    const results = [Run.result(run), Run.result(Run.of(runtime, run.id), { timeout: "1m" })].map(errorOf);
    await Runtime.close(runtime);
    for (const result of results) expect((await result).code).toBe("runtime_closed");
    expect((await errorOf(Run.result(run))).code).toBe("runtime_closed");
  }, 30_000);

  test("an option that is not an AbortSignal is refused", async () => {
    const runtime = await open(await fresh());
    const run = await Workflow.start(runtime, waits);
    for (const signal of [null, {}, new AbortController(), "gone"])
      expect((await errorOf(Run.result(run, { signal: signal as AbortSignal }))).code).toBe("invalid_option");
  });

  test("a call through a circuit breaker that is late or refused leaves no rejection behind", async () => {
    const runtime = await open(await fresh());
    const breaker = CircuitBreaker.define("gateway", { timeout: 20, volumeThreshold: 1 });
    const late = Promise.withResolvers<never>();
    expect((await errorOf(CircuitBreaker.run(runtime, breaker, () => late.promise))).code).toBe("breaker_timeout");
    late.reject(new Error("too late"));
    await until("it is open", async () => (await CircuitBreaker.state(runtime, breaker)).state === "open");
    expect((await errorOf(CircuitBreaker.run(runtime, breaker, async () => 1))).code).toBe("breaker_open");
    await Bun.sleep(10);
  }, 30_000);
});

const servers = databases.filter(({ name }) => name !== "SQLite");

describe.each(servers)("behind a connection that stands still, on $name", ({ fresh }) => {
  test("a timeout is kept", async () => {
    const url = new URL(await fresh());
    const proxy = openProxy(url.hostname, Number(url.port));
    afterwards(() => proxy.close());
    url.port = String(proxy.port);
    const runtime = await open(url.href);
    const run = await Workflow.start(runtime, waits);
    await until("the run waits", async () => (await Run.get(run)).status === "waiting");
    proxy.hold(true);
    for (const handle of [run, Run.of(runtime, run.id)]) {
      const { code, took } = await timed(() => Run.result(handle, { timeout: 300 }));
      expect(code).toBe("result_timeout");
      expect(took).toBeGreaterThan(290);
      expect(took).toBeLessThan(2_000);
    }
    proxy.hold(false);
    proxy.cutAll();
    await Signal.send(run, go, "at last");
    expect(await Run.result(run, { timeout: "20s" })).toBe("at last");
  }, 60_000);
});
