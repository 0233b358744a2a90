/** Messages aimed at the very moment at which a wait gives up: one of the two wins, and every replay says the same. */
import { join } from "node:path";
import { decode } from "../../src/model/codec.ts";
import { type Run, Signal, Workflow } from "../../src/index.ts";
import type { Chance } from "../../test/fuzz/chance.ts";
import { readEffects } from "../kit/effects.ts";
import { createFleet } from "../kit/fleet.ts";
import { judge } from "../kit/judge.ts";
import type { Observer } from "../kit/observer.ts";
import { setStage, type Stage } from "../kit/stage.ts";
import { allEnded, keepVigil } from "../kit/vigil.ts";
import type { Order, Report } from "../suite.ts";
import { again, all, race, shot } from "./workflows.ts";

export type RacesPlan = { readonly races: number; readonly abreast: number; readonly rounds: number };

/** Looks again and again. Gives up after two minutes, which no machine takes for one commit. */
const untilSeen = async <T>(what: string, look: () => Promise<T | undefined>): Promise<T> => {
  const end = performance.now() + 120_000;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (performance.now() > end) throw new Error(`${what} did not come to be`);
    await Bun.sleep(10);
  }
};

/** The moment at which the wait of a run gives up, once it is recorded. */
const deadlineOf = (observer: Observer, { id }: Run.Handle): Promise<number> => {
  const query = `select h.due from holdfast_history as h join holdfast_runs as r on r.key = h.run where r.id = '${id}' and h.kind = 'waiting' and h.due is not null`;
  return untilSeen(`the wait of ${id}`, async () => (await observer.query<{ due: number }>(query))[0]?.due);
};

/** Waits until the run rests after so many looks, which makes it forget all it had in memory. */
const restsAfter = (observer: Observer, { id }: Run.Handle, looks: number): Promise<true> => {
  const query = `select (select count(*) from holdfast_history as h where h.run = r.key and h.kind = 'step') as looks, r.status from holdfast_runs as r where r.id = '${id}'`;
  return untilSeen(`look ${looks} of ${id}`, async () => {
    const [found] = await observer.query<{ looks: number; status: string }>(query);
    return found && found.looks >= looks && found.status !== "running" ? true : undefined;
  });
};

const raceOnce = async ({ client, observer }: Stage, n: number, rounds: number, chance: Chance): Promise<void> => {
  const run = await Workflow.start(client, race, { timeout: 60 + Math.floor(chance.next() * 200), rounds }, { id: `race-${n}` });
  const aim = (await deadlineOf(observer, run)) + chance.next() * 4 - 2;
  await Bun.sleep(Math.max(0, aim - Date.now() - 1));
  while (Date.now() < Math.floor(aim)) await Bun.sleep(0);
  await Signal.send(run, shot, n);
  for (let round = 1; round <= rounds; round++) {
    await restsAfter(observer, run, round);
    await Signal.send(run, again, round);
  }
};

type Outcome = { readonly saw: readonly string[]; readonly late: number };

/** The winner, or what is wrong with it. */
const winnerOf = (id: string, { saw, late }: Outcome, rounds: number): { readonly winner: string; readonly wrong: string[] } => {
  const winner = saw[0]?.split(" ")[0] ?? "nobody";
  const isSame = saw.length === rounds + 1 && saw.every((one) => one === saw[0]);
  const isKept = `race-${late}` === id;
  return { winner, wrong: isSame && isKept ? [] : [`race: ${id} saw ${saw.join()} and then ${late}`] };
};

export const races = async (order: Order, plan: RacesPlan, chance: Chance): Promise<Report> => {
  const stage = await setStage(order, all, "races");
  const env = { ...stage.env, HOT: "0" };
  const fleet = createFleet(order, { script: join(import.meta.dir, "worker.ts"), size: 2, env });
  const vigil = keepVigil(stage.client, stage.observer);
  await Promise.all(fleet.members.map(({ up }) => up));
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < plan.races) await raceOnce(stage, next++, plan.rounds, chance);
  };
  await Promise.all(Array.from({ length: plan.abreast }, lane));
  const still = await allEnded(stage.observer);
  await vigil.end();
  const unwilling = await fleet.close();

  const effects = readEffects(stage.ledger);
  const rules = judge(effects, await stage.observer.records());
  const runs = (await stage.observer.runs()).filter(({ status }) => status === "completed");
  const found = runs.map(({ id, output }) => winnerOf(id, decode(output) as Outcome, plan.rounds));
  const left = (await stage.observer.signals()).filter(({ taken }) => taken === 0).length;
  const wrong = found.flatMap((one) => one.wrong);
  const won = (by: string): number => found.filter(({ winner }) => winner === by).length;
  const replays = effects.filter(({ what }) => what === "lived").length - plan.races;
  const stuck = [...vigil.stuck, ...still];
  return {
    figures: {
      races: runs.length,
      "won by the signal": won("shot"),
      "won by the deadline": won("over"),
      replays,
      "replayed otherwise or lost": wrong.length + left,
    },
    breaches: [
      ...wrong,
      ...rules.breaches,
      ...stuck,
      ...unwilling,
      ...fleet.deaths,
      ...(left === 0 ? [] : [`${left} signals of the races were taken by nobody`]),
      ...(runs.length === plan.races ? [] : [`${plan.races - runs.length} races did not complete`]),
      ...(won("shot") > 0 && won("over") > 0 ? [] : ["one side won all races: the suite shows nothing"]),
      ...(replays >= plan.races * plan.rounds ? [] : [`only ${replays} replays: the suite does not show what it should`]),
    ],
  };
};
