// E12: nothing of a run sees the AsyncLocalStorage of the code that opened the runtime, or that started, signalled, stopped or woke the run, or of another run.
import { Database } from "bun:sqlite";
import { SQL } from "bun";
import { describe, expect, test as run } from "bun:test";
import { AsyncLocalStorage } from "node:async_hooks";
import { drizzle as onServer } from "drizzle-orm/bun-sql";
import { drizzle as onFile } from "drizzle-orm/bun-sqlite";
import { drizzle as onMysql } from "drizzle-orm/mysql2";
import pino from "pino";
import { z } from "zod";
import { CircuitBreaker, Context, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { until } from "../kit/until.ts";
import { afterwards, silent } from "../kit/world.ts";
import { poolOn } from "../store/mysql.kit.ts";
import { databases } from "./processes.ts";

type Users = Parameters<typeof Step.transaction>[2] & NonNullable<Runtime.Options["database"]>;

/** The user's own database, of which Holdfast's tables are a part. */
const usersOf = (url: string): Users => {
  if (url.startsWith("mysql")) return onMysql({ client: poolOn(url, 4) }) as unknown as Users;
  if (url.startsWith("postgres")) {
    const client = new SQL(url, { max: 4 });
    afterwards(() => client.close({ timeout: 0 }));
    return onServer({ client }) as unknown as Users;
  }
  const client = new Database(url.slice("sqlite:".length));
  afterwards(() => client.close());
  return onFile(client);
};

const request = new AsyncLocalStorage<string>();
const once = { retry: { attempts: 1 } };
const go = Signal.define("go");

/** What each part of a run saw. */
const createEyes = () => {
  const seen = new Map<string, Set<string>>();
  const look = (place: string): void => {
    seen.set(place, (seen.get(place) ?? new Set()).add(request.getStore() ?? "nothing"));
  };
  return { look, seen, wrong: () => [...seen].filter(([, stores]) => [...stores].join() !== "nothing") };
};

const looking = (look: (place: string) => void, place: string) => z.any().transform((value: unknown) => (look(place), value));

const aborted = (signal: AbortSignal, then: () => void): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => {
      then();
      reject(signal.reason as Error);
    });
  });

const places = [
  "body", "body after a step", "body after a timeout", "body after a signal", "body after a sleep", "clean-up", "step", "step that waits for its cancel",
  "predicate", "fallback", "undo", "transaction", "guarded step", "fallback of a guarded step", "isFailure", "CircuitBreaker.run in a step", "isFailure in a step", "child",
  "step of the child", "input of the child", "output of the child", "abort of a timeout", "abort of a cancel", "abort of Context.signal", "Step.all", "Step.map", "Step.graph",
  "step in Step.map", "chain: say", "chain: step", "chain: condition", "mixin of the body", "mixin of a step",
]; // prettier-ignore

describe.each(databases)("on %s", (name, there, fresh) => {
  const test = there ? run : run.skip;

  test.each([1_000, 0])(
    "no part of a run sees a context of others, hot: %d",
    async (hot) => {
      const { look, seen, wrong } = createEyes();
      const db = usersOf(await fresh());
      const gateway = CircuitBreaker.define("gateway", { resetTimeout: 50, isFailure: () => (look("isFailure"), true) });
      const direct = CircuitBreaker.define("direct", { isFailure: () => (look("isFailure in a step"), true) });
      const child = Workflow.define(
        { name: "child", input: looking(look, "input of the child"), output: looking(look, "output of the child") },
        async (ctx) => {
          look("child");
          await Step.run(ctx, "step", () => look("step of the child"));
          await Step.sleep(ctx, "nap", "50ms");
        },
      );
      const flow = Workflow.define({ name: "flow" }, async (ctx) => {
        look("body");
        Context.signal(ctx).addEventListener("abort", () => look("abort of Context.signal"));
        Context.log(ctx).warn({ place: "mixin of the body" }, "said");
        const again = { retry: { attempts: 2, delay: 1, when: () => (look("predicate"), true) } };
        await Step.run(
          ctx,
          "step",
          ({ attempt, log }) => {
            look("step");
            log.warn({ place: "mixin of a step" }, "said");
            if (attempt === 1) throw new Error("again");
          },
          { ...again, undo: () => look("undo") },
        );
        look("body after a step");
        const down = (): never => {
          throw new Error("down");
        };
        await Step.run(ctx, "fallen", down, { ...once, fallback: () => look("fallback") });
        await Step.run(ctx, "slow", ({ signal }) => aborted(signal, () => look("abort of a timeout")), {
          ...once,
          timeout: 10,
        }).catch(() => look("body after a timeout"));
        const transaction = name === "SQLite" ? () => look("transaction") : async () => look("transaction");
        await (Step.transaction as (...given: readonly unknown[]) => Promise<unknown>)(ctx, "transaction", db, transaction);
        await Step.run(ctx, "guarded", () => look("guarded step"), { breaker: gateway });
        await Step.run(ctx, "refused", down, { ...once, breaker: gateway, fallback: () => look("fallback of a guarded step") });
        await Step.run(ctx, "direct", async () => {
          const call = (): never => {
            look("CircuitBreaker.run in a step");
            return down();
          };
          await CircuitBreaker.run(runtime, direct, call).catch(() => {});
        });
        await Step.call(ctx, child, 1);
        await Step.all(ctx, "all", { one: () => look("Step.all") });
        await Step.map(ctx, "map", [1, 2], (ctx) => {
          look("Step.map");
          return Step.run(ctx, "step", () => look("step in Step.map"));
        });
        await Step.graph(ctx, "graph", (task) => ({ one: task("one", () => look("Step.graph")) }));
        await Context.chain(ctx, 1, (chain) => {
          look("chain: say");
          const isSo = (): boolean => (look("chain: condition"), true);
          return chain.step("chained", () => look("chain: step")).when(isSo, (then) => then.sleep("short", 1));
        });
        await Step.wait(ctx, go);
        look("body after a signal");
        await Step.sleep(ctx, "nap", "1500ms");
        look("body after a sleep");
        try {
          await Step.run(ctx, "last", ({ signal }) => {
            look("step that waits for its cancel");
            return aborted(signal, () => look("abort of a cancel"));
          });
        } finally {
          look("clean-up");
        }
      });
      const mixin = (merged: object): object => {
        if ("place" in merged) look(String(merged.place));
        return {};
      };
      const logger = pino({ level: "warn", mixin }, { write: () => {} });
      const runtime = await request.run("opener", () => Runtime.open({ database: db, workflows: [flow, child], hot, logger }));
      afterwards(() => Runtime.close(runtime));
      await request.run("tripper", () => CircuitBreaker.trip(runtime, gateway, 50));
      const handles = await Promise.all(["ada", "ben"].map((who) => request.run(who, () => Workflow.start(runtime, flow))));
      const inState = (status: string) => () =>
        Promise.all(handles.map(async (each) => (await Run.get(each)).status)).then((all) => all.every((is) => is === status));
      const each = (who: string, call: (handle: (typeof handles)[number]) => Promise<unknown>): Promise<unknown> =>
        request.run(who, () => Promise.all(handles.map(call)));
      await until("all wait for the signal", async () => {
        const all = await Promise.all(
          handles.map(async (handle) => (await Run.history(handle)).some(({ kind }) => kind === "waiting")),
        );
        return all.every(Boolean);
      });
      await each("signaller", (handle) => Signal.send(handle, go, 1));
      await until("all sleep", async () => (seen.get("body after a signal")?.size ?? 0) > 0 && inState("waiting")());
      await each("pauser", (handle) => Run.pause(handle));
      await until("all are paused", inState("paused"));
      await each("resumer", (handle) => Run.resume(handle));
      await until("all are in their last step", async () => seen.has("step that waits for its cancel") && inState("running")());
      await each("canceller", (handle) => Run.cancel(handle));
      await until("all are cancelled", inState("cancelled"));
      await each("retrier", (handle) => Run.retry(handle));
      await until("all run again", inState("running"));
      await each("canceller again", (handle) => Run.cancel(handle));
      await until("all are cancelled again", inState("cancelled"));
      expect(wrong()).toEqual([]);
      expect([...seen.keys()].toSorted()).toEqual(places.toSorted());
    },
    60_000,
  );

  test.each([1_000, 0])(
    "what one run enters is not seen by another of the same turn, hot: %d",
    async (hot) => {
      const { look, seen, wrong } = createEyes();
      const db = usersOf(await fresh());
      const enter = (): void => request.enterWith("leak");
      const enters = Workflow.define({ name: "enters" }, async (ctx) => {
        enter();
        Context.signal(ctx).addEventListener("abort", enter);
        const fail = (): never => {
          enter();
          throw new Error("no");
        };
        const again = { retry: { attempts: 2, delay: 1, when: () => (enter(), true) }, fallback: enter, undo: enter };
        await Step.run(ctx, "step", fail, again);
        enter();
        const transaction = name === "SQLite" ? enter : async () => enter();
        await (Step.transaction as (...given: readonly unknown[]) => Promise<unknown>)(ctx, "transaction", db, transaction);
        await Step.sleep(ctx, "nap", "20ms");
        enter();
        await Step.run(ctx, "aborts", ({ signal }) => aborted(signal, enter), { ...once, timeout: 10 });
      });
      const looks = Workflow.define({ name: "looks" }, async (ctx) => {
        look("body");
        const again = {
          retry: { attempts: 2, delay: 1, when: () => (look("predicate"), true) },
          fallback: () => look("fallback"),
        };
        const fail = (): never => {
          look("step");
          throw new Error("no");
        };
        await Step.run(ctx, "step", fail, again);
        look("body after a step");
        await Step.sleep(ctx, "nap", "20ms");
        look("body after a sleep");
        await Step.run(ctx, "aborts", ({ signal }) => aborted(signal, () => look("abort")), { ...once, timeout: 10 }).catch(
          () => {},
        );
      });
      const runtime = await Runtime.open({ database: db, workflows: [enters, looks], hot, logger: silent });
      afterwards(() => Runtime.close(runtime));
      const pair = Array.from({ length: 5 }, () => [enters, looks]).flat();
      const handles = await Promise.all(pair.map((workflow) => Workflow.start(runtime, workflow)));
      await Promise.allSettled(handles.map((handle) => Run.result(handle)));
      expect(wrong()).toEqual([]);
      expect(seen.size).toBe(7);
    },
    60_000,
  );

  test.each([1_000, 0])(
    "what a body enters stays with it through its awaits, live and on replay, hot: %d",
    async (hot) => {
      const lives: string[][] = [];
      const own = Workflow.define({ name: "own" }, async (ctx, who: string) => {
        const saw: string[] = [];
        lives.push(saw);
        await request.run(who, async () => {
          for (const part of ["a", "b"]) {
            const inStep = await Step.run(ctx, part, () => request.getStore() ?? "nothing");
            saw.push(`${request.getStore()} ${inStep}`);
            await Step.sleep(ctx, `nap ${part}`, "1200ms");
            saw.push(`${request.getStore()}`);
          }
          await Promise.all(
            [1, 2].map(async (n) => Step.run(ctx, `par ${n}`, () => n).then(() => saw.push(`${request.getStore()}`))),
          );
        });
        saw.push(request.getStore() ?? "nothing");
        return saw;
      });
      const runtime = await Runtime.open({ database: usersOf(await fresh()), workflows: [own], hot, logger: silent });
      afterwards(() => Runtime.close(runtime));
      const starts = ["ada", "ben"].map((who) => request.run("starter", () => Workflow.start(runtime, own, who)));
      const results = await Promise.all((await Promise.all(starts)).map((handle) => Run.result(handle)));
      const expected = (who: string): string[] => [`${who} nothing`, who, `${who} nothing`, who, who, who, "nothing"];
      expect(results).toEqual([expected("ada"), expected("ben")]);
      if (hot === 0) expect(lives.length).toBeGreaterThan(2);
    },
    60_000,
  );
});
