/** Signals of many senders under kills, and signals that race a deadline: each is taken once, in order, and replays agree. */
import { chanceOf } from "../../test/fuzz/chance.ts";
import type { Order, Report, Size, Suite } from "../suite.ts";
import { races, type RacesPlan } from "./races.ts";
import { storm, type StormPlan } from "./storm.ts";

const plans: Record<Size, { readonly storm: StormPlan; readonly races: RacesPlan }> = {
  slice: {
    storm: { senders: 4, runs: 50, messages: 10, workers: 2, pause: 300 },
    races: { races: 100, abreast: 25, rounds: 5 },
  },
  whole: {
    storm: { senders: 8, runs: 2_500, messages: 5, workers: 3, pause: 120 },
    races: { races: 5_000, abreast: 60, rounds: 5 },
  },
};

const run = async (order: Order): Promise<Report> => {
  const plan = plans[order.size];
  const storming = await storm(order, plan.storm, chanceOf(order.seed));
  order.say(`storm: ${JSON.stringify(storming.figures)}`);
  if (storming.breaches.length > 0) return storming;
  const racing = await races(order, plan.races, chanceOf(order.seed + 1));
  return { figures: { ...storming.figures, ...racing.figures }, breaches: [...storming.breaches, ...racing.breaches] };
};

export const signals: Suite = {
  name: "signals",
  title: "signals of many senders under kills, and at the very deadline: each is taken once, in order, and replays agree",
  run,
};
