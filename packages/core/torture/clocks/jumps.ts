/** Clocks that jump, run ten times as fast, or differ, under processes that work on one file. */
import { join } from "node:path";
import { until } from "../../test/kit/until.ts";
import { spawnChild, type Child } from "../kit/child.ts";
import * as Ledger from "../kit/ledger.ts";
import { observe } from "../kit/observer.ts";
import { makePlace, type Place } from "../kit/place.ts";
import { judgeSights, type Sights } from "../kit/sights.ts";
import { early } from "../kit/timers.ts";
import { createMachineClock, type MachineClock } from "./machine-clock.ts";
import { keepVigilOver, type Vigil } from "../kit/vigil.ts";
import type { Part } from "./part.ts";
import { processorTime, watchPlace, type Watch } from "./watch.ts";
import type { Line } from "./workflows.ts";

export type Findings = {
  fired: number;
  early: number;
  lost: number;
  stolen: number;
  doubled: number;
  busiest: number;
  /** Processes that ended by themselves. */
  ended: number;
  readonly sights: Record<keyof Sights["figures"], number>;
};

export const noFindings = (): Findings => ({
  fired: 0,
  early: 0,
  lost: 0,
  stolen: 0,
  doubled: 0,
  busiest: 0,
  ended: 0,
  sights: { swapped: 0, redrawn: 0, leaked: 0 },
});

const hour = 3_600_000;
const day = 24 * hour;

type Scene = {
  readonly part: Part;
  readonly name: string;
  readonly place: Place;
  readonly ledger: string;
  readonly workers: Worker[];
  readonly watch: Watch;
  readonly vigil: Vigil;
};

type Worker = { readonly name: string; readonly child: Child; readonly clock: MachineClock };

const open = async (
  part: Part,
  name: string,
  clocks: Readonly<Record<string, MachineClock>>,
  own: Readonly<Record<string, string>> = {},
): Promise<Scene> => {
  const { order } = part;
  const place = await makePlace(order, name);
  const ledger = join(order.folder, `${name}.jsonl`);
  const workers: Worker[] = [];
  for (const [worker, clock] of Object.entries(clocks)) {
    const env = { ...clock.environment, LEDGER: ledger, WORKER: worker, SEED: String(order.seed), ...own };
    const up = join(order.folder, `${name}.${worker}.up`);
    const child = spawnChild(order, join(import.meta.dir, "sleeper.ts"), [place.url, up], env);
    await until(`${worker} is up`, () => Bun.file(up).exists(), 60_000);
    workers.push({ name: worker, child, clock });
  }
  // The database's own word on when a timer fired.
  await observe(place);
  return { part, name, place, ledger, workers, watch: watchPlace(place), vigil: await keepVigilOver(place) };
};

/** Has each worker start its runs, and waits until all the steps that take long have begun. */
const wave = async (scene: Scene): Promise<void> => {
  const lasting = (): number => Ledger.read<Line>(scene.ledger).filter(({ key }) => /-(toil|hang)-/.test(key)).length;
  const before = lasting();
  for (const { child } of scene.workers) child.signal("SIGUSR2");
  await expectSoon(scene, "the steps of a wave", () => lasting() >= before + 6 * scene.workers.length);
};

/** Waits for something that must come, by time that passes. */
const expectSoon = async ({ part, name }: Scene, what: string, isSo: () => boolean | Promise<boolean>): Promise<void> => {
  await until(what, isSo, 30_000).catch(() => part.breach(`${name}: ${what} did not come to be within 30 s`));
};

/** The moment at which a theft is likeliest: the others have looked since the worker's last beat, and the next is still to come. */
const betweenBeats = async (scene: Scene, { child }: Worker): Promise<void> => {
  const beat = async (): Promise<number> => (await scene.watch.workers()).find(({ pid }) => pid === child.pid)?.beat ?? 0;
  const before = await beat();
  await expectSoon(scene, "a beat", async () => (await beat()) > before);
  await Bun.sleep(230); // They look every 200 ms, and it beats every 333.
};

const none = async (some: Promise<readonly unknown[]>): Promise<boolean> => (await some).length === 0;

/** Every worker beats on after the clock was set. */
const expectBeats = async (scene: Scene, where: string): Promise<void> => {
  const before = new Map((await scene.watch.workers()).map(({ key, beat }) => [key, beat]));
  await expectSoon(scene, `${where}: two more beats of each worker`, async () =>
    (await scene.watch.workers()).every(({ key, beat }) => beat >= (before.get(key) ?? 0) + 2),
  );
};

/** The share of a processor that the busiest worker takes while there is nothing to do but wait. */
const idleShare = async ({ workers }: Scene): Promise<number> => {
  const before = workers.map(({ child }) => processorTime(child.pid));
  const startedAt = performance.now();
  await Bun.sleep(1_000);
  const seconds = (performance.now() - startedAt) / 1_000;
  return Math.max(...workers.map(({ child }, index) => (processorTime(child.pid) - (before[index] ?? 0)) / seconds));
};

/** Of a processor: what waits takes a few hundredths, what spins takes all that it gets. */
const mostIdle = 0.3;

const expectIdle = async (scene: Scene, where: string, findings: Findings): Promise<void> => {
  const share = await idleShare(scene);
  findings.busiest = Math.max(findings.busiest, share);
  if (share > mostIdle)
    scene.part.breach(`${scene.name}, ${where}: a worker with nothing to do takes ${share.toFixed(2)} of a processor`);
};

/** Whose lease it is, nobody took: the workers are those that came, and no step of theirs began twice. */
const judge = async (
  scene: Scene,
  came: readonly number[],
  findings: Findings,
  isAhead: (id: string) => boolean = () => false,
): Promise<void> => {
  const { part, name, place, watch, ledger, workers } = scene;
  for (const worker of workers.filter(({ child }) => !child.isRunning())) {
    findings.ended += 1;
    part.breach(`${name}: worker ${worker.name} ended by itself`);
  }
  const sights = judgeSights(ledger);
  for (const kind of ["swapped", "redrawn", "leaked"] as const) findings.sights[kind] += sights.figures[kind];
  for (const breach of sights.breaches) part.breach(`${name}: ${breach}`);
  const now = (await watch.workers()).map(({ key }) => key);
  const stolen = came.filter((key) => !now.includes(key)).length;
  findings.stolen += stolen;
  if (stolen > 0) part.breach(`${name}: of the workers ${came.join(", ")} only ${now.join(", ")} were never declared dead`);
  const keys = Ledger.read<Line>(ledger).map(({ key }) => key);
  for (const key of new Set(keys)) {
    const times = keys.filter((other) => other === key).length;
    if (times === 1) continue;
    findings.doubled += 1;
    part.breach(`${name}: ${key} began ${times} times though no process died`);
  }
  for (const { id, due, at, written } of await early(place)) {
    findings.early += 1;
    part.breach(`${name}: a timer of ${id} fired at ${at}, due at ${due}, and the database wrote it at ${written}`);
  }
  for (const { id, status } of await watch.ended("%")) if (status !== "completed") part.breach(`${name}: run ${id} is ${status}`);
  const open = (await watch.open("%")).filter(({ id }) => !isAhead(id));
  findings.lost += open.length;
  for (const { id, status } of open) part.breach(`${name}: run ${id} is still ${status}`);
  findings.fired += await watch.fired();
};

/** One machine, two workers; its clock jumps by hours both ways, then runs ten times as fast. */
export const jump = async (part: Part, findings: Findings): Promise<void> => {
  const clock = createMachineClock(part.order.folder, "jumping");
  if (!clock) return;
  const scene = await open(part, "jumping", { a: clock, b: clock });
  const { watch } = scene;
  const came = (await watch.workers()).map(({ key }) => key);
  const jumps = [
    ["an hour forward", hour],
    ["two hours back", -hour],
    ["an hour forward again", 0],
  ] as const;
  for (const [where, offset] of part.order.size === "whole" ? [...jumps, ...jumps, ...jumps] : jumps.slice(0, 2)) {
    await wave(scene);
    await betweenBeats(scene, scene.workers.at(-1)!);
    clock.set(offset);
    part.order.say(`the clock is set ${where}`);
    await expectBeats(scene, where);
    // By time that passes: steps end, and those that hang are ended by their timeouts.
    await expectSoon(scene, `${where}: every long step is at its end`, () => none(watch.open("%-toil-%")));
    await expectSoon(scene, `${where}: every step that hangs is timed out`, () => none(watch.open("%-hang-%")));
    await expectIdle(scene, where, findings);
  }
  clock.set(0, 10);
  await wave(scene);
  await expectBeats(scene, "ten times as fast");
  await expectSoon(scene, "ten times as fast: every long step is at its end", () => none(watch.open("%-toil-%")));
  clock.set(day);
  await expectSoon(scene, "a day later: every run is at its end", () => none(watch.open("%")));
  await judge(scene, came, findings);
  await end(scene);
};

/** A machine that is suspended in the middle of its work: every process stands still for longer than a lease, and meanwhile the clock went on. */
export const suspend = async (part: Part, findings: Findings): Promise<void> => {
  const clock = createMachineClock(part.order.folder, "suspended");
  if (!clock) return;
  const scene = await open(part, "suspended", { a: clock, b: clock });
  const { watch, workers } = scene;
  const came = (await watch.workers()).map(({ key }) => key);
  for (let times = 0; times < (part.order.size === "whole" ? 20 : 1); times++) {
    await wave(scene);
    const inOrder = times % 2 === 0 ? workers : workers.toReversed();
    await betweenBeats(scene, inOrder.at(-1)!);
    for (const { child } of workers) child.signal("SIGSTOP");
    await Bun.sleep(2_500);
    clock.set(clock.offset() + hour / 6);
    // Whoever wakes first must not think the other dead.
    for (const { child } of inOrder) {
      child.signal("SIGCONT");
      await Bun.sleep(400);
    }
    await expectBeats(scene, "after the suspension");
    await expectSoon(scene, "after the suspension: every long step is at its end", () => none(watch.open("%-toil-%")));
  }
  clock.set(clock.offset() + day);
  await expectSoon(scene, "a day later: every run is at its end", () => none(watch.open("%")));
  await judge(scene, came, findings);
  await end(scene);
};

/** Three clocks, an hour apart each; undefined where there is no libfaketime. */
const apart = ({ order }: Part): Readonly<Record<string, MachineClock>> | undefined => {
  const clocks: Record<string, MachineClock> = {};
  for (const [name, offset] of Object.entries({ behind: -hour, true: 0, ahead: hour })) {
    const clock = createMachineClock(order.folder, name, offset);
    if (!clock) return undefined;
    clocks[name] = clock;
  }
  return clocks;
};

/** Three workers whose clocks are an hour apart each. No machine is like this: all processes of one have one clock. */
export const skew = async (part: Part, findings: Findings): Promise<void> => {
  const clocks = apart(part);
  if (!clocks) return;
  const scene = await open(part, "apart", clocks);
  const { watch, workers } = scene;
  const came = (await watch.workers()).map(({ key }) => key);
  await wave(scene);
  await expectBeats(scene, "three clocks");
  await expectSoon(scene, "every long step is at its end", () => none(watch.open("%-toil-%")));
  await expectSoon(scene, "every short nap is over", () => none(watch.open("%-nap-%")));
  await expectIdle(scene, "three clocks", findings);
  for (const { clock } of workers) clock.set(clock.offset() + day);
  await expectSoon(scene, "a day later: every run is at its end", () => none(watch.open("%")));
  await judge(scene, came, findings);
  await end(scene);
};

/** Behind a server timers and leases go by the clock of the database: whatever those of the processes say, and wherever they jump, nothing comes early. */
export const apartOnServer = async (part: Part, findings: Findings): Promise<void> => {
  const clocks = apart(part);
  if (!clocks) return;
  const scene = await open(part, "apart", clocks, { LEASE: "6000" });
  const { watch, workers } = scene;
  const came = (await watch.workers()).map(({ key }) => key);
  for (let times = 0; times < (part.order.size === "whole" ? 10 : 1); times++) {
    await wave(scene);
    await expectBeats(scene, "three clocks");
    await expectSoon(scene, "every long step is at its end", () => none(watch.open("%-toil-%")));
    await expectSoon(scene, "every step that hangs is timed out", () => none(watch.open("%-hang-%")));
    await expectSoon(scene, "every short nap is over", () => none(watch.open("%-nap-%")));
    for (const { clock } of workers) clock.set(clock.offset() + (times % 2 === 0 ? day : -day));
    part.order.say(`wave ${times + 1} is over`);
  }
  await expectIdle(scene, "three clocks", findings);
  const isAhead = (id: string): boolean => id.endsWith("-long-nap");
  for (const { id } of (await watch.ended("%")).filter(({ id }) => isAhead(id))) {
    findings.early += 1;
    part.breach(`apart: a nap of half an hour, ${id}, was over when the processes' clocks said so`);
  }
  await judge(scene, came, findings, isAhead);
  await end(scene);
};

const end = async ({ part, name, workers, vigil }: Scene): Promise<void> => {
  await vigil.end();
  for (const stuck of vigil.stuck) part.breach(`${name}: ${stuck}`);
  await Promise.all(workers.map(({ child }) => child.kill()));
};
