/** Processes that stand still for longer than their lease, or spin for longer than their lease: nothing stale is accepted, nothing is done twice. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { decode } from "../../src/model/codec.ts";
import { Signal, Workflow } from "../../src/index.ts";
import { chanceOf } from "../../test/fuzz/chance.ts";
import { readEffects } from "../kit/effects.ts";
import { createFleet } from "../kit/fleet.ts";
import { judge } from "../kit/judge.ts";
import { percentile } from "../kit/percentiles.ts";
import { kinds } from "../kit/place.ts";
import { asForeigner } from "../kit/foreign.ts";
import { judgeSights } from "../kit/sights.ts";
import { setStage, type Stage } from "../kit/stage.ts";
import { allEnded, keepVigil } from "../kit/vigil.ts";
import type { Order, Report, Size, Suite } from "../suite.ts";
import { begunStale, learnedOf } from "./learned.ts";
import { spinOften } from "./spins.ts";
import { stopOften } from "./stops.ts";
import { all, expectedOf, nudge, stand } from "./workflows.ts";

const script = join(import.meta.dir, "worker.ts");

type Plan = { readonly cycles: number; readonly workers: number; readonly spins: number; readonly lease: number };

const plans: Record<Size, Plan> = {
  slice: { cycles: 10, workers: 5, spins: 4, lease: 1_000 },
  whole: { cycles: 500, workers: 8, spins: 100, lease: 1_000 },
};

/** Many servers give a hundred connections in all, and each worker takes a dozen; it has a third of its lease to get one. */
const onServer: Record<Size, Plan> = {
  slice: { cycles: 6, workers: 4, spins: 1, lease: 3_000 },
  whole: { cycles: 200, workers: 6, spins: 20, lease: 3_000 },
};

const planOf = ({ size, on }: Order): Plan => (on === "sqlite" ? plans : onServer)[size];

/** Keeps so many runs open until it is told that it is enough. Every run gets its nudges, in order. */
const keepBusy = async ({ client, observer }: Stage, open: number, isEnough: () => boolean): Promise<Map<string, number>> => {
  const started = new Map<string, number>();
  const nudging: Promise<void>[] = [];
  const nudgeIt = async (run: Awaited<ReturnType<typeof startNext>>): Promise<void> => {
    for (let at = 1; at <= 3; at++) {
      await Bun.sleep(300);
      await Signal.send(run, nudge, at, { key: `nudge ${at}` });
    }
  };
  const startNext = () => {
    const n = started.size;
    started.set(`stand-${n}`, n);
    return asForeigner("a client", () => Workflow.start(client, stand, n, { id: `stand-${n}` }));
  };
  while (!isEnough()) {
    if ((await observer.open()) < open) nudging.push(nudgeIt(await startNext()));
    else await Bun.sleep(20);
  }
  await Promise.all(nudging);
  return started;
};

const haunt = async (order: Order): Promise<Report> => {
  const { cycles, workers, lease } = planOf(order);
  const stage = await setStage(order, all, "zombies");
  const env = { ...stage.env, LEASE: String(lease), CONCURRENCY: "8" };
  const fleet = createFleet(order, { script, size: workers, env });
  const vigil = keepVigil(stage.client, stage.observer);
  const state = { enough: false };
  const load = keepBusy(stage, workers * 6, () => state.enough);
  const { stops, breaches } = await stopOften(stage, fleet, { cycles, lease, chance: chanceOf(order.seed) }, order.say).finally(
    () => (state.enough = true),
  );
  const started = await load;
  const releasedAt = Date.now();
  writeFileSync(`${stage.ledger}.release`, "");
  const still = await allEnded(stage.observer);
  await vigil.end();
  const unwilling = await fleet.close();

  const effects = readEffects(stage.ledger);
  const [records, runs] = [await stage.observer.records(), await stage.observer.runs()];
  const rules = judge(effects, records);
  const there = new Map(runs.map((run) => [run.id, run]));
  const lost = [...started.keys()].filter((id) => !there.has(id)).map((id) => `lost: run ${id}`);
  const wrong = [...started].flatMap(([id, n]) => {
    const run = there.get(id);
    return run?.status === "completed" && decode(run.output) === expectedOf(n)
      ? []
      : [`wrong: run ${id} is ${run?.status}: ${run?.output}`];
  });
  const learned = learnedOf(effects, records, { stops, releasedAt });
  const untold = learned.untold.map((effect) => `untold: ${JSON.stringify(effect)}`);
  const stale = begunStale(effects, { changes: await stage.observer.leases(), runs, stops });
  const stuck = [...vigil.stuck, ...still];
  const sights = judgeSights(stage.ledger);
  return {
    figures: {
      zombies: stops.filter(({ buried }) => buried).length,
      "not taken over, the file being locked": stops.filter(({ buried }) => !buried).length,
      "runs acknowledged": started.size,
      "functions that lost their run": learned.lost,
      "told p50 ms": percentile(learned.times, 0.5),
      "told p99 ms": percentile(learned.times, 0.99),
      untold: untold.length,
      "functions begun after the takeover": stale.length,
      ...rules.figures,
      lost: lost.length,
      "wrong result": wrong.length,
      ...sights.figures,
      stuck: stuck.length,
      "processes ended": fleet.deaths.length,
    },
    breaches: [
      ...breaches,
      ...sights.breaches,
      ...lost,
      ...wrong,
      ...untold,
      ...stale.map((effect) => `begun after the takeover: ${JSON.stringify(effect)}`),
      ...rules.breaches,
      ...stuck,
      ...unwilling,
      ...fleet.deaths,
      ...(learned.lost === 0 ? ["no function lost its run: the suite shows nothing"] : []),
    ],
  };
};

const run = async (order: Order): Promise<Report> => {
  const haunted = await haunt(order);
  const spun = await spinOften(order, script, planOf(order).spins);
  return { figures: { ...haunted.figures, ...spun.figures }, breaches: [...haunted.breaches, ...spun.breaches] };
};

export const zombies: Suite = {
  name: "zombies",
  title: "processes stopped or spinning for longer than their lease: nothing stale is accepted, nothing is done twice",
  on: kinds,
  run,
};
