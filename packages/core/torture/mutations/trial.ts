/**
 * One trial: a run of the original code dies half-way, the mutated code meets its history, and the original comes back. What the mutated
 * code may do is the oracle's word.
 */
import { Run, Runtime, Signal, Workflow } from "../../src/index.ts";
import type { Chance } from "../../test/fuzz/chance.ts";
import type { World } from "../../test/kit/world.ts";
import { crasher, type Crasher } from "../../test/ordinary/crash.ts";
import { signalNamed, workflowsOf } from "./body.ts";
import { mutate, type Mutation } from "./mutate.ts";
import { judge, type Recorded, type Verdict } from "./oracle.ts";
import { planOf, isSingle, type Plan } from "./plan.ts";

export type Outcome = {
  readonly mutation: Mutation;
  readonly verdict: Verdict["kind"];
  /** Starts of functions by code that should have been stopped. */
  readonly effects: number;
  readonly breaches: readonly string[];
};

type Effect = { readonly by: "original" | "mutated"; readonly key: string };

type Trial = {
  readonly world: World;
  readonly crashes: Crasher;
  readonly original: Plan;
  readonly mutation: Mutation;
  readonly effects: Effect[];
  readonly breaches: string[];
};

const id = "run";
const ended = new Set(["completed", "failed", "cancelled"]);

/** Undefined when there was nothing to meet: the run was at its end before its worker died. */
export const carryOutTrial = async (world: World, chance: Chance): Promise<Outcome | undefined> => {
  const original = planOf(chance);
  const trial: Trial = {
    world,
    crashes: crasher(world),
    original,
    mutation: mutate(original, chance),
    effects: [],
    breaches: [],
  };
  if (!(await leaveHalfway(trial, chance))) return undefined;
  const records = recordsOf(trial);
  const fits = judge(original, records);
  if (fits.kind === "refused")
    trial.breaches.push(`the oracle refuses the original code: it asks ${fits.is}, recorded ${fits.was}`);
  const verdict = judge(trial.mutation.plan, records);
  trial.effects.length = 0;
  if (verdict.kind === "refused") await meetRefused(trial, verdict);
  const effects = trial.effects.filter(({ by }) => by === "mutated").length;
  await toTheEnd(trial, verdict.kind === "refused" ? "original" : "mutated", records);
  return {
    mutation: trial.mutation,
    verdict: verdict.kind,
    effects: verdict.kind === "refused" ? effects : 0,
    breaches: trial.breaches,
  };
};

const open = async (trial: Trial, by: Effect["by"]): Promise<Runtime.Runtime> => {
  const plan = by === "original" ? trial.original : trial.mutation.plan;
  const effect = (key: string): void => void trial.effects.push({ by, key });
  return trial.crashes.open(workflowsOf(plan, { effect, database: trial.world.db }), { crashes: 1_000 });
};

/** Runs the original code until its worker dies, at one of the records of a calm run. False when the run came to its end before. */
const leaveHalfway = async (trial: Trial, chance: Chance): Promise<boolean> => {
  const { crashes, original, world } = trial;
  const worker = await open(trial, "original");
  const [workflow] = workflowsOf(original, { effect: () => {}, database: world.db });
  await Workflow.start(worker, workflow, undefined, { id: "calm" });
  await pump(trial, worker, "calm");
  const length = recordsOf(trial, "calm").length;
  const records = crashes.records() + 1 + Math.floor(chance.next() * (length - 1));
  crashes.arm(worker, { records, when: chance.happens(0.5) ? "after" : "before" });
  await Workflow.start(worker, workflow, undefined, { id }).catch(() => {});
  await pump(trial, worker, id);
  if (crashes.isGone(worker)) return recordsOf(trial).length > 0 && !ended.has(statusOf(trial));
  crashes.kill(worker);
  return false;
};

/**
 * The oracle goes by keys and kinds alone. The engine also goes by when the body asked, so it may be stopped by an earlier record, and name fewer of the
 * open operations: those that the history does not have.
 */
const tellsWhatDiffers = (reason: Run.View["reason"]): boolean =>
  reason?.code === "history_mismatch" &&
  typeof reason["seq"] === "number" &&
  typeof reason["was"] === "string" &&
  typeof reason["is"] === "string" &&
  reason.message.includes(reason["was"]) &&
  reason.message.includes(reason["is"]);

/** The code must be stopped before it does anything, and say what differs. */
const meetRefused = async (trial: Trial, verdict: Extract<Verdict, { kind: "refused" }>): Promise<void> => {
  const { world, crashes, breaches } = trial;
  // A run that waits meets the new code when it is woken.
  world.client.run("update holdfast_runs set wake_at = 0 where id = ? and ended_at is null", [id]);
  const before = everything(trial);
  const worker = await open(trial, "mutated");
  await world.clock.advance(3_000);
  const { status, reason } = await Run.get(Run.of(worker, id));
  if (status !== "blocked") breaches.push(`was not stopped but ${status}; recorded ${verdict.was}, asked ${verdict.is}`);
  else if (!tellsWhatDiffers(reason))
    breaches.push(`was stopped with ${JSON.stringify(reason)} instead of ${JSON.stringify(verdict)}`);
  const after = everything(trial);
  if (JSON.stringify(after) !== JSON.stringify(before))
    breaches.push(`changed ${Bun.inspect(before)} into ${Bun.inspect(after)}`);
  const effects = trial.effects.map(({ key }) => key);
  if (effects.length > 0) breaches.push(`began ${effects.join()} before it was stopped`);
  for (const stuck of await Runtime.check(worker)) breaches.push(`${stuck.id} is stuck: ${stuck.why}`);
  crashes.kill(worker);
};

/** With code that fits the run goes on to its end, and does nothing again that is recorded. */
const toTheEnd = async (trial: Trial, by: Effect["by"], records: readonly Recorded[]): Promise<void> => {
  const { breaches, crashes } = trial;
  const plan = by === "original" ? trial.original : trial.mutation.plan;
  const worker = await open(trial, by);
  await pump(trial, worker, id);
  const status = statusOf(trial);
  if (by === "mutated" && status === "blocked") return stoppedByOrder(trial, worker, records);
  const fits = judge(plan, recordsOf(trial));
  if (fits.kind === "refused" || !fits.ended || !ended.has(status))
    breaches.push(
      `the ${by} code did not bring it to its end: ${status}, ${JSON.stringify(fits)}, ${JSON.stringify(recordsOf(trial))} ${JSON.stringify(plan)}`,
    );
  if (by === "original" && status !== "completed") breaches.push(`it is ${status} under the original code`);
  const done = new Set(records.filter(({ kind }) => kind === "step" || kind === "step-failed").map(({ key }) => `${id}/${key}`));
  for (const { key } of trial.effects) if (done.has(key)) breaches.push(`${key} was begun again after its record`);
  for (const stuck of await Runtime.check(worker)) breaches.push(`${stuck.id} is stuck: ${stuck.why}`);
  crashes.kill(worker);
};

/** Code with the same keys that asks for them after other records is stopped too, before any effect; rolled back, the run goes on. */
const stoppedByOrder = async (trial: Trial, worker: Runtime.Runtime, records: readonly Recorded[]): Promise<void> => {
  const { reason } = await Run.get(Run.of(worker, id));
  if (!tellsWhatDiffers(reason)) trial.breaches.push(`was stopped with ${JSON.stringify(reason)}`);
  const begun = trial.effects.filter((effect) => effect.by === "mutated").map(({ key }) => key);
  if (begun.length > 0) trial.breaches.push(`began ${begun.join()} before it was stopped by the order of its asks`);
  trial.crashes.kill(worker);
  return toTheEnd(trial, "original", records);
};

/** Lets time pass and sends what is waited for, until the run is at its end, blocked, or its worker is gone. */
const pump = async (trial: Trial, worker: Runtime.Runtime, run: string): Promise<void> => {
  const { world, crashes } = trial;
  const names = new Set([...waitsOf(trial.original), ...waitsOf(trial.mutation.plan)]);
  for (const end = world.clock.now() + 600_000; world.clock.now() < end;) {
    await world.clock.settle();
    const status = statusOf(trial, run);
    if (crashes.isGone(worker) || ended.has(status) || status === "blocked") return;
    if (status === "waiting")
      for (const name of names)
        if (!crashes.isGone(worker)) await Signal.send(Run.of(worker, run), signalNamed(name), name).catch(() => {});
    const next = world.clock.next();
    if (next === undefined) await world.clock.advance(1_000);
    else await world.clock.advance(Math.max(0, next - world.clock.now()));
  }
};

const waitsOf = (plan: Plan): string[] => {
  if (isSingle(plan)) return plan.kind === "wait" ? [plan.name] : [];
  if ("plans" in plan) return plan.plans.flatMap(waitsOf);
  return [...waitsOf(plan.body), ...("otherwise" in plan ? waitsOf(plan.otherwise) : [])];
};

const recordsOf = ({ world }: Trial, run = id): Recorded[] =>
  world.client
    .query<Recorded, [string]>(
      "select seq, h.kind, h.key from holdfast_history h join holdfast_runs r on r.key = h.run where r.id = ? order by seq",
    )
    .all(run);

const statusOf = ({ world }: Trial, run = id): string =>
  world.client.query<{ status: string }, [string]>("select status from holdfast_runs where id = ?").get(run)?.status ?? "none";

/** All that code which is stopped must leave as it is. */
const everything = (trial: Trial): unknown => ({
  records: recordsOf(trial).length,
  signals: trial.world.client.query("select key, taken_at from holdfast_signals where taken_at is not null").all(),
  runs: trial.world.client.query("select id from holdfast_runs order by key").all(),
});
