/**
 * A worker ends in the middle of its runs: how long until they go on elsewhere, with the lease as it comes. It is killed on the same machine, it is killed where only the lease tells, and it
 * is stopped in good order.
 */
import { Run, Runtime, Step, Workflow } from "@holdfast/core";
import type { SQL } from "bun";
import { median, type Figure } from "../figure.ts";
import { report } from "../workload.ts";
import { asked, spawn, within } from "./place.ts";

const [, , , role, at = ""] = process.argv;
const runs = 20;
const rounds = 3;

/** Short steps, one after the other, until one is called in the process that takes over. */
const relay = (takeOver: (id: string) => boolean) =>
  Workflow.define({ name: "relay" }, async (ctx, id: string) => {
    while (
      !(await Step.run(ctx, "beat", async () => {
        await Bun.sleep(20);
        return takeOver(id);
      }))
    );
  });

const execute = async (): Promise<void> => {
  const runtime = await Runtime.open({ database: at, workflows: [relay(() => false)] });
  process.on("SIGTERM", () => void Runtime.close(runtime).then(() => process.exit(0)));
  console.log("ready");
  await new Promise(() => {});
};

type Way = "killed" | "killed elsewhere" | "stopped";

/** Ms until each of the runs went on. */
const once = async (client: SQL, url: string, way: Way): Promise<number[]> => {
  const seen = new Map<string, number>();
  const worker = spawn(import.meta.path, "execute", url);
  await worker.stdout.getReader().read();
  const starter = await Runtime.open({ database: url, workflows: [relay(() => true)], execute: false });
  const started = await Promise.all(
    Array.from({ length: runs }, () => {
      const id = Bun.randomUUIDv7();
      return Workflow.start(
        starter,
        relay(() => true),
        id,
        { id },
      );
    }),
  );
  await Bun.sleep(1_000);
  const next = await Runtime.open({
    database: url,
    workflows: [
      relay((id) => {
        if (!seen.has(id)) seen.set(id, performance.now());
        return true;
      }),
    ],
  });
  // Whoever takes over has seen it live.
  await Bun.sleep(4_000);
  if (way === "killed elsewhere")
    await client.unsafe(`update holdfast_workers set machine = 'another' where pid = ${worker.pid} and execute = true`);
  await Bun.sleep(2_000);
  const endedAt = performance.now();
  worker.kill(way === "stopped" ? "SIGTERM" : "SIGKILL");
  await Promise.all(started.map((run) => Run.result(run)));
  await Runtime.close(next);
  await Runtime.close(starter);
  return [...seen.values()].map((ms) => ms - endedAt);
};

const goals: Readonly<Record<Way, { readonly what: string; readonly most: number }>> = {
  killed: { what: "a worker is killed (kill -9), its runs go on elsewhere on the same machine", most: 32 },
  "killed elsewhere": { what: "the same, where only its lease of 30 s tells", most: 32 },
  stopped: { what: "a worker is stopped in good order, its runs go on elsewhere", most: 1 },
};

/** The slowest run of each round: the typical round, and the worst. */
const figuresOf = (way: Way, slowest: readonly number[]): Figure[] => [
  { what: goals[way].what, value: median(slowest) / 1_000, unit: "s" },
  {
    what: "the same, the slowest of all runs",
    value: Math.max(...slowest) / 1_000,
    unit: "s",
    goal: { of: "value", most: goals[way].most },
  },
];

const measure = (url: string): Promise<void> =>
  asked(url, async (client) => {
    for (const way of ["killed", "killed elsewhere", "stopped"] as const) {
      const slowest: number[] = [];
      for (let round = 0; round < (way === "killed elsewhere" ? 1 : rounds); round++)
        slowest.push(Math.max(...(await once(client, url, way))));
      report(...figuresOf(way, slowest));
    }
  });

await (role === "execute" ? execute() : within(measure));
