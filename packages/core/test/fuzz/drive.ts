/**
 * Drives programs to their end through everything that may happen to them: steps that answer in any order, signals, cancels,
 * time, crashes at random commits and moments, one worker or two, hot and cold. Then holds what happened against the rules.
 */
import { Run, Runtime, Signal, Workflow } from "../../src/index.ts";
import { engineOf } from "../../src/engine/opened.ts";
import type { World } from "../kit/world.ts";
import { crasher } from "../ordinary/crash.ts";
import { chanceOf } from "./chance.ts";
import { signals, workflowsFor, type Outside, type Trace } from "./interpret.ts";
import type { Node } from "./program.ts";

/** What came of a drive: the rules that did not hold, and how often a body began. */
export type Drive = { readonly breaches: readonly Breach[]; readonly lives: number };

/** A rule that did not hold, and of which program. */
export type Breach = { readonly run: string; readonly what: string };

type Life = {
  readonly trace: Trace;
  readonly engine: unknown;
  /** The last durable record when the life was cut short. */ durable: number;
};
type Flight = { readonly answer: () => void };

const ended = new Set(["completed", "failed", "cancelled"]);

/** Rounds, for each program, in which things crash; and after which a program that goes on is one too many. */
const stormy = 12;
const most = 600;

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

export const drive = async (world: World, programs: ReadonlyMap<string, Node>, seed: number): Promise<Drive> => {
  const chance = chanceOf(seed);
  const crashes = crasher(world);
  const breaches: Breach[] = [];
  const lives = new Map<string, Life[]>([...programs.keys()].map((run) => [run, []]));
  const flights: Flight[] = [];
  const breach = (run: string, what: string): void => void breaches.push({ run, what });
  let replaying = false;

  const recorded = (run: string, key: string): boolean =>
    world.client
      .query(
        "select 1 from holdfast_history h join holdfast_runs r on r.key = h.run where r.id = ? and h.key = ? and h.kind in ('step', 'step-failed', 'undone', 'undo-failed')",
      )
      .get(run, key) !== null;

  const outside: Outside = {
    database: world.db,
    programOf: (run) => programs.get(run) ?? { kind: "throw", error: true },
    live: (run, engine) => {
      const trace: Trace = [];
      // A process that is dead claims nothing more: what its runtime still does in this one has not happened.
      if (engine.closed) return trace;
      lives.get(run)?.push({ trace, engine, durable: Infinity });
      return trace;
    },
    effect: ({ key }, answer, later) => {
      const slash = key.indexOf("/");
      const [run, step] = [key.slice(0, slash), key.slice(slash + 1)];
      if (recorded(run, step)) breach(run, `"${step}" was begun after its record: ${told(world, run)}`);
      if (replaying && programs.has(run)) breach(run, `"${step}" was begun by the replay of a run that had ended`);
      if (!later || replaying) return answer();
      const { promise, resolve } = Promise.withResolvers<string>();
      flights.push({ answer: () => resolve(Promise.try(answer)) });
      return promise;
    },
  };
  const workflows = workflowsFor(outside);

  const open = (): Promise<Runtime.Runtime> =>
    crashes.open(workflows, { crashes: 1_000_000, hot: chance.happens(0.5) ? 0 : 1_000 });
  let workers: Runtime.Runtime[] = [];

  /** What was durable when the lives of a worker ended. */
  crashes.onCrash((worker) => {
    for (const [run, all] of lives) {
      const last =
        world.client
          .query<{ seq: number | null }, [string]>(
            "select max(h.seq) as seq from holdfast_history h join holdfast_runs r on r.key = h.run where r.id = ?",
          )
          .get(run)?.seq ?? -1;
      for (const life of all) if (life.durable === Infinity && life.engine === engineOf(worker)) life.durable = last;
    }
  });

  const refill = async (): Promise<void> => {
    workers = workers.filter((worker) => !crashes.isGone(worker));
    if (workers.length === 0) workers.push(await open());
    if (workers.length === 1 && chance.happens(0.02)) workers.push(await open());
  };

  const poke = (): void => {
    for (const worker of workers) engineOf(worker).poke();
  };

  const crash = (): void => {
    const worker = chance.one(workers);
    if (!worker) return;
    if (chance.happens(0.7))
      crashes.arm(worker, {
        records: crashes.records() + Math.floor(chance.next() * 4),
        when: chance.happens(0.5) ? "after" : "before",
      });
    else crashes.kill(worker);
  };

  const statusOf = (run: string): string =>
    world.client.query<{ status: string }, [string]>("select status from holdfast_runs where id = ?").get(run)?.status ?? "none";

  const send = async (run: string, name: "red" | "blue", key: string): Promise<void> => {
    const worker = workers[0];
    if (worker) await Signal.send(Run.of(worker, run), signals[name], `${name} ${key}`, { key }).catch(() => {});
  };

  const something = async (open: readonly string[], round: number, mild: boolean): Promise<void> => {
    const run = chance.one(open);
    const dice = chance.next();
    if (dice < 0.55) {
      const at = Math.floor(chance.next() * flights.length);
      for (const flight of flights.splice(at, 1)) flight.answer();
    } else if (dice < 0.75) {
      const next = world.clock.next();
      if (next !== undefined) await world.clock.advance(Math.max(0, next - world.clock.now()));
    } else if (dice < 0.85) await turn();
    else if (dice < 0.94 || mild) {
      if (run !== undefined) await send(run, chance.happens(0.5) ? "red" : "blue", `${round}`);
    } else if (dice < 0.948) {
      const worker = workers[0];
      if (run !== undefined && worker) await Run.cancel(Run.of(worker, run), "by chance").catch(() => {});
    } else crash();
  };

  const done = (): Drive => ({ breaches, lives: [...lives.values()].reduce((sum, all) => sum + all.length, 0) });

  workers.push(await open());
  for (const run of programs.keys()) {
    const worker = workers[0];
    if (worker) await Workflow.start(worker, workflows[0], undefined, { id: run });
  }

  const calm = stormy * programs.size;
  let left: string[] = [...programs.keys()];
  for (let round = 0; round < most * programs.size && left.length > 0; round++) {
    if (breaches.length > 0) break;
    await refill();
    await something(left, round, round > calm);
    await turn();
    if (round > calm) {
      if (flights.length > 0 && chance.happens(0.5)) flights.shift()?.answer();
      for (const run of left)
        if (chance.happens(0.2 / left.length)) await send(run, chance.happens(0.5) ? "red" : "blue", `late ${round}`);
    }
    if (round % 8 === 0) {
      poke();
      left = left.filter((run) => !ended.has(statusOf(run)));
      for (const run of left) if (statusOf(run) === "blocked") breach(run, `was blocked: ${told(world, run)}`);
    }
  }
  for (const worker of workers) crashes.kill(worker);
  const reader = await open();
  for (const stuck of await Runtime.check(reader)) breach(stuck.id, `is stuck: ${stuck.why}`);
  compareLives(lives, breach);
  if (breaches.length > 0) return done();
  for (const run of left) breach(run, `is not at its end: ${told(world, run)}`);
  if (breaches.length > 0) return done();

  const begun = [...programs.keys()].filter((run) => (lives.get(run) ?? []).length > 0);
  const before = await endsOf(reader, begun);
  replaying = true;
  for (const run of begun) unend(world, run);
  engineOf(reader).poke();
  for (let round = 0; round < 100 && begun.some((run) => !ended.has(statusOf(run))); round++) {
    await world.clock.settle();
    await world.clock.advance(1_000);
  }
  const after = await endsOf(reader, begun);
  crashes.kill(reader);
  for (const run of begun)
    if (after.get(run) !== before.get(run)) breach(run, `ended with ${before.get(run)}, and replayed with ${after.get(run)}`);
  return done();
};

/** What the database tells of a run. */
const told = ({ client }: World, run: string): string => {
  const row = client.query("select * from holdfast_runs where id = ?").get(run) as { readonly key: number };
  const records = client
    .query<{ seq: number; kind: string; key: string | null }, [number]>(
      "select seq, kind, key from holdfast_history where run = ? order by seq",
    )
    .all(row.key);
  return `${JSON.stringify(row)} ${records.map(({ seq, kind, key }) => `${seq} ${kind} ${key}`).join(", ")}`;
};

/** Takes the last record of a run away, so that it is replayed to its end. */
const unend = ({ client }: World, run: string): void => {
  const key = client.query<{ key: number }, [string]>("select key from holdfast_runs where id = ?").get(run)?.key ?? 0;
  client.run("delete from holdfast_history where run = ? and seq = (select max(seq) from holdfast_history where run = ?)", [
    key,
    key,
  ]);
  client.run("update holdfast_runs set status = 'queued', ended_at = null, worker = null, wake_at = 0 where key = ?", [key]);
};

/** How runs ended, without what differs from replay to replay. */
const endsOf = async (runtime: Runtime.Runtime, runs: readonly string[]): Promise<Map<string, string>> => {
  const found = new Map<string, string>();
  for (const run of runs) {
    const { status, output, failure, undo } = await Run.get(Run.of(runtime, run));
    found.set(
      run,
      JSON.stringify({
        status,
        output,
        failure: failure && `${failure.name}: ${failure.message}`,
        undo: undo.map(({ key }) => key),
      }),
    );
  }
  return found;
};

/** As far as two lives of a body saw the same durable records, they asked and saw the same. */
const compareLives = (lives: ReadonlyMap<string, readonly Life[]>, breach: (run: string, what: string) => void): void => {
  for (const [run, all] of lives) {
    const last = all.at(-1);
    for (const life of all) {
      if (!last || life === last) continue;
      const sure = life.trace.filter(({ seen }) => seen <= life.durable);
      const { length } = sure;
      for (let at = 0; at < length; at++) {
        if (sure[at]?.text === last.trace[at]?.text) continue;
        breach(
          run,
          `diverged at ${at}: first ${JSON.stringify(sure.slice(Math.max(0, at - 3), at + 2))}, then ${JSON.stringify(last.trace.slice(Math.max(0, at - 3), at + 2))}`,
        );
        break;
      }
    }
  }
};
