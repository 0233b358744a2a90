/** This worker among the others: who else has room, how much it takes, how long it leaves work to them. */
import { pauseOf, type Peer } from "../model/share.ts";
import type { WorkerRow } from "../store/rows.ts";
import { room, type Engine } from "./engine.ts";
import { courtesy, fresh, startShare } from "./settings.ts";

const hasRoom = ({ capacity, full, load }: WorkerRow): boolean =>
  !full && (capacity === null || load === null || load.executing < capacity);

const knowsOurs = ({ known }: Engine, { workflows }: WorkerRow): boolean =>
  workflows === null || workflows.some(({ name, version }) => known.some((one) => one.name === name && one.version === version));

/** No more than a part of its places were taken lately, as far as it said. */
const isIdle = ({ capacity, load }: WorkerRow): boolean =>
  capacity === null || load === null || load.busiest <= capacity * startShare;

/** The other workers that could take what is due here. */
export const peersOf = (engine: Engine, workers: readonly WorkerRow[]): readonly Peer[] =>
  workers
    .filter((worker) => worker.key !== engine.worker && worker.execute && hasRoom(worker) && knowsOurs(engine, worker))
    .map((worker) => ({ weight: worker.weight, idle: isIdle(worker) }));

/**
 * A run is executed where it is started, while there is room; beside idle workers only up to a part of it. Busy workers keep what they start: to hand a run
 * over costs the database about as much as all steps of a short one.
 */
export const startsHere = (engine: Engine): boolean => {
  const free = room(engine);
  return free > 0 && (free > engine.settings.concurrency * (1 - startShare) || !engine.peers.some(({ idle }) => idle));
};

/** Leaves work to the others for a moment. Nobody waits where there are none. */
export const giveWay = async (engine: Engine, more: boolean): Promise<void> => {
  const { peers, settings, chance } = engine;
  if (peers.length === 0 || engine.isManual) return;
  const ms = pauseOf(settings.weight, peers, { courtesy, more, chance: chance() });
  if (ms < 1) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  engine.clock.after(ms, resolve);
  engine.closers.add(resolve);
  await promise;
  engine.closers.delete(resolve);
};

/** Says when there is no room here for runs that rest in this memory, so that others need not wait for it. Once a second at most. */
export const sayWhetherFull = (engine: Engine, full: boolean): void => {
  const now = engine.clock.monotonic();
  const { fullness } = engine;
  if (engine.settings.strategy !== "sticky" || !engine.store.shared) return;
  if (fullness.full === full || now - fullness.at < fresh) return;
  engine.fullness = { full, at: now };
  engine.store.workers.fill(engine.worker, full).catch((error: unknown) => {
    engine.fullness = { full: !full, at: now };
    engine.logger.debug({ err: error }, "it could not be said whether this worker has room");
  });
};
