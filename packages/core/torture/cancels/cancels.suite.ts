/** Cancels at any moment of runs that do anything, with a kill now and then: each ends as it may, and what was done is undone. */
import { join } from "node:path";
import { Fault, Run } from "../../src/index.ts";
import { chanceOf, type Chance } from "../../test/fuzz/chance.ts";
import { readEffects } from "../kit/effects.ts";
import { createFleet, type Fleet } from "../kit/fleet.ts";
import { judge } from "../kit/judge.ts";
import { mixOn, shopTable } from "../kit/mix.ts";
import { createLoad, type Load } from "../kit/mix-load.ts";
import { judgeMix } from "../kit/mix-verdict.ts";
import type { RunTruth } from "../kit/observer.ts";
import { untilHangs } from "../kit/programs.ts";
import { unusedShop } from "../kit/shop.ts";
import { setStage, type Stage } from "../kit/stage.ts";
import { allEnded, keepVigil } from "../kit/vigil.ts";
import type { Order, Report, Size, Suite } from "../suite.ts";

const plans: Record<Size, { readonly cancels: number; readonly abreast: number }> = {
  slice: { cancels: 300, abreast: 60 },
  whole: { cancels: 10_000, abreast: 100 },
};

type Cancels = { readonly heard: Set<string>; late: number };

/** Soon, or late, or once more while the first is being seen to. */
const cancelIt = async (run: Run.Handle, moments: readonly number[], cancels: Cancels): Promise<void> => {
  for (const moment of moments) {
    await Bun.sleep(moment);
    const isHeard = await Run.cancel(run, "the torture says so").then(
      () => true,
      (error: unknown) => {
        if (Fault.is(error, "run_ended")) return false;
        throw error;
      },
    );
    if (isHeard) cancels.heard.add(run.id);
    else cancels.late++;
  }
};

const momentsOf = ({ one, next, happens }: Chance): number[] => {
  const first = next() * one([0, 50, 500, 1_500, 4_000])!;
  return happens(0.2) ? [first, next() * 40] : [first];
};

const cancelOften = async (
  { ledger }: Stage,
  { deaths }: Fleet,
  load: Load,
  plan: (typeof plans)[Size],
  chance: Chance,
  say: Order["say"],
): Promise<Cancels> => {
  const cancels: Cancels = { heard: new Set(), late: 0 };
  let told = 0;
  const goOn = async (): Promise<void> => {
    while (cancels.heard.size < plan.cancels && deaths.length === 0) {
      const hangs = chance.happens(0.1);
      const run = await load.startOne(hangs ? { hangs: "for ever", wraps: "no" } : {});
      const moments = momentsOf(chance);
      // Some of those whose function hangs are cancelled in its middle, the others at any moment.
      if (hangs && chance.happens(0.5)) await untilHangs(ledger, run.id);
      await cancelIt(run, moments, cancels);
      if (cancels.heard.size >= told + 1_000) say(`${(told = cancels.heard.size)} cancels`);
    }
  };
  await Promise.all(Array.from({ length: plan.abreast }, goOn));
  return cancels;
};

const killNowAndThen = async (fleet: Fleet, chance: Chance, isOver: () => boolean): Promise<number> => {
  let kills = 0;
  while (!isOver()) {
    await fleet.members[0]!.up;
    await Bun.sleep(300 + chance.next() * 1_500);
    await fleet.kill(0);
    kills++;
  }
  return kills;
};

const counts = (runs: readonly RunTruth[], isOne: (run: RunTruth) => boolean): number => runs.filter(isOne).length;

const run = async (order: Order): Promise<Report> => {
  const chance = chanceOf(order.seed);
  const stage = await setStage(order, Object.values(mixOn(unusedShop)));
  await stage.observer.query(shopTable);
  const fleet = createFleet(order, { script: join(import.meta.dir, "../kit/mix-worker.ts"), size: 1, env: stage.env });
  const vigil = keepVigil(stage.client, stage.observer);
  const load = createLoad(stage, chance);
  const state = { over: false };
  const killing = killNowAndThen(fleet, chanceOf(order.seed + 1), () => state.over);
  const cancels = await cancelOften(stage, fleet, load, plans[order.size], chance, order.say).finally(() => (state.over = true));
  const kills = await killing;
  await load.said();
  const still = await allEnded(stage.observer);
  await vigil.end();
  const unwilling = await fleet.close();

  const effects = readEffects(stage.ledger);
  const [records, runs] = [await stage.observer.records(), await stage.observer.runs()];
  const rules = judge(effects, records, load.acknowledged.retried);
  const mix = await judgeMix(stage.observer, { records, effects, ledger: stage.ledger }, load.acknowledged, ({ id }) =>
    cancels.heard.has(id),
  );
  const stuck = [...vigil.stuck, ...still];
  const roots = runs.filter(({ parent }) => parent === null);
  const undone = records.filter(({ kind }) => kind === "undone").length;
  return {
    figures: {
      cancels: cancels.heard.size,
      "too late": cancels.late,
      kills,
      cancelled: counts(roots, ({ status }) => status === "cancelled"),
      "completed before": counts(roots, ({ status, id }) => status === "completed" && cancels.heard.has(id)),
      "children cancelled": counts(runs, ({ parent, status }) => parent !== null && status === "cancelled"),
      "children kept": counts(runs, ({ orphan }) => orphan === "keep"),
      "steps undone": undone,
      ...rules.figures,
      ...mix.figures,
      stuck: stuck.length,
      "processes ended": fleet.deaths.length,
    },
    breaches: [
      ...rules.breaches,
      ...mix.breaches,
      ...stuck,
      ...unwilling,
      ...fleet.deaths,
      ...(undone === 0 ? ["nothing was undone: the suite shows nothing"] : []),
      ...(mix.figures["abandoned functions"] === 0
        ? ["no function hung when its run was cancelled: the suite shows nothing of it"]
        : []),
    ],
  };
};

export const cancels: Suite = {
  name: "cancels",
  title: "cancels at any moment: every run ends as it may, what was done is undone, children follow",
  run,
};
