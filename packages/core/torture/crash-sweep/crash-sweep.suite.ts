/** The sweep: whatever a process writes, it may die there, or its disk may fail, and all is well in the end. */
import { join } from "node:path";
import { chanceOf, type Chance } from "../../test/fuzz/chance.ts";
import { buildShim } from "../kit/shim.ts";
import type { Order, Report, Suite } from "../suite.ts";
import { acts, carryOutPoint, type Act, type Outcome, type Point } from "./point.ts";

export const crashSweep: Suite = {
  name: "crash-sweep",
  title: "something goes wrong at every write call of runs that use everything",
  run: async (order) => {
    const shim = buildShim(join(import.meta.dir, "shim.c"), order.folder);
    if (shim === undefined)
      return { figures: {}, breaches: [], skipped: ["there is no C compiler, so no write call can be made to fail"] };
    const undisturbed = await carryOutPoint(order.folder, shim, undefined);
    const chance = chanceOf(order.seed);
    const points = order.size === "slice" ? sample(chance, undisturbed.calls) : all(chance, undisturbed.calls);
    order.say(`${undisturbed.calls} write calls, ${points.length} points`);
    return report(undisturbed, points, await carryOutAll(order, shim, points));
  },
};

const point = (chance: Chance, act: Act, at: number, second?: number): Point => ({
  act,
  at,
  lasts: Math.round(30 + chance.next() * 370),
  end: chance.happens(1 / 3) ? "kill" : "heal",
  second,
});

/** Every act at every call; and after each kill, a second one at three calls of the recovery. */
const all = (chance: Chance, calls: number): Point[] => {
  const numbers = Array.from({ length: calls }, (_, index) => index + 1);
  const any = (): number => 1 + Math.floor(chance.next() * calls);
  return [
    ...acts.flatMap((act) => numbers.map((at) => point(chance, act, at))),
    ...numbers.flatMap((at) => [any(), any(), any()].map((second) => point(chance, "kill", at, second))),
  ];
};

const perAct = 6;

/** Some calls for each act, spread over the run. */
const sample = (chance: Chance, calls: number): Point[] => {
  const spread = (): number[] =>
    Array.from({ length: perAct }, (_, part) => 1 + Math.floor(((part + chance.next()) * calls) / perAct));
  return [
    ...acts.flatMap((act) => spread().map((at) => point(chance, act, at))),
    ...spread().map((at) => point(chance, "kill", at, 1 + Math.floor(chance.next() * calls))),
  ];
};

const carryOutAll = async (order: Order, shim: string, points: readonly Point[]): Promise<Outcome[]> => {
  const outcomes: Outcome[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let point = points[next++]; point !== undefined; point = points[next++]) {
      const outcome = await carryOutPoint(order.folder, shim, point);
      outcomes.push(outcome);
      for (const breach of outcome.breaches) order.say(breach);
      if (outcomes.length % 250 === 0) order.say(`${outcomes.length} of ${points.length} points`);
    }
  };
  await Promise.all([work(), work()]);
  return outcomes;
};

const report = (undisturbed: Outcome, points: readonly Point[], outcomes: readonly Outcome[]): Report => {
  const breaches = [undisturbed, ...outcomes].flatMap(({ breaches }) => breaches);
  const broken = (words: RegExp): number => breaches.filter((breach) => words.test(breach)).length;
  const sum = (of: (outcome: Outcome) => number): number => outcomes.reduce((all, outcome) => all + of(outcome), 0);
  return {
    figures: {
      "write calls": undisturbed.calls,
      points: points.length,
      "points reached": sum(({ reached }) => Number(reached)),
      kills: sum(({ kills }) => kills),
      "killed twice": sum(({ kills }) => Number(kills > 1)),
      "calls that failed": sum(({ failed }) => failed),
      lost: broken(/: (lost|never granted|granted while)/),
      wrong: broken(/: wrong/),
      "begun after their record": broken(/: begun/),
      "attempts used up": broken(/: an attempt/),
      swapped: broken(/: swapped/),
      redrawn: broken(/: redrawn/),
      leaked: broken(/: leaked/),
      stuck: broken(/: (stuck|not at its end)/),
      "processes ended": broken(/: (crashed|uncaught)/),
      early: broken(/: early/),
      "broken in all": breaches.length,
    },
    breaches,
  };
};
