/** A table of ordinary code: each row is a workflow that is run once without a crash, and then once for every place to crash at. */
import { expect, test } from "bun:test";
import { Fault, Run, Runtime, Workflow } from "../../src/index.ts";
import { on as database, setup, type World } from "../kit/world.ts";
import { crasher, type Crash, type Crasher } from "./crash.ts";
import { ledger, type Effects } from "./effects.ts";

/** Something from outside, done once its moment has come. */
export type Event = {
  readonly when: (records: readonly Run.Record[], view: Run.View) => boolean;
  readonly act: (run: Run.Handle) => Promise<unknown>;
};

export type Row = {
  /** The first is the one that is run. */
  readonly workflows: (effects: Effects, world: World) => readonly [Workflow.AnyDefinition, ...Workflow.AnyDefinition[]];
  readonly input?: unknown;
  readonly events?: readonly Event[];
  /** What comes out. */
  readonly ends: { readonly output: unknown } | { readonly failed: string } | { readonly cancelled: string };
  /** How often each function is begun when nothing crashes. */
  readonly begun: Readonly<Record<string, number>>;
  /** Functions that a crash may leave out, and behind a server the chance: what follows from a step that nobody waited for any more when it died unrecorded. */
  readonly mayMiss?: readonly string[];
  /** A crash at every so many records. Default: at each. */
  readonly every?: number;
};

const ended = new Set(["completed", "failed", "cancelled"]);

/** What a run came to, without what differs from run to run. */
const outcome = async (result: Promise<unknown>): Promise<unknown> => {
  try {
    return { output: await result };
  } catch (error) {
    if (Fault.is(error, "run_failed")) return { failed: error.message.replace(/^Run \S+ failed: /, "") };
    if (Fault.is(error, "run_cancelled")) return { cancelled: error.data["reason"] };
    throw error;
  }
};

type Bench = {
  readonly world: World;
  readonly crashes: Crasher;
  readonly effects: Effects;
  readonly row: Row;
  readonly options: Runtime.Options;
};

/** Runs a row to its end, and over the crash if there is one. Answers with what came out. */
const go = async ({ world, crashes, effects, row, options }: Bench, id: string, crash: Crash | undefined): Promise<unknown> => {
  const workflows = row.workflows(effects, world);
  const open = (): Promise<Runtime.Runtime> => crashes.open(workflows, { ...options, crashes: 1_000 });
  const start = (on: Runtime.Runtime): Promise<unknown> =>
    Workflow.start(on, workflows[0] as Workflow.Definition, row.input, { id }).catch(() => {});
  let runtime = await open();
  if (crash) crashes.arm(runtime, { ...crash, records: (await crashes.countRecords()) + crash.records });
  await start(runtime);
  const left = [...(row.events ?? [])];
  for (let round = 0; round < 20_000; round++) {
    await world.clock.settle();
    if (crashes.isGone(runtime)) {
      runtime = await open();
      await start(runtime);
      continue;
    }
    const run = Run.of(runtime, id);
    const view = await Run.get(run);
    if (ended.has(view.status)) {
      const came = await outcome(Run.result(run));
      crashes.disarm(runtime);
      expect(await Runtime.check(runtime)).toEqual([]);
      await closing(world, runtime);
      return came;
    }
    if (left[0]?.when(await Run.history(run), view) === true) {
      await left[0].act(run).catch(() => {});
      if (!crashes.isGone(runtime)) left.shift();
      continue;
    }
    const next = world.clock.next();
    if (next === undefined)
      throw new Error(`nothing will wake the run: ${JSON.stringify(view)} ${JSON.stringify(await Run.history(run))}`);
    await world.clock.advance(Math.max(0, next - world.clock.now()));
  }
  throw new Error("the run does not come to an end");
};

/** Closing lets steps finish, and so takes time. */
const closing = async (world: World, runtime: Runtime.Runtime): Promise<void> => {
  const closed = Runtime.close(runtime);
  await world.clock.advance(250);
  await closed;
};

const bench = (row: Row, options: Runtime.Options): Bench => {
  const world = setup();
  return { world, crashes: crasher(world), effects: ledger(world), row, options };
};

/** One crash at each place of the history, and the same comes out; no function begins once it is recorded. */
const sweep = async (on: Bench, when: Crash["when"]): Promise<void> => {
  const { row, effects, crashes } = on;
  expect(await go(on, "calm", undefined)).toEqual(row.ends);
  // Behind a server it is not told in which order two things come that nothing orders.
  const may = database === "sqlite" ? [] : (row.mayMiss ?? []);
  const begun = effects.begun();
  expect(begun).toEqual(Object.fromEntries(Object.entries(row.begun).filter(([key]) => key in begun || !may.includes(key))));
  const places = await crashes.countRecords();
  let expected = 0;
  for (let at = 1; at <= places; at += row.every ?? 1) {
    effects.clear();
    expected++;
    const came = await go(on, `crash-${at}`, { records: at, when });
    expect({ at, came }).toEqual({ at, came: row.ends });
    expect({ at, wrong: effects.wrong }).toEqual({ at, wrong: [] });
    expect(Object.keys(effects.begun()).filter((key) => !(key in row.begun))).toEqual([]);
    for (const [key, least] of Object.entries(row.begun)) {
      const times = effects.begun()[key] ?? 0;
      if (times === 0 && row.mayMiss?.includes(key) === true) continue;
      expect({ at, key, times, fits: times >= least && times <= least + 1 }).toEqual({ at, key, times, fits: true });
    }
  }
  // A child may go on after its parent's end, where no crash of this run comes.
  expect(crashes.count()).toBeGreaterThan(expected / 2);
};

export const table = (rows: Readonly<Record<string, Row>>): void => {
  for (const [name, row] of Object.entries(rows)) {
    test(`${name}, also over a crash after every commit`, () => sweep(bench(row, {}), "after"), 120_000);
    test(
      `${name}, also over a crash before every commit, replayed each time it wakes`,
      () => sweep(bench(row, { hot: 0 }), "before"),
      120_000,
    );
  }
};
