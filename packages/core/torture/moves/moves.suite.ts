/** Moves: runs in the middle of their steps go from a file to PostgreSQL, to MariaDB and back into a file, under workers and customers, by processes that are killed. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Fault, Run, Runtime, Workflow } from "../../src/index.ts";
import { chanceOf, type Chance } from "../../test/fuzz/chance.ts";
import { until } from "../../test/kit/until.ts";
import { spawnChild, type Child } from "../kit/child.ts";
import * as Ledger from "../kit/ledger.ts";
import { all, order as ordering, release, type Line } from "../kit/orders.ts";
import { makePlace, missing, nameOf, type On, type Place } from "../kit/place.ts";
import { asForeigner } from "../kit/foreign.ts";
import { judgeSights } from "../kit/sights.ts";
import { silent } from "../../test/kit/silent.ts";
import { again, contradictions, lost, readTruthAt } from "../kit/truth.ts";
import type { Order, Report, Size, Suite } from "../suite.ts";

type Plan = { readonly runs: number; readonly kills: number; readonly workers: number; readonly patience: number };

const plans: Record<Size, Plan> = {
  slice: { runs: 200, kills: 2, workers: 1, patience: 120_000 },
  whole: { runs: 10_000, kills: 6, workers: 2, patience: 1_800_000 },
};

type Leg = { readonly name: string; readonly kills: number; readonly paused: number };

type Scene = {
  readonly order: Order;
  readonly plan: Plan;
  readonly chance: Chance;
  readonly ledger: string;
  readonly customer: { runtime: Runtime.Runtime };
  readonly breach: (what: string) => void;
};

/** From a file over every server there is, and into a file again. */
const wayOf = async (order: Order): Promise<{ readonly places: readonly Place[]; readonly skipped: readonly string[] }> => {
  const places = [await makePlace(order, "first")];
  const skipped: string[] = [];
  for (const on of ["postgres", "mysql"] satisfies On[]) {
    const why = await missing(on);
    if (why === undefined) places.push(await makePlace({ ...order, on }, on));
    else skipped.push(`no move to ${nameOf[on]}: ${why}`);
  }
  return { places: [...places, await makePlace(order, "last")], skipped };
};

const openAt = ({ url }: Place): Promise<Runtime.Runtime> =>
  Runtime.open({ database: url, workflows: all, execute: false, logger: silent });

const acknowledge = ({ ledger }: Scene, line: Line): void => Ledger.write(ledger, line);

const startAll = async (scene: Scene): Promise<void> => {
  const { plan, customer } = scene;
  for (let first = 0; first < plan.runs; first += 500)
    await Promise.all(
      Array.from({ length: Math.min(500, plan.runs - first) }, async (_, index) => {
        const n = first + index;
        await asForeigner("a customer", () => Workflow.start(customer.runtime, ordering, n, { id: `r-${n}` }));
        acknowledge(scene, { kind: "start", run: `r-${n}`, workflow: "order", input: n });
      }),
    );
};

/** Sends each order its word, over the whole time: some before, some in the middle of a move. What is refused is sent again where the runs are by then. */
const sendAll = async (scene: Scene, isLate: () => boolean): Promise<void> => {
  const { plan, customer } = scene;
  for (let n = 0; n < plan.runs;) {
    try {
      await asForeigner("a customer", () => release(Run.of(customer.runtime, `r-${n}`)));
      acknowledge(scene, { kind: "signal", run: `r-${n}` });
      n++;
      if (!isLate() && n % Math.ceil(plan.runs / 100) === 0) await Bun.sleep(100);
    } catch (error) {
      if (!Fault.is(error) || !/^(database_|storage_|runtime_closed)/.test(error.code)) throw error;
      await Bun.sleep(20);
    }
  }
};

const isArriving = ({ plain }: Place): Promise<void> =>
  until(
    "the move begins",
    () =>
      plain.query("select state from holdfast_moves").then(
        (rows) => rows.length > 0,
        () => false,
      ),
    600_000,
  );

/** One move: killed so often, then let through. */
const moveOnce = async (scene: Scene, from: Place, to: Place): Promise<Leg> => {
  const { order, plan, chance, breach } = scene;
  const name = `${nameOf[from.on]} to ${nameOf[to.on]}`;
  const said = join(order.folder, `${from.on}-${to.on}.json`);
  const mover = (): Child => spawnChild(order, join(import.meta.dir, "mover.ts"), [from.url, to.url, said]);
  let kills = 0;
  for (let most = 200; kills < plan.kills && !existsSync(said); kills++) {
    const child = mover();
    most *= 1.6;
    await Promise.race([child.exited, Bun.sleep(100 + chance.next() * most)]);
    await child.kill();
  }
  for (let tries = 0; !existsSync(said); tries++) {
    const code = await mover().exited;
    if (code !== 0 && tries > 5) throw new Error(`${name}: the move ends with ${code}`);
  }
  const { runs, paused } = JSON.parse(readFileSync(said, "utf8")) as { runs: number; paused: number };
  if (runs < plan.runs) breach(`${name}: ${runs} runs arrived of ${plan.runs}`);
  order.say(`${name}: ${kills} kills, the last pause ${paused} ms`);
  return { name, kills, paused };
};

const run = async (order: Order): Promise<Report> => {
  const plan = plans[order.size];
  const ledger = join(order.folder, "ledger.jsonl");
  const breaches: string[] = [];
  const { places, skipped } = await wayOf(order);
  const customer = { runtime: await openAt(places[0]!) };
  order.afterwards(() => Runtime.close(customer.runtime));
  const scene: Scene = { order, plan, chance: chanceOf(order.seed), ledger, customer, breach: (what) => breaches.push(what) };
  const work = (place: Place): Child[] =>
    Array.from({ length: plan.workers }, () =>
      spawnChild(order, join(import.meta.dir, "worker.ts"), [place.url], { LEDGER: ledger }),
    );

  await startAll(scene);
  const workers = work(places[0]!);
  const end = { near: false };
  const sent = sendAll(scene, () => end.near);
  const legs: Leg[] = [];
  for (const [index, to] of places.slice(1).entries()) {
    // Those of the new place knock at it from the moment it is known to be one, and those of the old place stay.
    const knocking = isArriving(to).then(() => void workers.push(...work(to)));
    legs.push(await moveOnce(scene, places[index]!, to));
    await knocking;
    const old = customer.runtime;
    customer.runtime = await openAt(to);
    await Runtime.close(old);
  }
  end.near = true;
  await sent;
  const last = places.at(-1)!;
  const open = async (): Promise<number> =>
    (
      await last.plain.query<{ open: number | string }>("select count(*) as open from holdfast_runs where ended_at is null")
    ).reduce((sum, row) => sum + Number(row.open), 0);
  await until("every run is at its end", async () => (await open()) === 0, plan.patience).catch((error: unknown) =>
    breaches.push(String(error)),
  );
  for (const { id, why } of await Runtime.check(customer.runtime)) breaches.push(`run ${id} is stuck: ${why}`);
  const died = workers.filter((worker) => !worker.isRunning());
  if (died.length > 0) breaches.push(`${died.length} workers ended by themselves`);
  await Promise.all(workers.map((worker) => worker.kill()));

  const lines = Ledger.read<Line>(ledger);
  const truth = await readTruthAt(last.plain);
  const [missed, repeated, wrong] = [lost(truth, lines), again(lines), contradictions(truth, lines)];
  breaches.push(
    ...missed.slice(0, 10).map((line) => `acknowledged and not there: ${JSON.stringify(line)}`),
    ...repeated.slice(0, 10).map((key) => `${key} began again after its record`),
    ...wrong.slice(0, 10),
  );
  const sights = judgeSights(ledger);
  breaches.push(...sights.breaches);
  const effects = lines.filter(({ kind }) => kind === "effect");
  const begun = new Set(effects.map((line) => (line.kind === "effect" ? line.key : "")));
  return {
    figures: {
      runs: plan.runs,
      moves: legs.length,
      kills: legs.reduce((sum, leg) => sum + leg.kills, 0),
      "functions begun": effects.length,
      "begun again before their record": effects.length - begun.size,
      lost: missed.length,
      "begun again after their record": repeated.length,
      ...sights.figures,
      stuck: breaches.filter((breach) => / is stuck|every run is at its end/.test(breach)).length,
      "processes ended": died.length,
      ...Object.fromEntries(legs.map(({ name, paused }) => [`pause ${name} ms`, paused])),
    },
    breaches,
    skipped,
  };
};

export const moves: Suite = {
  name: "moves",
  title:
    "runs in the middle of their steps are moved from database to database, by processes that are killed: nothing lost, nothing twice",
  run,
};
