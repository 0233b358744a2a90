/** Others who open the same file: a reader that does not let go, and programs that come and go. */
import { Database } from "bun:sqlite";
import { readFileSync, statSync } from "node:fs";
import { Run, Workflow } from "../../src/index.ts";
import type { Order } from "../suite.ts";
import { clientOf } from "./limits.ts";
import { run } from "./machine.ts";
import { sceneOf, type Scene } from "./scene.ts";

/** The limit of the WAL, as the store sets it, with room for the commit that finds it too long. */
const walLimit = 64 * 1_048_576;
const allowance = 8 * 1_048_576;

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** While somebody reads for long the WAL grows with every commit; once he has done, it comes back under its limit. */
export const longReader = async (
  order: Order,
): Promise<{ readonly scene: Scene; readonly largest: number; readonly after: number }> => {
  const scene = sceneOf(order, "long reader");
  const wal = `${scene.places.database}-wal`;
  const load = scene.load();
  await scene.until("load", ({ open, ended }) => open && ended > 20);
  const { runtime, flows } = await clientOf(order, scene);
  const quiet = sizeOf(wal);
  if (quiet > walLimit / 4) scene.breaches.push(`${scene.name}: without a reader the WAL has ${quiet} bytes already`);
  const reader = new Database(scene.places.database, { readonly: true });
  order.afterwards(() => reader.close());
  reader.run("begin");
  reader.query("select count(*) from holdfast_history").get();
  const runs = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      Workflow.start(runtime, flows.verbose, { n: 260, fill: 16_000 }, { id: `verbose-${index}` }),
    ),
  );
  await Promise.all(runs.map((run) => Run.result(run, { timeout: "2m" })));
  const largest = sizeOf(wal);
  if (largest < walLimit) scene.breaches.push(`${scene.name}: the WAL did not grow past its limit: ${largest} bytes`);
  reader.run("commit");
  const { ended } = scene.state() ?? { ended: 0 };
  await scene.until("more work", (state) => state.ended > ended + 60);
  const end = performance.now() + 30_000;
  while (sizeOf(wal) > walLimit + allowance && performance.now() < end) await Bun.sleep(50);
  const after = sizeOf(wal);
  if (after > walLimit + allowance) scene.breaches.push(`${scene.name}: the WAL stays at ${after} bytes`);
  await scene.finish(load);
  return { scene, largest, after };
};

/** The locks that a process holds on a file, as the kernel lists them. Undefined where it does not. */
const locksOf = (pid: number, path: string): number | undefined => {
  try {
    const { ino } = statSync(path);
    return readFileSync("/proc/locks", "utf8")
      .split("\n")
      .filter((line) => line.includes(` ${pid} `) && line.includes(`:${ino} `)).length;
  } catch {
    return undefined;
  }
};

/** Programs open and close the file all the time; then the process is killed. Its locks stood, and all is there. */
export const visitors = async (order: Order): Promise<Scene> => {
  const scene = sceneOf(order, "visitors");
  const { database } = scene.places;
  const first = scene.load();
  await scene.until("load", ({ open, ended }) => open && ended > 20);
  const visit = run("sqlite3", "--version")
    ? ["sqlite3", database, "select count(*) from holdfast_runs"]
    : [
        process.execPath,
        "-e",
        `new (require("bun:sqlite").Database)(${JSON.stringify(database)}).query("select count(*) from holdfast_runs").get()`,
      ];
  for (let visits = 0; visits < 15; visits++) {
    if (!run(...visit)) scene.breaches.push(`${scene.name}: a visitor could not read the file`);
    for (const path of [database, `${database}-shm`])
      if (locksOf(first.pid, path) === 0) scene.breaches.push(`${scene.name}: the process has lost its locks on ${path}`);
    await Bun.sleep(20);
  }
  await first.kill();
  run(...visit);
  await scene.finish(scene.load());
  return scene;
};
