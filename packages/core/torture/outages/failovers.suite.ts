/**
 * The primary is killed and its standby promoted, again and again, under a load. With a synchronous standby everything that was acknowledged is there. With an asynchronous one what it never had
 * is lost, as the durability report announces; but no history mixes two pasts, no worker dies, and nothing is stuck.
 */
import { join } from "node:path";
import { chanceOf, type Chance } from "../../test/fuzz/chance.ts";
import { openFront, type Front } from "../../test/kit/front.ts";
import { crowded, startPostgres, whyNoPostgres, type PostgresServer } from "../../test/kit/postgres-server.ts";
import { Runtime } from "../../src/index.ts";
import { readEffects } from "../kit/effects.ts";
import { createFleet } from "../kit/fleet.ts";
import { judge } from "../kit/judge.ts";
import { shopTable } from "../kit/mix.ts";
import type { Written } from "../kit/observer.ts";
import { makePlaceAt } from "../kit/place.ts";
import { openPlain } from "../kit/plain.ts";
import { unusedShop } from "../kit/shop.ts";
import { judgeSights } from "../kit/sights.ts";
import { setStage, type Stage } from "../kit/stage.ts";
import { allEnded, keepVigil } from "../kit/vigil.ts";
import type { Order, Report, Size, Suite } from "../suite.ts";
import { createErrands, type Errands } from "./client.ts";
import { judgeErrands, lostRecords, missingIn, type Missing } from "./verdict.ts";
import { errandsOn, readLinks } from "./workflows.ts";

type Plan = {
  readonly failovers: number;
  readonly lanes: number;
  readonly workers: number;
  /** Errands of a part, at least. */
  readonly runs: number;
  /** Ms of load before each failover, and for which the standby is told nothing before the primary dies, at most. */
  readonly calm: number;
  readonly behind: number;
};

const plans: Record<Size, Plan> = {
  slice: { failovers: 1, lanes: 40, workers: 2, runs: 80, calm: 1_500, behind: 800 },
  whole: { failovers: 5, lanes: 150, workers: 3, runs: 3_000, calm: 8_000, behind: 2_000 },
};

type Kind = "synchronous" | "asynchronous";

/** A primary, its standby, and what is between them. */
type Pair = { readonly primary: PostgresServer; readonly standby: PostgresServer; readonly stream: Front };

const pairFor = async (primary: PostgresServer, kind: Kind, { afterwards }: Order): Promise<Pair> => {
  const stream = openFront(primary.port);
  afterwards(stream.close);
  const standby = await primary.createStandby(stream.port);
  if (kind === "synchronous") {
    await primary.setSynchronous(true);
    while (!(await isSynchronous(primary))) await Bun.sleep(50);
  }
  return { primary, standby, stream };
};

const isSynchronous = async ({ ask }: PostgresServer): Promise<boolean> =>
  (await ask("select 1 from pg_stat_replication where sync_state = 'sync'")).length > 0;

/** Everything that is acknowledged from here on until the primary is dead is held against what the new one has, before anybody writes to it. */
const failOver = async (
  { primary, standby, stream }: Pair,
  { front, errands, plan, chance, database }: Scene,
): Promise<Missing> => {
  // A synchronous one holds up every commit meanwhile: none of them may be told.
  stream.swallow(true);
  await Bun.sleep(plan.behind * (0.3 + 0.7 * chance.next()));
  await primary.daemon.kill();
  errands.hold(true);
  // What has been answered by the primary is heard.
  await Bun.sleep(200);
  stream.close();
  await standby.promote();
  await standby.setSynchronous(false);
  const plain = openPlain(`${standby.url}/${database}`);
  const missing = await missingIn(plain, errands.acknowledged);
  await plain.close();
  front.turn(standby.port);
  errands.hold(false);
  return missing;
};

type Scene = {
  readonly front: Front;
  readonly errands: Errands;
  readonly plan: Plan;
  readonly chance: Chance;
  readonly database: string;
  /** Looks at what is announced, once primary and standby are there. */
  readonly heed: () => Promise<void>;
};

const failOverOften = async (first: PostgresServer, kind: Kind, scene: Scene, order: Order): Promise<Missing[]> => {
  const all: Missing[] = [];
  let primary = first;
  while (all.length < scene.plan.failovers) {
    const pair = await pairFor(primary, kind, order);
    await scene.heed();
    await Bun.sleep(scene.plan.calm);
    const missing = await failOver(pair, scene);
    all.push(missing);
    const gone = new Set([...missing.starts, ...missing.signals, ...missing.results]);
    order.say(`${kind}: ${all.length} failovers, ${gone.size} errands of which something was lost`);
    // Whoever was told of it asks for it again: with the same id and key.
    await scene.errands.redo(gone);
    primary = pair.standby;
  }
  return all;
};

type Part = { readonly figures: Record<string, number>; readonly breaches: readonly string[] };

const announces = async ({ client }: Stage, kind: Kind): Promise<string[]> => {
  const codes = (await Runtime.durability(client)).warnings.map(({ code }) => code);
  const isSaid = codes.includes("standby_asynchronous") || codes.includes("standby_missing");
  if (kind === "asynchronous" && !isSaid) return [`the durability report does not announce what is lost: ${codes.join(", ")}`];
  return [];
};

const part = async (kind: Kind, order: Order): Promise<Part> => {
  const plan = plans[order.size];
  const chance = chanceOf(order.seed);
  const first = await startPostgres(order.afterwards, { settings: crowded });
  const front = openFront(first.port);
  order.afterwards(front.close);
  const place = await makePlaceAt(order, `postgres://postgres@127.0.0.1:${front.port}`);
  const stage = await setStage(order, Object.values(errandsOn(unusedShop)), kind, place);
  await stage.observer.query(shopTable);
  const announced: string[] = [];
  const fleet = createFleet(order, { script: join(import.meta.dir, "worker.ts"), size: plan.workers, env: stage.env });
  await Promise.all(fleet.members.map(({ up }) => up));
  const vigil = keepVigil(stage.client, stage.observer);
  const errands = createErrands(stage.client);

  const state = { over: false };
  const database = new URL(place.url).pathname.slice(1);
  const heed = async (): Promise<void> => void announced.push(...(await announces(stage, kind)));
  const failing = failOverOften(first, kind, { heed, front, errands, plan, chance, database }, order).finally(
    () => (state.over = true),
  );
  for (let runs = 0; runs < plan.runs || !state.over; runs += plan.lanes) await errands.work(plan.lanes, plan.lanes);
  const missing = await failing;
  const still = await allEnded(stage.observer);
  await vigil.end();
  const unwilling = await fleet.close();
  const records = await stage.observer.records();
  const verdict = await judgeErrands(stage.observer, records, errands.acknowledged);
  const stuck = [...vigil.stuck, ...still];
  const sights = judgeSights(stage.ledger);
  const rules = kind === "synchronous" ? judgeKept(stage, records, missing) : judgeLost(stage, records, missing);
  return {
    figures: {
      failovers: missing.length,
      "starts acknowledged": errands.acknowledged.starts.size,
      "results acknowledged": errands.acknowledged.results.size,
      records: records.length,
      "wishes refused": errands.seen.refused,
      ...rules.figures,
      ...verdict.figures,
      ...sights.figures,
      "workers that died": fleet.deaths.length,
      stuck: stuck.length,
    },
    breaches: [
      ...announced,
      ...errands.failures.slice(0, 5),
      ...rules.breaches,
      ...verdict.breaches,
      ...sights.breaches,
      ...stuck,
      ...unwilling,
      ...fleet.deaths,
    ],
  };
};

const count = (missing: readonly Missing[], what: keyof Missing): number =>
  missing.reduce((sum, each) => sum + each[what].length, 0);

/** With a synchronous standby nothing that was acknowledged is missing at any failover, and what a worker went on from is recorded. */
const judgeKept = (stage: Stage, records: readonly Written[], missing: readonly Missing[]): Part => {
  const rules = judge(readEffects(stage.ledger), records);
  const lost = lostRecords(readLinks(stage.ledger), records);
  const gone = missing.flatMap(({ starts, signals, results }) => [
    ...starts.map((n) => `lost at a failover: the start of errand ${n}`),
    ...signals.map((n) => `lost at a failover: the nod to errand ${n}`),
    ...results.map((n) => `lost at a failover: the result of errand ${n}`),
  ]);
  return {
    figures: { "lost at failovers": gone.length, "lost records": lost.length, ...rules.figures },
    breaches: [...gone.slice(0, 5), ...lost.slice(0, 5), ...rules.breaches],
  };
};

/** Numbers of leases are given twice where a past was lost: only what the database itself says is held against itself. */
const judgeLost = (stage: Stage, records: readonly Written[], missing: readonly Missing[]): Part => {
  const rules = judge([], records);
  return {
    figures: {
      "starts lost, as announced": count(missing, "starts"),
      "signals lost, as announced": count(missing, "signals"),
      "results lost, as announced": count(missing, "results"),
      "records lost, as announced": lostRecords(readLinks(stage.ledger), records).length,
      "accepted from a stale lease": rules.figures["accepted from a stale lease"],
      "doubled records": rules.figures["doubled records"],
      "holes in histories": rules.figures["holes in histories"],
    },
    breaches: [
      ...rules.breaches,
      ...(count(missing, "starts") + count(missing, "results") === 0
        ? ["nothing was lost: the suite shows nothing about it"]
        : []),
    ],
  };
};

const named = (kind: Kind, { figures }: Part): Record<string, number> =>
  Object.fromEntries(Object.entries(figures).map(([what, figure]) => [`${kind}: ${what}`, figure]));

const run = async (order: Order): Promise<Report> => {
  const why = whyNoPostgres();
  if (why !== undefined) return { figures: {}, breaches: [], skipped: [why] };
  const kept = await part("synchronous", order);
  const lost = await part("asynchronous", order);
  return {
    figures: { ...named("synchronous", kept), ...named("asynchronous", lost) },
    breaches: [
      ...kept.breaches.map((breach) => `synchronous: ${breach}`),
      ...lost.breaches.map((breach) => `asynchronous: ${breach}`),
    ],
  };
};

export const failovers: Suite = {
  name: "failovers",
  title:
    "the primary is killed and its standby promoted: synchronous, nothing is lost; asynchronous, no more than was announced, in histories of one past",
  on: ["postgres"],
  ownServers: true,
  run,
};
