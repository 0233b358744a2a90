/**
 * Mutations: a run is recorded half-way by one code and met by another. What does not fit is stopped before it does anything, and says
 * what was recorded and what was asked; what fits goes on. With the old code back, all come to their end.
 */
import { chanceOf } from "../../test/fuzz/chance.ts";
import { within } from "../../test/kit/within.ts";
import type { Suite } from "../suite.ts";
import { carryOutTrial } from "./trial.ts";

const sizes = { slice: 60, whole: 500 } as const;

export const mutations: Suite = {
  name: "mutations",
  title: "changed code that does not fit its history is stopped before any effect, and goes on once it is rolled back",
  run: async ({ seed, size, say }) => {
    const wanted = sizes[size];
    const kinds = new Set<string>();
    const breaches: string[] = [];
    let [stopped, wentOn, effects] = [0, 0, 0];
    for (let at = 0; stopped < wanted; at++) {
      const outcome = await within((world) => carryOutTrial(world, chanceOf(seed + at * 7_919)));
      if (outcome === undefined) continue;
      if (outcome.verdict === "refused") {
        stopped++;
        kinds.add(outcome.mutation.name);
      } else wentOn++;
      effects += outcome.effects;
      for (const breach of outcome.breaches) breaches.push(`trial ${at} (${outcome.mutation.name}): ${breach}`);
      if ((stopped + wentOn) % 100 === 0) say(`${stopped} stopped, ${wentOn} went on`);
    }
    return {
      figures: {
        "to be stopped": stopped,
        "kinds of change": kinds.size,
        "effects before the stop": effects,
        "fit and went on": wentOn,
      },
      breaches,
    };
  },
};
