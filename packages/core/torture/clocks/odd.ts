/** Durations that are none, and retries that go on for ever. */
import { Fault, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { delayBefore, type Retry } from "../../src/model/backoff.ts";
import { longest } from "../../src/model/span.ts";
import { chanceOf } from "../../test/fuzz/chance.ts";
import { manualClock } from "../../test/kit/clock.ts";
import { silent } from "../../test/kit/world.ts";
import type { Part } from "./part.ts";

const never = Signal.define("never");
const noNumbers = [Infinity, -Infinity, NaN, Number.MAX_VALUE, longest + 1];
const noTexts = ["", "5", "5 m", "-5m", "1e9d", "Infinityms", "5y"];
const noDurations: readonly unknown[] = [...noNumbers, ...noTexts, null, {}, [], true, 5n, new Date(Number.NaN)];

/** Everywhere that a duration is said. Each is handed what is none. */
const places: Readonly<Record<string, (ctx: Parameters<typeof Step.sleep>[0], duration: never) => unknown>> = {
  sleep: (ctx, duration) => Step.sleep(ctx, "sleep", duration),
  wait: (ctx, duration) => Step.wait(ctx, never, { timeout: duration }),
  "timeout of a step": (ctx, duration) => Step.run(ctx, "step", () => 1, { timeout: duration }),
  "delay of a retry": (ctx, duration) => Step.run(ctx, "step", () => 1, { retry: { delay: duration } }),
  "ceiling of a retry": (ctx, duration) => Step.run(ctx, "step", () => 1, { retry: { ceiling: duration } }),
};

/** The code of what is thrown, at once or later; undefined when nothing is. */
const refusal = async (call: () => unknown): Promise<string | undefined> => {
  try {
    await call();
    return undefined;
  } catch (error) {
    return Fault.is(error) ? error.code : `not typed: ${String(error)}`;
  }
};

/** Every duration that is none is refused with `invalid_option`, wherever it is said. */
export const refused = async ({ breach }: Part): Promise<number> => {
  let asked = 0;
  const check = async (place: string, duration: unknown, call: () => unknown): Promise<void> => {
    asked += 1;
    const code = await refusal(call);
    if (code !== "invalid_option") breach(`${place} of ${Bun.inspect(duration)}: ${code ?? "taken"}`);
  };
  const told = Workflow.define({ name: "told" }, async (ctx) => {
    for (const [place, say] of Object.entries(places))
      for (const duration of noDurations) await check(place, duration, () => say(ctx, duration as never));
    for (const moment of [Infinity, NaN, new Date(Number.NaN), 2 ** 60])
      await check("sleepUntil", moment, () => Step.sleepUntil(ctx, "until", moment));
  });
  const runtime = await Runtime.open({ database: "sqlite::memory:", workflows: [told], logger: silent });
  for (const duration of noDurations) {
    await check("delay of a start", duration, () => Workflow.start(runtime, told, undefined, { delay: duration as never }));
    await check("timeout of a workflow", duration, () => Workflow.define({ name: "x", timeout: duration as never }, () => 1));
    await check("timeout of a result", duration, () => Run.result(Run.of(runtime, "x"), { timeout: duration as never }));
  }
  await Run.result(await Workflow.start(runtime, told));
  await Runtime.close(runtime);
  return asked;
};

/** The wait before any attempt up to 2^31 is whole, not negative, within its ceiling, and never shorter than the one before. */
export const backoff = ({ order, breach }: Part, samples: number): number => {
  const chance = chanceOf(order.seed);
  const size = (most: number): number => Math.floor(most ** chance.next());
  for (let sample = 0; sample < samples; sample++) {
    const retry: Retry = {
      attempts: 2 ** 31,
      delay: chance.one([0, 1, size(longest), longest]) ?? 0,
      factor: chance.one([1, 1 + chance.next(), 2, size(1_000), 1e308]) ?? 1,
      ceiling: chance.one([0, 60_000, size(longest), longest]) ?? 0,
      jitter: chance.happens(0.5) ? "full" : "none",
    };
    const attempt = chance.one([1, 2, size(2 ** 31), 2 ** 31]) ?? 1;
    const wait = delayBefore(retry, attempt, chance.next());
    const sound = Number.isSafeInteger(wait) && wait >= 0 && wait <= retry.ceiling && Number.isSafeInteger(Date.now() + wait);
    const before = delayBefore(retry, attempt - 1, chance.next());
    if (!sound || (retry.jitter === "none" && before > wait))
      breach(`backoff: ${wait} ms before attempt ${attempt + 1} of ${JSON.stringify(retry)}`);
  }
  return samples;
};

/** A step that fails for ever, with waits that would overflow: it goes on within its ceiling until its run's time is over, and not longer. */
export const forEver = async ({ breach }: Part, attempts: number): Promise<number> => {
  const clock = manualClock();
  const startedAt = clock.now();
  const state = { attempts: 0, last: startedAt, longest: 0 };
  const stubborn = Workflow.define({ name: "stubborn", timeout: attempts * 60_000 }, (ctx) =>
    Step.run(
      ctx,
      "fails",
      () => {
        state.longest = Math.max(state.longest, clock.now() - state.last);
        state.last = clock.now();
        state.attempts += 1;
        throw new Error("again");
      },
      { retry: { attempts: 2 ** 31, delay: "1s", factor: 1e308, ceiling: "1m", jitter: "none" } },
    ),
  );
  const runtime = await Runtime.open({ database: "sqlite::memory:", workflows: [stubborn], logger: silent, clock, hot: 0 });
  const run = await Workflow.start(runtime, stubborn);
  await clock.advance(attempts * 60_000 + 5_000);
  const { status } = await Run.get(run);
  if (status !== "failed") breach(`retries for ever: after its time the run is ${status}`);
  if (Math.abs(state.attempts - attempts) > 1) breach(`retries for ever: ${state.attempts} attempts, not ${attempts}`);
  if (state.longest > 60_000) breach(`retries for ever: a wait of ${state.longest} ms, the ceiling is a minute`);
  await Runtime.close(runtime);
  return state.attempts;
};
