/** A storm of timers: many thousands that are due within one second, by a clock moved by hand. */
import { join } from "node:path";
import { Runtime, Step, Workflow } from "../../src/index.ts";
import { engineOf } from "../../src/engine/opened.ts";
import { manualClock } from "../../test/kit/clock.ts";
import { until } from "../../test/kit/until.ts";
import { silent } from "../../test/kit/world.ts";
import type { Part } from "./part.ts";

export type Storm = { readonly timers: number; readonly seconds: number; readonly block: number; readonly megabytes: number };

/** How far ahead, in ms, the second begins: they all rest by then. */
const ahead = 60_000;
/** Runs in memory at once, at work or hot: what a storm may not exceed. */
const concurrency = 256;
const hot = 1_000;

/** The longest time, in ms, in which the loop did not turn, and the most memory, since it was asked to watch. */
const watchLoop = () => {
  const before = process.memoryUsage.rss();
  let last = performance.now();
  let block = 0;
  let most = before;
  const timer = setInterval(() => {
    const now = performance.now();
    block = Math.max(block, now - last - 5);
    most = Math.max(most, process.memoryUsage.rss());
    last = now;
  }, 5);
  return {
    stop: () => {
      clearInterval(timer);
      return { block: Math.round(block), megabytes: Math.round((most - before) / 2 ** 20) };
    },
  };
};

export const storm = async ({ order, breach }: Part, timers: number): Promise<Storm> => {
  const clock = manualClock();
  const base = clock.now() + ahead;
  const state = { fired: 0, early: 0, crowded: 0 };
  const rain = Workflow.define({ name: "rain" }, async (ctx, due: number) => {
    await Step.sleepUntil(ctx, "until", due);
    await Step.run(ctx, "woke", () => {
      state.fired += 1;
      if (clock.now() < due) state.early += 1;
      const { executing, hot: kept } = engineOf(runtime);
      if (executing.size > concurrency || kept.size > hot) state.crowded += 1;
    });
  });
  const runtime = await Runtime.open({
    // The slice shares its disk with other tests, and is about timers.
    database: order.size === "whole" ? `sqlite:${join(order.folder, "storm.db")}` : "sqlite::memory:",
    workflows: [rain],
    concurrency,
    hot,
    clock,
    logger: silent,
  });
  for (let n = 0; n < timers; n += 1_000) {
    const wishes = Array.from({ length: Math.min(1_000, timers - n) }, (_, index) => base + ((n + index) % 1_000));
    await Promise.all(wishes.map((due) => Workflow.start(runtime, rain, due)));
  }
  await until("every run rests", () => engineOf(runtime).executing.size === 0, 300_000);
  await clock.advance(ahead - 1);
  if (state.fired > 0) breach(`storm: ${state.fired} timers fired before any was due`);
  const watch = watchLoop();
  const startedAt = performance.now();
  for (let ms = 0; ms < 1_000; ms += 20) await clock.advance(20);
  await until("every timer has fired", () => state.fired >= timers && engineOf(runtime).executing.size === 0, 300_000).catch(
    (error: unknown) => breach(`storm: ${state.fired} of ${timers} timers fired: ${String(error)}`),
  );
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
  const { block, megabytes } = watch.stop();
  if (state.early > 0) breach(`storm: ${state.early} timers fired early`);
  if (state.fired > timers) breach(`storm: ${state.fired - timers} timers fired twice`);
  if (state.crowded > 0) breach(`storm: ${state.crowded} times more runs were in memory than may be`);
  for (const { id, why } of await Runtime.check(runtime)) breach(`storm: run ${id} is stuck: ${why}`);
  const closing = Runtime.close(runtime);
  await clock.advance(10_000);
  await closing;
  return { timers: state.fired, seconds, block, megabytes };
};
