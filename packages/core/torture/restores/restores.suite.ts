/** Restores: copies taken in the middle of a load are put to work again, and go on from where the copy was taken. */
import { join } from "node:path";
import { chanceOf, type Chance } from "../../test/fuzz/chance.ts";
import { spawnChild, untilWith, type Child } from "../kit/child.ts";
import * as Ledger from "../kit/ledger.ts";
import type { Line } from "../kit/orders.ts";
import { judgeSights } from "../kit/sights.ts";
import { contradictions, lost, readTruth, type Truth } from "../kit/truth.ts";
import type { Order, Report, Suite } from "../suite.ts";
import { backUp, copyAlone, keep, type Copy, type Way } from "./copies.ts";

type Tally = { runs: number; backups: number; alone: number; refused: number; again: number; lost: number };

type Scene = {
  readonly order: Order;
  readonly index: number;
  readonly file: string;
  readonly ledger: string;
  readonly chance: Chance;
  readonly tally: Tally;
  /** What each copy was before it was put to work. */
  readonly before: Map<Copy, Truth>;
  readonly breach: (what: string) => void;
};

const script = join(import.meta.dir, "../kit/customers.ts");
const customers = 24;
const ways: readonly Way[] = [backUp, keep, copyAlone, backUp, keep, copyAlone];

const work = ({ order, file, ledger }: Scene, generation: string, count: number): Child =>
  spawnChild(order, script, [file, generation, String(count)], { LEDGER: ledger });

/** Takes the copies while two processes work; one of them is killed in the middle, and another comes. */
const takeCopies = async (scene: Scene): Promise<Copy[]> => {
  const { order, file, ledger, index, chance } = scene;
  const processes = [work(scene, "g0", customers), work(scene, "h0", 0)];
  await untilWith("an acknowledgement", processes, () => Ledger.read(ledger).length > customers);
  const copies: Copy[] = [];
  for (const [copy, take] of ways.entries()) {
    await Bun.sleep(50 + chance.next() * 300);
    const name = `file ${index}, copy ${copy}`;
    copies.push(await take(file, join(order.folder, `${index}-${copy}.db`), name, ledger));
    if (copy !== 1) continue;
    await processes.shift()?.kill();
    processes.push(work(scene, "g1", customers));
    // The first copy is put to work while the processes of the original live: it has their names in its list of workers.
    await restore(scene, copies[0]!);
  }
  for (const { pid } of processes.filter((child) => !child.isRunning())) scene.breach(`process ${pid} ended by itself`);
  await Promise.all(processes.map((process) => process.kill()));
  return copies;
};

const truthOf = ({ order, breach }: Scene, file: string, where: string): Truth | undefined => {
  const truth = readTruth(file, join(order.folder, "judged.db"));
  if (!truth) breach(`${where}: it cannot be read`);
  return truth;
};

/** Brings every run of a file to its end. False when that cannot be done. */
const finish = async ({ order }: Scene, file: string, ledger: string): Promise<boolean> => {
  const child = spawnChild(order, script, [file, "finish"], { LEDGER: ledger });
  const ended = await Promise.race([child.exited, Bun.sleep(60_000)]);
  await child.kill();
  return ended === 0;
};

/** The steps that a database has a record of, by their idempotency keys. */
const recorded = (truth: Truth): Set<string> =>
  new Set(
    [...truth.runs.values()].flatMap(({ key, id }) =>
      (truth.history.get(key) ?? []).flatMap((row) => (row.kind === "step" ? [`${id}/${row.key}`] : [])),
    ),
  );

/** Puts a copy to work until all of it is at its end. */
const restore = async (scene: Scene, copy: Copy): Promise<void> => {
  const { tally, breach } = scene;
  const before = readTruth(copy.file, `${copy.file}.judged`);
  const ledger = `${copy.file}.jsonl`;
  const wentOn = await finish(scene, copy.file, ledger);
  if (copy.kind === "file alone") {
    tally.alone += 1;
    if (!wentOn) tally.refused += 1;
  } else if (wentOn) tally.backups += 1;
  else breach(`${copy.name}: it cannot be brought to its end`);
  if (!wentOn) return;
  if (!before) return breach(`${copy.name}, ${copy.kind}: it went on, and cannot be read`);
  scene.before.set(copy, before);
  judge(scene, copy, before, Ledger.read<Line>(ledger));
};

const judge = (scene: Scene, copy: Copy, before: Truth, did: readonly Line[]): void => {
  const { tally, breach, ledger } = scene;
  const original = Ledger.read<Line>(ledger);
  for (const what of contradictions(before, original)) breach(`${copy.name}, ${copy.kind}: ${what}`);
  const missing = copy.kind === "backup" ? lost(before, copy.acknowledged) : [];
  tally.lost += missing.length;
  for (const line of missing) breach(`${copy.name}: acknowledged before the copy and not in it: ${JSON.stringify(line)}`);
  const known = recorded(before);
  const repeated = did.flatMap((line) => (line.kind === "effect" && known.has(line.key) ? [line.key] : []));
  tally.again += repeated.length;
  for (const key of repeated) breach(`${copy.name}: ${key} began again although the copy has its record`);
  for (const line of did) if (line.kind === "stuck") breach(`${copy.name}: run ${line.run} is stuck: ${line.why}`);
  const after = truthOf(scene, copy.file, copy.name);
  if (!after) return;
  for (const what of contradictions(after, [...original, ...did])) breach(`${copy.name}, at its end: ${what}`);
  for (const run of before.runs.keys()) if (!after.runs.has(run)) breach(`${copy.name}: run ${run} went away`);
};

/** Each copy is the original as it once was, and whatever it did again went by the keys that the original used. */
const compare = ({ before, ledger, breach }: Scene, truth: Truth): void => {
  const used = new Set(Ledger.read<Line>(ledger).flatMap((line) => (line.kind === "effect" ? [line.key] : [])));
  for (const [copy, then] of before) {
    for (const [id, run] of then.runs) {
      const now = truth.runs.get(id);
      const later = now && truth.history.get(now.key);
      if (!then.history.get(run.key)?.every((row, seq) => Bun.deepEquals(row, later?.[seq])))
        breach(`${copy.name}, ${copy.kind}: run ${id} has records that the original never had`);
    }
    for (const line of Ledger.read<Line>(`${copy.file}.jsonl`)) {
      if (line.kind === "effect" && truth.runs.has(line.run) && !used.has(line.key))
        breach(`${copy.name}: ${line.key} is a key that the original never used`);
    }
  }
};

const oneFile = async (scene: Scene): Promise<void> => {
  const { order, file, ledger, index, breach, tally } = scene;
  const copies = await takeCopies(scene);
  for (const copy of copies.slice(1)) await restore(scene, copy);
  if (!(await finish(scene, file, ledger))) return breach(`file ${index}: the original does not come to its end`);
  const truth = truthOf(scene, file, `file ${index}`);
  if (!truth) return;
  tally.runs += truth.runs.size;
  compare(scene, truth);
  order.say(`file ${index}: ${truth.runs.size} runs, ${copies.length} copies`);
};

const run = async (order: Order): Promise<Report> => {
  const breaches: string[] = [];
  const ledgers: string[] = [];
  const tally: Tally = { runs: 0, backups: 0, alone: 0, refused: 0, again: 0, lost: 0 };
  const chance = chanceOf(order.seed);
  const files = order.size === "whole" ? 15 : 1;
  for (let index = 0; index < files; index++) {
    const file = join(order.folder, `${index}.db`);
    const ledger = join(order.folder, `${index}.jsonl`);
    // Those of the copies too.
    ledgers.push(ledger, ...ways.map((_, copy) => join(order.folder, `${index}-${copy}.db.jsonl`)));
    await oneFile({ order, index, file, ledger, chance, tally, before: new Map(), breach: (what) => breaches.push(what) });
  }
  const sights = judgeSights(...ledgers);
  return {
    figures: {
      runs: tally.runs,
      "backups restored": tally.backups,
      lost: tally.lost,
      "begun again after their record": tally.again,
      "files without their WAL": tally.alone,
      "refused of those": tally.refused,
      ...sights.figures,
      stuck: breaches.filter((breach) => breach.includes("is stuck")).length,
      "processes ended": breaches.filter((breach) => breach.includes("ended by itself")).length,
    },
    breaches: [...breaches, ...sights.breaches],
  };
};

export const restores: Suite = {
  name: "restores",
  title: "a backup taken under load is the original as it once was, and goes on from there",
  run,
};
