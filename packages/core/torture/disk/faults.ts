/** Faults of the disk and of the file: full, for reading only, replaced, without its WAL. */
import { existsSync, linkSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Order } from "../suite.ts";
import { mount, run } from "./machine.ts";
import { sceneOf, type Scene } from "./scene.ts";

/** How long a fault lasts. Nothing waits for anything by it. */
const lasting = 700;

/** What a process says while it is in trouble: the code, the file, and what to do. */
const expectTrouble = async (scene: Scene, code: RegExp, words: RegExp): Promise<void> => {
  await scene.until(`trouble with a code like ${code.source}`, ({ trouble }) => trouble !== undefined && code.test(trouble.code));
  const refused = scene.state()?.refused ?? 0;
  await scene.until(
    "a refusal",
    ({ refused: now, refusal }) => now > refused && refusal !== undefined && code.test(refusal.code),
  );
  const { refusal } = scene.state() ?? {};
  for (const said of [words, new RegExp(scene.places.database)])
    if (!said.test(refusal?.message ?? ""))
      scene.breaches.push(`${scene.name}: the refusal does not say ${said.source}: ${refusal?.message}`);
  const { granted, ended } = scene.state() ?? { granted: 0, ended: 0 };
  await Bun.sleep(lasting);
  const now = scene.state();
  if (now?.trouble && now.granted > granted) scene.breaches.push(`${scene.name}: granted in the middle of the fault`);
  if (now?.trouble && now.ended > ended + 30) scene.breaches.push(`${scene.name}: runs ended in the middle of the fault`);
};

/** Everything goes on by itself: the trouble is over, new starts are granted, and runs end. */
const expectMore = async (scene: Scene): Promise<void> => {
  const before = scene.state() ?? { granted: 0, ended: 0 };
  await scene.until("the end of the trouble", ({ trouble }) => trouble === undefined);
  await scene.until("more work", ({ granted, ended }) => granted > before.granted + 20 && ended > before.ended + 20);
};

const expectLoad = (scene: Scene): Promise<void> => scene.until("load", ({ open, ended }) => open && ended > 20);

export const full = async (order: Order): Promise<Scene | undefined> => {
  const disk = mount(order, "full", "4m");
  if (!disk) return undefined;
  const scene = sceneOf(order, "full disk", disk.path);
  const load = scene.load({ fill: 4_000 });
  await expectTrouble(scene, /^storage_full$/, /is full\. Free some space/);
  disk.remount("size=200m");
  await expectMore(scene);
  await scene.finish(load);
  return scene;
};

/** A file system with open writers cannot be made read-only: the process dies, and is started on one that is. */
export const readOnly = async (order: Order): Promise<Scene | undefined> => {
  const disk = mount(order, "readonly", "100m");
  if (!disk) return undefined;
  const scene = sceneOf(order, "read-only disk", disk.path);
  const first = scene.load();
  await expectLoad(scene);
  await first.kill();
  disk.remount("ro");
  const { pid } = first;
  const second = scene.load();
  await scene.until("a refusal to open", (state) => state.pid !== pid && state.refusal !== undefined);
  const { refusal, open } = scene.state() ?? {};
  if (open || !/^storage_(readonly|failed)$/.test(refusal?.code ?? "") || !/right to/.test(refusal?.message ?? ""))
    scene.breaches.push(`${scene.name}: it does not say what is wrong: ${JSON.stringify(refusal)}`);
  await Bun.sleep(lasting);
  disk.remount("rw");
  await expectLoad(scene);
  await scene.finish(second);
  return scene;
};

export const replaced = async (order: Order): Promise<Scene> => {
  const scene = sceneOf(order, "file replaced");
  const { database, disk } = scene.places;
  const aside = join(disk, "aside");
  mkdirSync(aside);
  const load = scene.load();
  await expectLoad(scene);
  run("cp", database, join(disk, "copy"));
  renameSync(database, join(aside, "load.db"));
  renameSync(join(disk, "copy"), database);
  await expectTrouble(scene, /^storage_replaced$/, /moved, deleted or replaced/);
  renameSync(join(aside, "load.db"), database);
  await expectMore(scene);
  await scene.finish(load);
  return scene;
};

export const withoutWal = async (order: Order): Promise<Scene> => {
  const scene = sceneOf(order, "WAL deleted");
  const wal = `${scene.places.database}-wal`;
  const kept = join(scene.places.disk, "kept-wal");
  const load = scene.load();
  await expectLoad(scene);
  linkSync(wal, kept);
  rmSync(wal);
  await expectTrouble(scene, /^storage_replaced$/, /moved, deleted or replaced/);
  if (existsSync(wal)) scene.breaches.push(`${scene.name}: another WAL was made`);
  renameSync(kept, wal);
  await expectMore(scene);
  await scene.finish(load);
  return scene;
};
