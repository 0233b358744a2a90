/** SIGTERM to workers under load: each finishes its steps, hands its runs back at once and ends with 0; nothing is lost or done twice. */
import { join } from "node:path";
import { Run } from "../../src/index.ts";
import { chanceOf, type Chance } from "../../test/fuzz/chance.ts";
import { readEffects } from "../kit/effects.ts";
import { createFleet, type Fleet } from "../kit/fleet.ts";
import { judge } from "../kit/judge.ts";
import { mixOn, shopTable } from "../kit/mix.ts";
import { createLoad, type Load } from "../kit/mix-load.ts";
import { judgeMix } from "../kit/mix-verdict.ts";
import type { Observer } from "../kit/observer.ts";
import { percentile } from "../kit/percentiles.ts";
import { untilHangs } from "../kit/programs.ts";
import { unusedShop } from "../kit/shop.ts";
import { setStage, type Stage } from "../kit/stage.ts";
import { begunTwice } from "../kit/twice.ts";
import { allEnded, keepVigil } from "../kit/vigil.ts";
import type { Order, Report, Size, Suite } from "../suite.ts";

const plans: Record<Size, { readonly shutdowns: number; readonly workers: number; readonly perShutdown: number }> = {
  slice: { shutdowns: 8, workers: 3, perShutdown: 30 },
  whole: { shutdowns: 200, workers: 3, perShutdown: 30 },
};

/** Long enough that whoever waits for it is found out. */
const lease = 120_000;

type Shutdown = { readonly pid: number; readonly askedAt: number; readonly code: number; readonly ms: number };

/** Its victim is in the middle of something. */
const shutDown = async (fleet: Fleet, observer: Observer, at: number): Promise<Shutdown> => {
  const member = fleet.members[at]!;
  await member.up;
  const holdsNone = async (): Promise<boolean> => (await observer.holds((await observer.workerOf(member.pid)) ?? -1)) === 0;
  while ((await holdsNone()) && (await observer.open()) > 0 && fleet.deaths.length === 0) await Bun.sleep(5);
  member.doom();
  const askedAt = Date.now();
  member.process.kill("SIGTERM");
  fleet.members[at] = fleet.spawn(at);
  const code = await member.process.exited;
  return { pid: member.pid, askedAt, code, ms: Date.now() - askedAt };
};

/** A run whose function hangs for ever, and that is cancelled soon: before its worker is asked to end, or while it ends. */
const hangAndCancel = async (ledger: string, load: Load, { next }: Chance, hanging: Set<string>): Promise<void> => {
  const run = await load.startOne({ hangs: "for ever", wraps: "no" });
  hanging.add(run.id);
  const ms = next() * 500;
  await untilHangs(ledger, run.id);
  await Bun.sleep(ms);
  await Run.cancel(run, "the torture says so");
};

const shutDownOften = async (
  fleet: Fleet,
  { observer, ledger }: Stage,
  load: Load,
  plan: (typeof plans)[Size],
  chance: Chance,
  hanging: Set<string>,
): Promise<Shutdown[]> => {
  const shutdowns: Shutdown[] = [];
  const cancels: Promise<void>[] = [];
  while (shutdowns.length < plan.shutdowns && fleet.deaths.length === 0) {
    await load.start(plan.perShutdown);
    cancels.push(hangAndCancel(ledger, load, chance, hanging), hangAndCancel(ledger, load, chance, hanging));
    await Bun.sleep(chance.next() * 300);
    shutdowns.push(await shutDown(fleet, observer, Math.floor(chance.next() * plan.workers)));
  }
  await Promise.all(cancels);
  return shutdowns;
};

/** Ms for which each run that was handed back was in nobody's hands, and due. */
const handedOver = async (observer: Observer, shutdowns: readonly Shutdown[]): Promise<number[]> => {
  const asked = new Map<number, number>();
  for (const { pid, askedAt } of shutdowns) for (const worker of await observer.workersOf(pid)) asked.set(worker, askedAt);
  const back = new Map<number, number>();
  const times: number[] = [];
  for (const { run, worker, was, at, isDue } of await observer.leases()) {
    const from = back.get(run);
    back.delete(run);
    if (worker !== null && from !== undefined) times.push(at - from);
    if (worker === null && was !== null && isDue === 1 && at >= (asked.get(was) ?? Infinity)) back.set(run, at);
  }
  return times;
};

const run = async (order: Order): Promise<Report> => {
  const plan = plans[order.size];
  const chance = chanceOf(order.seed);
  const stage = await setStage(order, Object.values(mixOn(unusedShop)));
  await stage.observer.query(shopTable);
  const script = join(import.meta.dir, "../kit/mix-worker.ts");
  const fleet = createFleet(order, { script, size: plan.workers, env: { ...stage.env, LEASE: String(lease), DRAIN: "60000" } });
  const vigil = keepVigil(stage.client, stage.observer);
  const load = createLoad(stage, chance, { ms: 250 });
  const hanging = new Set<string>();
  const shutdowns = await shutDownOften(fleet, stage, load, plan, chance, hanging);
  await load.said();
  const still = await allEnded(stage.observer);
  await vigil.end();
  const unwilling = await fleet.close();

  const [effects, records] = [readEffects(stage.ledger), await stage.observer.records()];
  const [rules, mix] = [
    judge(effects, records, load.acknowledged.retried),
    await judgeMix(stage.observer, { records, effects, ledger: stage.ledger }, load.acknowledged, ({ id }) => hanging.has(id)),
  ];
  const twice = begunTwice(effects, load.acknowledged.retried);
  const times = await handedOver(stage.observer, shutdowns);
  const waited = times.filter((ms) => ms >= lease).map((ms) => `a run that was handed back waited ${ms} ms, as long as a lease`);
  const codes = shutdowns.filter(({ code }) => code !== 0).map((one) => `ended badly: ${JSON.stringify(one)}`);
  const stuck = [...vigil.stuck, ...still];
  return {
    figures: {
      shutdowns: shutdowns.length,
      "runs acknowledged": load.acknowledged.jobs.size,
      "runs handed back": times.length,
      "executed elsewhere p50 ms": percentile(times, 0.5),
      "executed elsewhere p99 ms": percentile(times, 0.99),
      "ended p50 ms": percentile(
        shutdowns.map(({ ms }) => ms),
        0.5,
      ),
      "ended badly": codes.length,
      "done twice": twice.length,
      ...rules.figures,
      ...mix.figures,
      stuck: stuck.length,
      "processes ended": fleet.deaths.length,
    },
    breaches: [
      ...codes,
      ...waited,
      ...twice.map((name) => `${name} began twice though nothing was killed`),
      ...rules.breaches,
      ...mix.breaches,
      ...stuck,
      ...unwilling,
      ...fleet.deaths,
      ...(mix.figures["abandoned functions"] === 0
        ? ["no function hung when its run was cancelled: the suite shows nothing of it"]
        : []),
      ...(times.length === 0 ? ["no run was handed back: the suite shows nothing"] : []),
    ],
  };
};

export const shutdowns: Suite = {
  name: "shutdowns",
  title: "SIGTERM to workers under load: runs are handed over at once, nothing is lost or done twice",
  run,
};
