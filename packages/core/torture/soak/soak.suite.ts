/** The suite `soak`: an hour of load with a worker that is killed now and then; nothing is lost, nothing grows, nothing slows down. */
import { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import { join } from "node:path";
import { chanceOf } from "../../test/fuzz/chance.ts";
import { judgeSights } from "../kit/sights.ts";
import type { Order, Report, Suite } from "../suite.ts";
import { figuresOf } from "./figures.ts";
import { judge } from "./judge.ts";
import { readBegun, readTold } from "./ledgers.ts";
import { spawn, type Line, type Spawned } from "./processes.ts";
import { settle, type Settings } from "./settings.ts";
import { createBookings } from "./workflows.ts";
import type { Vitals } from "./vitals.ts";

/** What is seen from outside while the load is on. */
export type Seen = {
  readonly worker: Vitals[];
  readonly client: Vitals[];
  readonly breaches: string[];
  kills: number;
  asked: number;
  started: number;
  /** Bytes of the WAL at its largest, and of the database file at the end. */
  wal: number;
  bytes: number;
};

type Scene = {
  readonly order: Order;
  readonly settings: Settings;
  readonly seen: Seen;
  readonly file: string;
  readonly effects: string;
};

const endure = async (order: Order): Promise<Report> => {
  const settings = settle(order.size);
  const file = join(order.folder, "soak.db");
  const [effects, acknowledged] = [join(order.folder, "effects.ledger"), join(order.folder, "client.ledger")];
  const seen: Seen = { worker: [], client: [], breaches: [], kills: 0, asked: 0, started: 0, wal: 0, bytes: 0 };
  const scene: Scene = { order, settings, seen, file, effects };
  prepareFile(file);
  await Promise.all([Bun.write(effects, ""), Bun.write(acknowledged, "")]);

  const lasting = spawnWorker(scene, (line) => void (line.vitals && seen.worker.push(line.vitals)));
  const killer = killNowAndThen(scene);
  const { seed } = order;
  const client = spawn(
    "client.ts",
    [file, acknowledged, seed, settings.rate, settings.ms, settings.every],
    effects,
    hearClient(seen),
  );
  order.afterwards(() => client.process.kill("SIGKILL"));
  const watch = setInterval(() => look(scene), 500);
  order.afterwards(() => clearInterval(watch));

  await expectExit("the client", client, seen);
  clearInterval(watch);
  const killed = await killer.stop();
  for (const worker of [lasting, killed]) {
    await worker.up;
    if (worker.process.exitCode !== null) seen.breaches.push(`a worker ended by itself, with ${worker.process.exitCode}`);
    worker.process.kill("SIGTERM");
    await expectExit("a worker", worker, seen);
  }

  const [told, begun] = await Promise.all([readTold(acknowledged, seen.started), readBegun(effects, seen.started)]);
  const verdict = await judge(file, seen.started, told, begun);
  seen.bytes = statSync(file).size; // Whoever closed it last has written the WAL into it.
  return figuresOf(settings, seen, told, begun, verdict, judgeSights(effects));
};

const prepareFile = (file: string): void => {
  const client = new Database(file);
  client.run("PRAGMA journal_mode = WAL");
  client.run(createBookings);
  client.close();
};

const spawnWorker = ({ order, settings, file, effects }: Scene, hear: (line: Line) => void): Spawned => {
  const worker = spawn("worker.ts", [file, settings.every, settings.hot], effects, hear);
  order.afterwards(() => worker.process.kill("SIGKILL"));
  return worker;
};

const hearClient =
  (seen: Seen) =>
  (line: Line): void => {
    if (line.vitals) seen.client.push(line.vitals);
    if (line.asked !== undefined) seen.asked += line.asked;
    if (line.started !== undefined) seen.started = line.started;
    for (const stuck of line.stuck ?? []) seen.breaches.push(`stuck: ${JSON.stringify(stuck)}`);
  };

/** The second worker dies again and again, at moments that the seed chooses. Answers with the one that lives at the end. */
const killNowAndThen = (scene: Scene): { readonly stop: () => Promise<Spawned> } => {
  const chance = chanceOf(scene.order.seed);
  const over = Promise.withResolvers<void>();
  let state: "on" | "over" = "on";
  let worker = spawnWorker(scene, () => {});
  const kill = async (): Promise<Spawned> => {
    for (;;) {
      await Promise.race([over.promise, Bun.sleep(scene.settings.killEvery * (0.75 + chance.next() / 2))]);
      if (state === "over") return worker;
      worker.process.kill("SIGKILL");
      await worker.process.exited;
      scene.seen.kills++;
      worker = spawnWorker(scene, () => {});
    }
  };
  const killing = kill();
  return {
    stop: () => {
      state = "over";
      over.resolve();
      return killing;
    },
  };
};

let spoken = 0;

const look = ({ seen, file, order }: Scene): void => {
  seen.wal = Math.max(seen.wal, statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0);
  const vitals = seen.worker.at(-1);
  if (!vitals || vitals.at < spoken + 30_000) return;
  spoken = vitals.at;
  const megabytes = (bytes = 0): string => `${(bytes / 1e6).toFixed(1)} MB`;
  const client = seen.client.at(-1);
  order.say(
    `heap ${megabytes(vitals.heap)}, ${vitals.objects} objects, rss ${megabytes(vitals.rss)}, lag ${vitals.lag.toFixed(0)} ms; ` +
      `client heap ${megabytes(client?.heap)}, rss ${megabytes(client?.rss)}; WAL at most ${megabytes(seen.wal)}, ${seen.kills} kills`,
  );
};

const expectExit = async (what: string, { process, read }: Spawned, seen: Seen): Promise<void> => {
  const code = await process.exited;
  await read;
  if (code !== 0) seen.breaches.push(`${what} ended with ${code ?? process.signalCode}`);
};

export const soak: Suite = {
  name: "soak",
  title: "an hour of load, one of two workers killed now and then: nothing lost, nothing grows, nothing slows down",
  run: endure,
};
