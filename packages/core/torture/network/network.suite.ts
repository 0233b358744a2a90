/**
 * A network between the workers and their server on which the weather is bad: one answer to a commit in ten is lost, connections are cut or fall silent,
 * pieces come late, and now and then a worker is cut off for longer than its lease. What was asked for is done once.
 */
import { join } from "node:path";
import { chanceOf, type Chance } from "../../test/fuzz/chance.ts";
import { Runtime } from "../../src/index.ts";
import { readEffects } from "../kit/effects.ts";
import { createFleet } from "../kit/fleet.ts";
import { judge } from "../kit/judge.ts";
import { mixOn, shopTable } from "../kit/mix.ts";
import { createLoad, type Load } from "../kit/mix-load.ts";
import { judgeMix } from "../kit/mix-verdict.ts";
import { unusedShop } from "../kit/shop.ts";
import { silent } from "../../test/kit/silent.ts";
import { setStage, type Stage } from "../kit/stage.ts";
import { early } from "../kit/timers.ts";
import { allEnded, keepVigil } from "../kit/vigil.ts";
import type { Order, Report, Size, Suite } from "../suite.ts";
import { calm, openWay, type Tally, type Way, type Weather } from "./way.ts";

type Plan = { readonly jobs: number; readonly open: number; readonly workers: number; readonly pause: number };

/** A job is three runs: itself, and two children. */
const plans: Record<Size, Plan> = {
  slice: { jobs: 20, open: 20, workers: 2, pause: 600 },
  whole: { jobs: 7_000, open: 200, workers: 3, pause: 300 },
};

const lease = 6_000;

const bad: Weather = { lost: 0.1, late: 0.02, lateness: 200 };

type Ways = { readonly workers: readonly Way[]; readonly client: Way };

const openWays = ({ afterwards, seed }: Order, { place }: Stage, workers: number): Ways => {
  let made = 0;
  const open = (): Way => {
    const way = openWay(place.url, chanceOf(seed + made++));
    afterwards(way.close);
    return way;
  };
  return { workers: Array.from({ length: workers }, open), client: open() };
};

const allOf = ({ workers, client }: Ways): readonly Way[] => [...workers, client];

const gust = ({ workers, client }: Ways, { next, happens, one }: Chance): void => {
  if (happens(0.5)) one([...workers, client])?.cut();
  if (happens(0.25)) one([...workers, client])?.silence();
  if (happens(0.05)) void one([...workers, client])?.hold(next() * 2_000);
  if (happens(0.01)) void one(workers)?.hold(lease * 1.5);
};

/** Until all is started; every worker is cut off once for longer than its lease, and the client for a while. */
const storm = async (ways: Ways, chance: Chance, pause: number, isOver: () => boolean): Promise<void> => {
  for (const way of allOf(ways)) way.setWeather(bad);
  const long = [...ways.workers.slice(1).map((way) => way.hold(lease * 1.5)), ways.client.hold(1_000)];
  while (!isOver()) {
    gust(ways, chance);
    await Bun.sleep(pause * (0.5 + chance.next()));
  }
  await Promise.all(long);
  for (const way of allOf(ways)) way.setWeather(calm);
};

/** Starts the next whenever there is room, so that the server is never without work and never out of breath. */
const keepBusy = async ({ observer }: Stage, load: Load, { jobs, open }: Plan, say: Order["say"]): Promise<void> => {
  const { acknowledged } = load;
  const starting = new Set<Promise<unknown>>();
  for (let begun = 0; begun < jobs;) {
    const room = Math.min(jobs - begun, open - starting.size - (await observer.open()));
    for (let n = 0; n < room; n++, begun++) {
      const start = load.startOne().finally(() => starting.delete(start));
      starting.add(start);
      if (begun % 500 === 499) say(`${acknowledged.jobs.size} jobs are started`);
    }
    await Bun.sleep(100);
  }
  await Promise.all(starting);
};

const sum = (ways: Ways, what: keyof Tally): number => allOf(ways).reduce((all, { tally }) => all + tally[what], 0);

const run = async (order: Order): Promise<Report> => {
  const plan = plans[order.size];
  const chance = chanceOf(order.seed);
  const workflows = Object.values(mixOn(unusedShop));
  const stage = await setStage(order, workflows);
  await stage.observer.query(shopTable);
  const ways = openWays(order, stage, plan.workers);
  const fleet = createFleet(order, {
    script: join(import.meta.dir, "../kit/mix-worker.ts"),
    size: plan.workers,
    // The user's own driver has no deadlines: its transactions go the straight way.
    env: { ...stage.env, LEASE: String(lease), SHOP: stage.place.url },
    envOf: (at) => ({ DATABASE: ways.workers[at]!.url }),
  });
  const client = await Runtime.open({ database: ways.client.url, workflows, execute: false, logger: silent, lease });
  order.afterwards(() => Runtime.close(client));
  await Promise.all(fleet.members.map(({ up }) => up));
  const vigil = keepVigil(stage.client, stage.observer);
  const load = createLoad({ client, ledger: stage.ledger }, chance, { words: 3, ms: 60 }, "insists");
  const state = { over: false };
  const storming = storm(ways, chanceOf(order.seed + 1_000), plan.pause, () => state.over);
  await keepBusy(stage, load, plan, order.say)
    .then(() => load.said())
    .finally(() => (state.over = true));
  await storming;
  const still = await allEnded(stage.observer);
  await vigil.end();
  const unwilling = await fleet.close();

  const [effects, records] = [readEffects(stage.ledger), await stage.observer.records()];
  const [rules, mix] = [
    judge(effects, records, load.acknowledged.retried),
    await judgeMix(stage.observer, { records, effects, ledger: stage.ledger }, load.acknowledged),
  ];
  const hasty = (await early(stage.place)).map((timer) => `early: ${JSON.stringify(timer)}`);
  const stuck = [...vigil.stuck, ...still];
  const words = [...load.acknowledged.words.values()].reduce((all, said) => all + said.length, 0);
  const lost = sum(ways, "lost");
  return {
    figures: {
      runs: (await stage.observer.runs()).length,
      signals: words,
      workers: plan.workers,
      commits: sum(ways, "commits"),
      "answers to commits lost": lost,
      "connections cut": sum(ways, "cut"),
      "connections fallen silent": sum(ways, "silenced"),
      "ways held up": sum(ways, "held"),
      "pieces late": sum(ways, "late"),
      "starts and signals refused and asked for again": load.refused(),
      ...rules.figures,
      ...mix.figures,
      stuck: stuck.length,
      "processes ended": fleet.deaths.length,
      early: hasty.length,
    },
    breaches: [
      ...rules.breaches,
      ...mix.breaches,
      ...hasty,
      ...stuck,
      ...unwilling,
      ...fleet.deaths,
      ...(lost === 0 ? ["no answer to a commit was lost: the suite shows nothing"] : []),
    ],
  };
};

export const network: Suite = {
  name: "network",
  title: "a network that loses answers to commits, cuts, falls silent and delays: what was asked for is done once",
  on: ["postgres", "mysql"],
  run,
};
