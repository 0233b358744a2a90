/** `kill -9` of workers under load, again and again, all on one database: nothing lost, nothing recorded run again, nothing stuck. */
import { join } from "node:path";
import { chanceOf, type Chance } from "../../test/fuzz/chance.ts";
import { readEffects } from "../kit/effects.ts";
import { createFleet, type Fleet } from "../kit/fleet.ts";
import { judge } from "../kit/judge.ts";
import { mixOn, shopTable } from "../kit/mix.ts";
import { createLoad, type Load } from "../kit/mix-load.ts";
import { judgeMix } from "../kit/mix-verdict.ts";
import { percentile } from "../kit/percentiles.ts";
import { kinds } from "../kit/place.ts";
import { unusedShop } from "../kit/shop.ts";
import { setStage, type Stage } from "../kit/stage.ts";
import { begunTwice } from "../kit/twice.ts";
import { allEnded, keepVigil } from "../kit/vigil.ts";
import type { Order, Report, Size, Suite } from "../suite.ts";
import { brokenFanOuts, takeovers, type Kill } from "./takeover.ts";

type Plan = {
  readonly kills: number;
  readonly workers: number;
  readonly calm: number;
  readonly perKill: number;
  readonly pause: number;
  /** How long functions take at most, in ms: long enough beside the pause that most kills meet a fan-out, also on a machine with nothing else to do. */
  readonly ms: number;
};

const plans: Record<Size, Plan> = {
  slice: { kills: 100, workers: 2, calm: 60, perKill: 4, pause: 90, ms: 60 },
  whole: { kills: 1_000, workers: 4, calm: 500, perKill: 10, pause: 120, ms: 60 },
};

/** A process that works on a server is up later, so that as many kills need more time. */
const onServer: Record<Size, Plan> = {
  slice: { kills: 40, workers: 2, calm: 30, perKill: 4, pause: 300, ms: 400 },
  whole: { kills: 1_000, workers: 4, calm: 300, perKill: 5, pause: 200, ms: 300 },
};

const planOf = ({ size, on }: Order): Plan => (on === "sqlite" ? plans : onServer)[size];

/** Before the first kill: no step's function begins twice, in fan-outs of any width. */
const calmly = async (
  { observer, ledger }: Stage,
  load: Load,
  runs: number,
): Promise<{ readonly twice: string[]; readonly still: string[] }> => {
  await load.start(runs);
  await load.said();
  const still = await allEnded(observer);
  return {
    still,
    twice: begunTwice(readEffects(ledger), load.acknowledged.retried).map((name) => `without a kill ${name} began twice`),
  };
};

/** Mostly one at a time; now and then two at once, or all. */
const victimsOf = ({ next, happens }: Chance, workers: number): number[] => {
  const all = Array.from({ length: workers }, (_, at) => at);
  if (happens(0.02)) return all;
  const first = Math.floor(next() * workers);
  return happens(0.1) && workers > 2 ? [first, (first + 1) % workers] : [first];
};

const killOften = async (fleet: Fleet, load: Load, plan: Plan, chance: Chance, say: Order["say"]): Promise<Kill[]> => {
  const kills: Kill[] = [];
  while (kills.length < plan.kills) {
    const victims = victimsOf(chance, plan.workers).slice(0, plan.kills - kills.length);
    await load.start(plan.perKill * victims.length);
    await Bun.sleep(plan.pause + chance.next() * plan.pause * 2);
    const at = Date.now();
    const othersUp = fleet.members.some((member, place) => member.isUp() && !victims.includes(place));
    const dead = await Promise.all(victims.map(fleet.kill));
    kills.push(...dead.map(({ pid }) => ({ pid, at, othersUp })));
    if (kills.length % 50 === 0) say(`${kills.length} kills, ${load.acknowledged.jobs.size} runs acknowledged`);
  }
  return kills;
};

const run = async (order: Order): Promise<Report> => {
  const plan = planOf(order);
  const chance = chanceOf(order.seed);
  const stage = await setStage(order, Object.values(mixOn(unusedShop)));
  await stage.observer.query(shopTable);
  const fleet = createFleet(order, { script: join(import.meta.dir, "../kit/mix-worker.ts"), size: plan.workers, env: stage.env });
  const vigil = keepVigil(stage.client, stage.observer);
  const load = createLoad(stage, chance, { ms: plan.ms });

  const { twice, still: stillBefore } = await calmly(stage, load, plan.calm);
  const kills = await killOften(fleet, load, plan, chance, order.say);
  await load.said();
  const still = await allEnded(stage.observer);
  await vigil.end();
  const unwilling = await fleet.close();

  const [effects, records] = [readEffects(stage.ledger), await stage.observer.records()];
  const [rules, mix] = [
    judge(effects, records, load.acknowledged.retried),
    await judgeMix(stage.observer, { records, effects, ledger: stage.ledger }, load.acknowledged),
  ];
  const times = await takeovers(stage.observer, kills);
  const broken = brokenFanOuts(effects, records);
  const stuck = [...vigil.stuck, ...stillBefore, ...still];
  return {
    figures: {
      kills: kills.length,
      workers: plan.workers,
      "runs acknowledged": load.acknowledged.jobs.size,
      records: records.length,
      "functions begun": effects.length,
      "fan-outs broken": broken,
      "runs taken over": times.taken.length,
      "noticed p50 ms": percentile(times.noticed, 0.5),
      "noticed p99 ms": percentile(times.noticed, 0.99),
      "executed elsewhere p50 ms": percentile(times.taken, 0.5),
      "executed elsewhere p99 ms": percentile(times.taken, 0.99),
      "run twice without a kill": twice.length,
      ...rules.figures,
      ...mix.figures,
      stuck: stuck.length,
      "processes ended": fleet.deaths.length,
    },
    breaches: [
      ...twice,
      ...rules.breaches,
      ...mix.breaches,
      ...stuck,
      ...unwilling,
      ...fleet.deaths,
      ...(broken === 0 ? ["no kill met a fan-out: the suite shows nothing about them"] : []),
    ],
  };
};

export const kills: Suite = {
  name: "kills",
  title: "kill -9 of workers under load: nothing lost, nothing recorded run again, nothing stuck",
  on: kinds,
  run,
};
