/** Power cuts: the disk stops in the middle of a load, comes back as it was last synced, and the work goes on. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { chanceOf, type Chance } from "../../test/fuzz/chance.ts";
import { spawnChild, untilWith } from "../kit/child.ts";
import * as Ledger from "../kit/ledger.ts";
import type { Line } from "../kit/orders.ts";
import { judgeSights } from "../kit/sights.ts";
import { again, contradictions, lost, readTruth, type Truth } from "../kit/truth.ts";
import { createVolume, type Volume } from "../kit/volume.ts";
import type { Order, Report, Suite } from "../suite.ts";

/** How much SQLite syncs. FULL is the default; NORMAL may lose and must stay sound; OFF shows that these cuts do cut. */
type Level = "FULL" | "NORMAL" | "OFF";

type Tally = { cuts: number; acknowledged: number; lost: number; again: number };

type Scene = {
  readonly order: Order;
  readonly volume: Volume;
  readonly level: Level;
  readonly chance: Chance;
  readonly tally: Tally;
  readonly ledgers: string[];
  readonly breach: (what: string) => void;
};

const script = join(import.meta.dir, "../kit/customers.ts");
/** Cuts of one file, before it is brought to its end and a new one is begun. */
const cutsPerFile = 5;
const customers = 24;

/** At FULL the library's own settings are left alone. */
const environment = (level: Level, ledger: string): Record<string, string> =>
  level === "FULL" ? { LEDGER: ledger } : { LEDGER: ledger, SYNCHRONOUS: level };

/** Puts two processes to work on the file and cuts the power while they work. */
const cutUnderLoad = async (
  { order, volume, level, chance, breach }: Scene,
  file: string,
  ledger: string,
  generation: number,
) => {
  const env = environment(level, ledger);
  const before = Ledger.read(ledger).length;
  const processes = [customers, 0].map((count) => spawnChild(order, script, [file, `g${generation}`, String(count)], env));
  await untilWith("an acknowledgement", processes, () => Ledger.read(ledger).length > before + customers);
  await Bun.sleep(100 + chance.next() * 700);
  for (const { pid } of processes.filter((child) => !child.isRunning())) breach(`process ${pid} ended by itself`);
  volume.cut(() => processes.forEach((process) => process.signal("SIGSTOP")));
  await Promise.all(processes.map((process) => process.kill()));
  volume.restore();
};

const judge = ({ order, level, breach }: Scene, file: string, lines: readonly Line[], where: string): Truth | undefined => {
  const truth = readTruth(file, join(order.folder, "judged.db"));
  if (level === "OFF") return truth;
  if (!truth) {
    breach(`${where}: the file cannot be read`);
    return undefined;
  }
  for (const what of contradictions(truth, lines)) breach(`${where}: ${what}`);
  const missing = lost(truth, lines);
  const repeated = again(lines);
  if (level === "FULL") {
    for (const line of missing) breach(`${where}: acknowledged and lost: ${JSON.stringify(line)}`);
    for (const key of repeated) breach(`${where}: ${key} began again after its record was durable`);
  }
  for (const line of lines) if (line.kind === "stuck") breach(`${where}: run ${line.run} is stuck: ${line.why}`);
  return truth;
};

const isAcknowledged = ({ kind }: Line): boolean => kind !== "effect" && kind !== "stuck";

const count = ({ tally }: Scene, lines: readonly Line[], missing: ReadonlySet<string>): void => {
  tally.acknowledged += lines.filter(isAcknowledged).length;
  tally.lost += missing.size;
  tally.again += again(lines).length;
};

/** Brings every run of the file to its end. */
const finish = async ({ order, level, breach }: Scene, file: string, ledger: string, where: string): Promise<void> => {
  const child = spawnChild(order, script, [file, "finish"], environment(level, ledger));
  const ended = await Promise.race([child.exited, Bun.sleep(60_000)]);
  if (ended !== 0) breach(`${where}: after a minute not every run is at its end (${String(ended)})`);
  await child.kill();
};

const oneFile = async (scene: Scene, index: number, cuts: number): Promise<void> => {
  const { order, volume, level, tally } = scene;
  const file = join(volume.path, `${index}.db`);
  const ledger = join(order.folder, `${level}-${index}.jsonl`);
  // At OFF a file may come back as anything.
  if (level !== "OFF") scene.ledgers.push(ledger);
  const missing = new Set<string>();
  for (let cut = 1; cut <= cuts; cut++) {
    const where = `${level}, file ${index}, cut ${cut}`;
    await cutUnderLoad(scene, file, ledger, cut);
    tally.cuts += 1;
    const lines = Ledger.read<Line>(ledger);
    const truth = judge(scene, file, lines, where);
    for (const line of truth ? lost(truth, lines) : lines.filter(isAcknowledged)) missing.add(JSON.stringify(line));
    order.say(`${where}: ${lines.filter(isAcknowledged).length} acknowledged, ${missing.size} lost`);
  }
  if (level !== "OFF") {
    await finish(scene, file, ledger, `${level}, file ${index}, at the end`);
    const lines = Ledger.read<Line>(ledger);
    const truth = judge(scene, file, lines, `${level}, file ${index}, at the end`);
    for (const { id, status } of truth?.runs.values() ?? [])
      if (!["completed", "cancelled"].includes(status)) scene.breach(`${level}, file ${index}: run ${id} ended as ${status}`);
  }
  count(scene, Ledger.read<Line>(ledger), missing);
  for (const part of ["", "-wal", "-shm"]) rmSync(`${file}${part}`, { force: true });
};

const run = async (order: Order): Promise<Report> => {
  const volume = createVolume(order, "disk");
  if (typeof volume === "string") return { figures: {}, breaches: [], skipped: [volume] };
  const breaches: string[] = [];
  const ledgers: string[] = [];
  const chance = chanceOf(order.seed);
  const carryOut = async (
    level: Level,
    cuts: number,
    perFile: number,
    isEnough: (tally: Tally) => boolean = () => true,
  ): Promise<Tally> => {
    const tally: Tally = { cuts: 0, acknowledged: 0, lost: 0, again: 0 };
    const scene: Scene = { order, volume, level, chance, tally, ledgers, breach: (what) => breaches.push(what) };
    for (let index = 0; tally.cuts < cuts; index++) await oneFile(scene, index, Math.min(perFile, cuts - tally.cuts));
    for (let index = cuts; !isEnough(tally) && index < cuts + 4; index++) await oneFile(scene, index, 1);
    return tally;
  };
  const whole = order.size === "whole";
  const full = await carryOut("FULL", whole ? 100 : 5, cutsPerFile);
  const normal = whole ? await carryOut("NORMAL", 20, cutsPerFile) : undefined;
  // The file system writes all that it has every few seconds: what was acknowledged just before a cut may have been in it.
  const off = await carryOut("OFF", whole ? 5 : 1, 1, ({ lost }) => lost > 0);
  if (off.lost === 0) breaches.push("with synchronous=OFF nothing was lost: these cuts prove nothing");
  const sights = judgeSights(...ledgers);
  return {
    figures: {
      ...figures(full, ""),
      ...(normal && figures(normal, " at NORMAL")),
      ...figures(off, " at OFF"),
      ...sights.figures,
      stuck: breaches.filter((breach) => /is stuck|is at its end/.test(breach)).length,
      "processes ended": breaches.filter((breach) => breach.includes("ended by itself")).length,
    },
    breaches: [...breaches, ...sights.breaches],
  };
};

const figures = (tally: Tally, where: string): Record<string, number> => ({
  [`cuts${where}`]: tally.cuts,
  [`acknowledged${where}`]: tally.acknowledged,
  [`lost${where}`]: tally.lost,
  [`begun again after a durable record${where}`]: tally.again,
});

export const powerCuts: Suite = {
  name: "power-cuts",
  title: "what was acknowledged survives the power, on a journaled ext4 that loses all that was not synced",
  run,
};
