/** A server that crashes and comes back, every few seconds, under a load: no worker crashes, no attempt is used up, nothing is lost, doubled or stuck. */
import { join } from "node:path";
import { chanceOf, type Chance } from "../../test/fuzz/chance.ts";
import { crowded as crowdedMariadb, startMariadb, whyNoMariadb } from "../../test/kit/mariadb-server.ts";
import { crowded, startPostgres, whyNoPostgres } from "../../test/kit/postgres-server.ts";
import type { Daemon } from "../../test/kit/server.ts";
import { readEffects } from "../kit/effects.ts";
import { createFleet } from "../kit/fleet.ts";
import { judge } from "../kit/judge.ts";
import { shopTable } from "../kit/mix.ts";
import { makePlaceAt } from "../kit/place.ts";
import { unusedShop } from "../kit/shop.ts";
import { judgeSights } from "../kit/sights.ts";
import { setStage } from "../kit/stage.ts";
import { begunTwice } from "../kit/twice.ts";
import { allEnded, keepVigil } from "../kit/vigil.ts";
import type { Order, Report, Size, Suite } from "../suite.ts";
import { createErrands } from "./client.ts";
import { judgeErrands, lostRecords } from "./verdict.ts";
import { errandsOn, readLinks } from "./workflows.ts";

type Plan = {
  readonly runs: number;
  readonly lanes: number;
  readonly workers: number;
  /** At least so many, however fast the load is. */
  readonly restarts: number;
  /** Ms between two, and out of service, at least and at most. */
  readonly every: readonly [number, number];
  readonly down: readonly [number, number];
};

const plans: Record<Size, Plan> = {
  slice: { runs: 120, lanes: 60, workers: 2, restarts: 3, every: [1_500, 3_000], down: [0, 1_000] },
  whole: { runs: 20_000, lanes: 200, workers: 3, restarts: 20, every: [5_000, 10_000], down: [0, 2_000] },
};

/** Fewer on MariaDB: the words are the same. */
const planOf = ({ size, on }: Order): Plan =>
  size === "whole" && on === "mysql" ? { ...plans.whole, runs: 5_000, restarts: 8 } : plans[size];

type Crashing = {
  readonly url: string;
  readonly daemon: Daemon;
  /** As a crash does. */
  readonly stop: () => Promise<void>;
};

/** PostgreSQL by its own immediate stop or by `kill -9` of all its processes, MariaDB by `kill -9`. */
const serverFor = async ({ on, afterwards }: Order, { happens }: Chance): Promise<Crashing | string> => {
  if (on === "mysql") {
    const why = whyNoMariadb();
    if (why !== undefined) return why;
    const { url, daemon } = await startMariadb(afterwards, { options: crowdedMariadb });
    return { url, daemon, stop: daemon.kill };
  }
  const why = whyNoPostgres();
  if (why !== undefined) return why;
  const { url, daemon, stop } = await startPostgres(afterwards, { settings: crowded });
  return { url, daemon, stop: () => (happens(0.5) ? stop() : daemon.kill()) };
};

const between = ([least, most]: readonly [number, number], { next }: Chance): number => least + next() * (most - least);

type Course = { crashes: number; isOver: boolean };

/** Until the load is over. */
const crashOften = async (
  { daemon, stop }: Crashing,
  plan: Plan,
  chance: Chance,
  course: Course,
  say: Order["say"],
): Promise<void> => {
  while (!course.isOver) {
    await Bun.sleep(between(plan.every, chance));
    await stop();
    await Bun.sleep(between(plan.down, chance));
    await daemon.start();
    if (++course.crashes % 5 === 0) say(`${course.crashes} crashes of the server`);
  }
};

const run = async (order: Order): Promise<Report> => {
  const plan = planOf(order);
  const chance = chanceOf(order.seed);
  const server = await serverFor(order, chance);
  if (typeof server === "string") return { figures: {}, breaches: [], skipped: [server] };
  const place = await makePlaceAt(order, server.url);
  const stage = await setStage(order, Object.values(errandsOn(unusedShop)), "restarts", place);
  await stage.observer.query(shopTable);
  const fleet = createFleet(order, { script: join(import.meta.dir, "worker.ts"), size: plan.workers, env: stage.env });
  await Promise.all(fleet.members.map(({ up }) => up));
  const vigil = keepVigil(stage.client, stage.observer);
  const errands = createErrands(stage.client);

  const course: Course = { crashes: 0, isOver: false };
  const crashing = crashOften(server, plan, chance, course, order.say);
  // The load goes on as long as the server is to crash.
  for (let runs = 0; runs < plan.runs || course.crashes < plan.restarts;) {
    const some = Math.max(plan.lanes, plan.runs / 10);
    await errands.work(some, plan.lanes);
    runs += some;
    order.say(`${runs} errands are done, ${errands.seen.refused} wishes were refused`);
  }
  course.isOver = true;
  await crashing;
  const still = await allEnded(stage.observer);
  await vigil.end();
  const unwilling = await fleet.close();

  const [effects, records] = [readEffects(stage.ledger), await stage.observer.records()];
  const [rules, verdict] = [judge(effects, records), await judgeErrands(stage.observer, records, errands.acknowledged)];
  const lost = lostRecords(readLinks(stage.ledger), records);
  const twice = begunTwice(effects).map((name) => `no process died, and ${name} began twice`);
  const stuck = [...vigil.stuck, ...still];
  const sights = judgeSights(stage.ledger);
  return {
    figures: {
      "crashes of the server": course.crashes,
      workers: plan.workers,
      "starts acknowledged": errands.acknowledged.starts.size,
      "signals acknowledged": errands.acknowledged.signals.size,
      "results acknowledged": errands.acknowledged.results.size,
      records: records.length,
      "wishes refused": errands.seen.refused,
      "workers that died": fleet.deaths.length,
      "begun twice": twice.length,
      "lost records": lost.length,
      ...rules.figures,
      ...verdict.figures,
      ...sights.figures,
      stuck: stuck.length,
    },
    breaches: [
      ...errands.failures.slice(0, 5),
      ...twice.slice(0, 5),
      ...lost.slice(0, 5),
      ...rules.breaches,
      ...verdict.breaches,
      ...sights.breaches,
      ...stuck,
      ...unwilling,
      ...fleet.deaths,
      ...(errands.seen.missing > 0 ? [`${errands.seen.missing} times an acknowledged run was not found`] : []),
    ],
  };
};

export const restarts: Suite = {
  name: "restarts",
  title:
    "the database server crashes every few seconds under load: no worker dies, no attempt is used up, nothing lost, doubled or stuck",
  on: ["postgres", "mysql"],
  ownServers: true,
  run,
};
