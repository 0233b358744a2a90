/** Sleeps of weeks, years and a century, over restarts, by a clock moved by hand; and by the machine's, that none of them is over at once. */
import { join } from "node:path";
import { Run, Runtime, Step, Workflow } from "../../src/index.ts";
import { system } from "../../src/engine/clock.ts";
import { manualClock, type ManualClock } from "../../test/kit/clock.ts";
import { silent } from "../../test/kit/world.ts";
import type { Part } from "./part.ts";

const day = 86_400_000;
/** The first is just over 2^31 ms, where a timer of JavaScript fires at once. */
export const lengths = [2 ** 31, 24.9 * day, 30 * day, 365 * day, 100 * 365 * day];

const far = Workflow.define({ name: "far" }, async (ctx, ms: number) => {
  await Step.sleep(ctx, "far", ms);
  return ms;
});

const open = (file: string, clock: ManualClock | typeof system): Promise<Runtime.Runtime> =>
  Runtime.open({ database: `sqlite:${file}`, workflows: [far], logger: silent, clock, drain: 0 });

const ended = async (runtime: Runtime.Runtime, id: string): Promise<boolean> =>
  (await Run.get(Run.of(runtime, id))).status === "completed";

/** Each sleep is not over a millisecond before its moment, is over at it, and a restart comes before each look. */
export const farAway = async ({ order, breach }: Part): Promise<number> => {
  const clock = manualClock();
  const file = join(order.folder, "far.db");
  let runtime = await open(file, clock);
  const restart = async (): Promise<void> => {
    await Runtime.close(runtime);
    runtime = await open(file, clock);
    await clock.advance(300);
  };
  const startedAt = clock.now();
  for (const ms of lengths) await Workflow.start(runtime, far, ms, { id: `far-${ms}` });
  await clock.advance(300);
  for (const ms of lengths) {
    clock.stall(Math.max(0, startedAt + ms - 2_000 - clock.now()));
    await restart();
    await clock.advance(startedAt + ms - 1 - clock.now());
    if (await ended(runtime, `far-${ms}`)) breach(`a sleep of ${ms} ms was over before its time`);
    await clock.advance(2_000);
    if (!(await ended(runtime, `far-${ms}`))) breach(`a sleep of ${ms} ms was not over at its time`);
  }
  await Runtime.close(runtime);
  return lengths.length;
};

/** The machine's own timers: whatever is far away stays so, for a moment that is long enough to see it. */
export const notAtOnce = async ({ order, breach }: Part): Promise<void> => {
  const runtime = await open(join(order.folder, "not-at-once.db"), system);
  const called: number[] = [];
  const warnings = new Set<string>();
  const warn = ({ name, message }: Error): void => void warnings.add(`${name}: ${message}`);
  process.on("warning", warn);
  const callOffs = lengths.flatMap((ms) => [
    system.at(Date.now() + ms, () => called.push(ms)),
    system.after(ms, () => called.push(ms)),
  ]);
  for (const ms of lengths) await Workflow.start(runtime, far, ms, { id: `far-${ms}` });
  await Bun.sleep(1_500);
  process.off("warning", warn);
  for (const warning of warnings) breach(`a timer was asked for more than it can do: ${warning}`);
  for (const ms of lengths)
    if (await ended(runtime, `far-${ms}`)) breach(`by the machine's clock a sleep of ${ms} ms was over at once`);
  for (const ms of called) breach(`a timer of ${ms} ms fired at once`);
  for (const callOff of callOffs) callOff();
  await Runtime.close(runtime);
};
