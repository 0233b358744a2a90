/**
 * Drives programs to their end through everything that may happen to them: steps that answer in any order, signals, cancels, pauses,
 * time, crashes at random commits and moments, one worker or two, hot and cold. Then holds what happened against the rules, lets what
 * failed go on and forks the rest, and drives those to their end too.
 */
import { Run, Runtime, Signal, Workflow } from "../../src/index.ts";
import { engineOf } from "../../src/engine/opened.ts";
import { on, type World } from "../kit/world.ts";
import { crasher, type Crasher } from "../ordinary/crash.ts";
import { chanceOf, type Chance } from "./chance.ts";
import { signals, workflowsFor, type Outside, type Programs, type Trace } from "./interpret.ts";
import type { Node } from "./program.ts";
import {
  divergence,
  divergenceByPlace,
  endsOf,
  isRefused,
  isCancelled,
  isRecorded,
  keysOf,
  lastSeq,
  statusOf,
  told,
  unend,
  type Breach,
  type Life,
} from "./rules.ts";

export type { Breach };

/** What came of a drive: the rules that did not hold, how often a body began, and how often a worker crashed. */
export type Drive = {
  readonly breaches: readonly Breach[];
  readonly lives: number;
  readonly crashes: number;
  /** Programs that were refused because their asks cannot be told apart. */
  readonly refused: number;
  /** Programs that were blocked although their code is as it was. */
  readonly blocked: number;
};

export type DriveOptions = {
  /** Bodies compute between their steps: what they ask is compared place by place, and a run may be refused. */
  readonly computing?: boolean;
};

type Course = {
  readonly world: World;
  readonly programs: Map<string, Node>;
  readonly chance: Chance;
  readonly crashes: Crasher;
  readonly breaches: Breach[];
  /** The lives of each run since it was started or let go on. */
  readonly lives: Map<string, Life[]>;
  /** Functions under way: each call answers one. */
  readonly flights: (() => void)[];
  readonly workflows: Programs;
  workers: Runtime.Runtime[];
  begun: number;
  replaying: boolean;
  readonly computing: boolean;
  /** Runs that were seen refused: nothing of them begins any more. */
  readonly refused: Set<string>;
  /** Runs that were blocked although their code is as it was: nothing of theirs is lost or exchanged, and a replay may fit later. */
  readonly blocked: Set<string>;
};

const ended = new Set(["completed", "failed", "cancelled"]);

/** Rounds, for each program, in which things crash; and after which a program that goes on is one too many. Work takes many small steps of the clock. */
const stormy = 12;
const most = { plain: 600, computing: 6_000 };

export const drive = async (
  world: World,
  programs: ReadonlyMap<string, Node>,
  seed: number,
  { computing = false }: DriveOptions = {},
): Promise<Drive> => {
  const course = begin(world, programs, seed, computing);
  await refill(course);
  for (const run of programs.keys()) await start(course, run);
  await toTheEnd(course, [...programs.keys()]);
  if (course.breaches.length === 0) await toTheEnd(course, await goOn(course));
  return {
    breaches: course.breaches,
    lives: course.begun,
    crashes: course.crashes.count(),
    refused: course.refused.size,
    blocked: course.blocked.size,
  };
};

const begin = (world: World, programs: ReadonlyMap<string, Node>, seed: number, computing: boolean): Course => {
  const outside: Outside = {
    database: world.db,
    programOf: (run) => course.programs.get(run) ?? { kind: "throw", error: true },
    live: (run, engine) => live(course, run, engine),
    compute: (ms) =>
      new Promise((resolve) => {
        if (ms === 0) setImmediate(resolve);
        else world.clock.after(ms * (course.chance.one([0.7, 1, 1.4]) ?? 1), resolve);
      }),
    swapped: (run, what) => void breach(course, run, "swapped", what),
    effect: (tools, answer, later, seen) => {
      const looked = begins(course, tools.key, seen);
      const work = (): string | Promise<string> => (later && !course.replaying ? fly(course, answer) : answer());
      // In memory it is told what is so at once. A server is asked, and until it has answered nothing more may come of the step.
      return on === "sqlite" ? work() : looked.then(work);
    },
  };
  const course: Course = {
    world,
    programs: new Map(programs),
    chance: chanceOf(seed),
    crashes: crasher(world),
    breaches: [],
    lives: new Map(),
    flights: [],
    workflows: workflowsFor(outside),
    workers: [],
    begun: 0,
    replaying: false,
    computing,
    refused: new Set(),
    blocked: new Set(),
  };
  // What was durable when the lives of a worker ended.
  course.crashes.onCrash(async (worker) => {
    const cut = course.lives.entries().flatMap(([run, all]) => all.map((life) => [run, life] as const));
    const of = cut.filter(([, life]) => life.durable === Infinity && life.engine === engineOf(worker)).toArray();
    await Promise.all(of.map(async ([run, life]) => void (life.durable = await lastSeq(world, run))));
  });
  return course;
};

const breach = async ({ breaches, world }: Course, run: string, rule: Breach["rule"], what: string): Promise<void> =>
  void breaches.push({ run, rule, what: `${what}: ${await told(world, run)}` });

const live = (course: Course, run: string, engine: { readonly closed: boolean }): Trace => {
  const life: Life = { trace: [], engine, durable: Infinity };
  // A process that is dead claims nothing more: what its runtime still does in this one has not happened.
  if (engine.closed) return life.trace;
  course.begun++;
  course.lives.set(run, [...(course.lives.get(run) ?? []), life]);
  return life.trace;
};

/** A function begins: never after its record, never in a replay, and only when all that its body had seen is durable. */
const begins = async (course: Course, key: string, seen: number): Promise<void> => {
  const slash = key.indexOf("/");
  // A step that is done anew after its undo has another key for the outside.
  const [run, step] = [key.slice(0, slash), key.slice(slash + 1).replace(/~\d+$/, "")];
  const { world, replaying, refused } = course;
  // What is recorded is undone all the same when a run is cancelled, or takes too long, after it was refused.
  const isUndone = step.startsWith("undo:") && (await isCancelled(world, run));
  if (refused.has(run) && !isUndone) await breach(course, run, "after refusal", `"${key}" was begun after its run was refused`);
  const [recorded, durable] = await Promise.all([isRecorded(world, run, step), lastSeq(world, run)]);
  if (recorded) await breach(course, run, "rerun", `"${key}" was begun after its record`);
  // A step that had no result when its body returned may begin again before the body has computed what it returned after.
  if (replaying && !course.computing)
    await breach(course, run, "rerun", `"${key}" was begun by the replay of a run that had ended`);
  if (durable < seen)
    await breach(course, run, "too early", `"${key}" was begun by a body that had seen ${seen}, when ${durable} was durable`);
};

const fly = ({ flights }: Course, answer: () => string): Promise<string> => {
  const { promise, resolve } = Promise.withResolvers<string>();
  flights.push(() => resolve(Promise.try(answer)));
  return promise;
};

const open = ({ crashes, chance, workflows }: Course): Promise<Runtime.Runtime> =>
  crashes.open(workflows.all, { crashes: 1_000_000, hot: chance.happens(0.5) ? 0 : 1_000 });

const refill = async (course: Course): Promise<void> => {
  course.workers = course.workers.filter((worker) => !course.crashes.isGone(worker));
  const { workers, chance } = course;
  if (workers.length === 0) workers.push(await open(course));
  if (workers.length === 1 && chance.happens(0.02)) workers.push(await open(course));
};

/** With each worker that is left, the first that is there: what it says no to is not so. */
const ask = async ({ workers }: Course, run: string, wish: (run: Run.Handle) => Promise<unknown>): Promise<boolean> => {
  const [worker] = workers;
  if (!worker) return false;
  return wish(Run.of(worker, run)).then(
    () => true,
    () => false,
  );
};

const start = async ({ workers, workflows, chance }: Course, id: string): Promise<void> => {
  const [worker] = workers;
  if (worker) await Workflow.start(worker, chance.happens(0.1) ? workflows.hurried : workflows.patient, undefined, { id });
};

const send = (course: Course, run: string, key: string): Promise<boolean> => {
  const name = course.chance.happens(0.5) ? "red" : "blue";
  return ask(course, run, (handle) => Signal.send(handle, signals[name], `${name} ${key}`, { key }));
};

const crash = async ({ chance, workers, crashes }: Course): Promise<void> => {
  const worker = chance.one(workers);
  if (!worker) return;
  if (chance.happens(0.3)) return crashes.kill(worker);
  const records = (await crashes.countRecords()) + Math.floor(chance.next() * 4);
  crashes.arm(worker, { records, when: chance.happens(0.5) ? "after" : "before" });
};

/** In memory a turn of the loop, so that things happen in the middle of others. Behind a server, until it has answered. */
const turn = (world: World): Promise<void> =>
  on === "sqlite" ? new Promise((resolve) => void setImmediate(resolve)) : world.clock.settle();

/** One thing that may happen. */
const something = async (course: Course, left: readonly string[], round: number, mild: boolean): Promise<void> => {
  const { chance, flights, world } = course;
  const run = chance.one(left) ?? "";
  const dice = chance.next();
  if (dice < 0.55) for (const answer of flights.splice(Math.floor(chance.next() * flights.length), 1)) answer();
  else if (dice < 0.75) {
    const next = world.clock.next();
    if (next !== undefined) await world.clock.advance(Math.max(0, next - world.clock.now()));
  } else if (dice < 0.85) await turn(world);
  else if (dice < 0.93 || mild) await send(course, run, `${round}`);
  else if (dice < 0.938) await ask(course, run, (handle) => Run.cancel(handle, "by chance"));
  else if (dice < 0.945) await ask(course, run, Run.pause);
  else await crash(course);
};

/** What lets the rest come to its end once the storm is over. */
const calm = async (course: Course, left: readonly string[], round: number): Promise<void> => {
  const { chance, flights, world } = course;
  if (flights.length > 0 && chance.happens(0.5)) flights.shift()?.();
  for (const run of left) {
    if (chance.happens(0.2 / left.length)) await send(course, run, `late ${round}`);
    if (round % 8 === 0 && (await statusOf(world, run)) === "paused") await ask(course, run, Run.resume);
  }
};

const storm = async (course: Course, runs: readonly string[]): Promise<readonly string[]> => {
  const { world } = course;
  const rounds = runs.length * (course.computing ? most.computing : most.plain);
  let left = runs;
  for (let round = 0; round < rounds && left.length > 0 && course.breaches.length === 0; round++) {
    const isCalm = round > stormy * runs.length;
    await refill(course);
    await something(course, left, round, isCalm);
    await turn(world);
    if (isCalm) await calm(course, left, round);
    if (round % 8 !== 0) continue;
    for (const worker of course.workers) engineOf(worker).poke();
    const states = new Map(await Promise.all(left.map(async (run) => [run, await statusOf(world, run)] as const)));
    left = left.filter((run) => !ended.has(states.get(run) ?? ""));
    for (const run of left) {
      if (states.get(run) !== "blocked") continue;
      if (course.computing && (await isRefused(world, run))) course.refused.add(run);
      else if (course.computing) course.blocked.add(run);
      else await breach(course, run, "blocked", "was blocked");
    }
    left = left.filter((run) => !course.refused.has(run) && !course.blocked.has(run));
  }
  return left;
};

/** Drives runs to their end, and holds all that happened against the rules. */
const toTheEnd = async (course: Course, runs: readonly string[]): Promise<void> => {
  const left = await storm(course, runs);
  for (const worker of course.workers) course.crashes.kill(worker);
  const reader = await open(course);
  for (const { id, why } of await Runtime.check(reader)) await breach(course, id, "stuck", why);
  for (const [run, lives] of course.lives) {
    const otherwise = course.computing ? divergenceByPlace(lives) : divergence(lives);
    if (otherwise !== undefined) await breach(course, run, "diverged", otherwise);
  }
  if (course.breaches.length === 0) for (const run of left) await breach(course, run, "unended", "is not at its end");
  if (course.breaches.length === 0)
    await replay(
      course,
      reader,
      runs.filter((run) => course.lives.has(run) && !course.refused.has(run) && !course.blocked.has(run)),
    );
  await refusedAgain(course, reader);
  course.crashes.kill(reader);
};

/** Every worker that opens tries a blocked run once: one that was refused is refused again, and nothing of it begins. */
const refusedAgain = async (course: Course, reader: Runtime.Runtime): Promise<void> => {
  const { world, refused } = course;
  for (let round = 0; round < 40 && refused.size > 0; round++) {
    await world.clock.settle();
    await world.clock.advance(1_000);
  }
  for (const run of refused) {
    const { status } = await Run.get(Run.of(reader, run));
    if (status !== "cancelled" && !(await isRefused(world, run)))
      await breach(course, run, "blocked", "was refused, and then not");
  }
};

/** Replays runs that had ended: they end in the same way, and nothing is begun. */
const replay = async (course: Course, reader: Runtime.Runtime, runs: readonly string[]): Promise<void> => {
  const { world } = course;
  const before = await endsOf(reader, runs);
  course.replaying = true;
  for (const run of runs) await unend(world, run);
  engineOf(reader).poke();
  const isOver = async (): Promise<boolean> =>
    (await Promise.all(runs.map((run) => statusOf(world, run)))).every((status) => ended.has(status));
  for (let round = 0; round < (course.computing ? 1_000 : 100) && !(await isOver()); round++) {
    await world.clock.settle();
    await world.clock.advance(1_000);
  }
  course.replaying = false;
  for (const [run, end] of await endsOf(reader, runs)) {
    const was = before.get(run);
    if (end === was) continue;
    // A body that throws or is cancelled while it computes has no end that its records alone decide.
    if (course.computing && !was?.includes('"status":"completed"')) continue;
    // Two branches that asked one after the other, and together on the replay: it is found out then.
    if (course.computing && (await isRefused(world, run))) course.refused.add(run);
    else if (course.computing && end.includes('"status":"blocked"')) course.blocked.add(run);
    else await breach(course, run, "replayed otherwise", `ended with ${was}, and replayed with ${end}`);
  }
};

/** Lets some runs that failed or were cancelled go on, and forks some that completed. Answers with the runs that are under way again. */
const goOn = async (course: Course): Promise<readonly string[]> => {
  const { world, chance, programs } = course;
  await refill(course);
  course.lives.clear();
  const again: string[] = [];
  for (const [run, node] of programs.entries().toArray()) {
    if (chance.happens(0.7)) continue;
    if ((await statusOf(world, run)) !== "completed") {
      if (!(await ask(course, run, Run.retry))) continue;
      course.refused.delete(run); // What cannot be told apart may not come again.
      again.push(run);
      continue;
    }
    const from = chance.one(await keysOf(world, run));
    const id = `${run}-fork`;
    programs.set(id, node);
    if (from !== undefined && (await ask(course, run, (handle) => Run.fork(handle, { from, id })))) again.push(id);
  }
  return again;
};
