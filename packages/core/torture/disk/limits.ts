/** Limits of the machine: descriptors and memory. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Database } from "bun:sqlite";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { Fault, Run, Runtime, Workflow } from "../../src/index.ts";
import { read, type Effect } from "../kit/ledger.ts";
import { silent } from "../../test/kit/silent.ts";
import type { Order } from "../suite.ts";
import { flowsOf } from "./flows.ts";
import { run } from "./machine.ts";
import { sceneOf, type Scene } from "./scene.ts";

/** A client of a scene's database in this process, with a connection of its own. */
export const clientOf = async (order: Order, scene: Scene) => {
  const flows = flowsOf(scene.places.effects, drizzle(new Database(":memory:")));
  const runtime = await Runtime.open({
    database: `sqlite:${scene.places.database}`,
    workflows: Object.values(flows),
    execute: false,
    logger: silent,
  });
  order.afterwards(() => Runtime.close(runtime));
  return { runtime, flows };
};

/** Two processes of 64 descriptors each; one of them has none left for a while. Work goes on in both, and neither takes the other for dead. */
export const descriptors = async (order: Order): Promise<Scene | undefined> => {
  if (!run("prlimit", "--version")) return undefined;
  const scene = sceneOf(order, "64 descriptors");
  const command = ["prlimit", "--nofile=64"];
  const load = scene.load({ command });
  await scene.until("load", ({ open, ended }) => open && ended > 20);
  const { runtime } = await clientOf(order, scene);
  const workers = (): string =>
    JSON.stringify(
      new Database(scene.places.database, { readonly: true }).query("select key from holdfast_workers order by key").all(),
    );
  const before = workers();
  scene.flag("eat", true);
  await Bun.sleep(1_500);
  if (workers() !== before)
    scene.breaches.push(`${scene.name}: a process without descriptors took another for dead: ${before} became ${workers()}`);
  scene.flag("eat", false);
  const ended = scene.state()?.ended ?? 0;
  await scene.until("more work", (state) => state.ended > ended + 20 && state.trouble === undefined);
  await Runtime.close(runtime);
  await scene.finish(load);
  return scene;
};

/** A group of processes with a limit of memory; undefined where there is none to be had. */
const memoryGroup = (order: Order, bytes: number): string | undefined => {
  const v1 = "/sys/fs/cgroup/memory";
  const v2 = "/sys/fs/cgroup";
  const isV2 =
    existsSync(join(v2, "cgroup.controllers")) && readFileSync(join(v2, "cgroup.controllers"), "utf8").includes("memory");
  const group = join(isV2 ? v2 : v1, `holdfast-${process.pid}-${Date.now()}`);
  try {
    mkdirSync(group);
    order.afterwards(() => run("rmdir", group));
    writeFileSync(join(group, isV2 ? "memory.max" : "memory.limit_in_bytes"), String(bytes));
    return group;
  } catch {
    return undefined;
  }
};

const crashes = 5;

/** A step that eats all memory has its process killed, time and again; after five times its run is put aside. The others are not harmed. */
export const memory = async (order: Order): Promise<Scene | undefined> => {
  const group = memoryGroup(order, 300_000_000);
  if (group === undefined) return undefined;
  const scene = sceneOf(order, "memory limit");
  const command = ["sh", "-c", `echo $$ > ${join(group, "cgroup.procs")} && exec "$@"`, "sh"];
  const supervision = { over: false };
  let load = scene.load({ command });
  await scene.until("load", ({ open, ended }) => open && ended > 20);
  scene.flag("pause", true);
  const { runtime, flows } = await clientOf(order, scene);
  const hungry = await Workflow.start(runtime, flows.hungry, undefined, { id: "hungry" });
  const supervise = async (): Promise<void> => {
    for (;;) {
      const code = await load.exited;
      if (supervision.over || code === 0) return;
      scene.kills.count++;
      load = scene.load({ command });
    }
  };
  const supervised = supervise();
  scene.flag("pause", false);
  const end = performance.now() + 150_000;
  let view = await Run.get(hungry);
  for (; view.status !== "paused" && performance.now() < end; view = await Run.get(hungry)) await Bun.sleep(50);
  const begun = read<Effect>(scene.places.effects).filter(({ key }) => key === "hungry/eat").length;
  if (view.reason?.code !== "quarantined" || begun !== crashes)
    scene.breaches.push(`${scene.name}: after ${begun} deaths the hungry run is ${view.status} (${JSON.stringify(view.reason)})`);
  if (!Fault.is(await Run.result(hungry, { timeout: 1 }).catch((error: unknown) => error), "result_timeout"))
    scene.breaches.push(`${scene.name}: a run that was put aside has a result`);
  await scene.until("more work", ({ ended, open }) => open && ended > 20);
  supervision.over = true;
  await Runtime.close(runtime);
  await scene.finish(load);
  await supervised;
  return scene;
};
