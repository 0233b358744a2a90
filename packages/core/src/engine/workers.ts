/**
 * Who lives. A worker says so by a beat that grows; the others look on.
 *
 *   same machine, process gone      ─► buried at once
 *   beat unchanged for its lease
 *   (less the time between looks,
 *   at most a twentieth),
 *   by the own clock of one who
 *   looked all the while            ─► buried: it stopped, or lost its disk
 *   buried                          ─► its runs are due, under new lease numbers; what it still writes is refused
 *
 * Clocks of different processes are never compared. Whoever could not beat for most of a lease starts nothing more.
 */
import { hostname } from "node:os";
import { library } from "../model/version.ts";
import type { WorkerRow } from "../store/rows.ts";
import { noWorker, type Engine, type Sighting } from "./engine.ts";
import { beatForNow, sayUnregistered, startHeartbeat } from "./heartbeat.ts";
import { seekLead } from "./leader.ts";
import { loseAll, repeat } from "./loop.ts";
import { bornOf, isGone, machine } from "./machine.ts";
import { local } from "./settings.ts";
import { peersOf } from "./share.ts";
import { lookAtWatched } from "./watched.ts";

export const register = async (engine: Engine): Promise<void> => {
  engine.worker = await engine.store.workers.register({
    machine,
    pid: process.pid,
    born: bornOf(process.pid) ?? "",
    host: hostname(),
    execute: engine.execute,
    lease: engine.settings.lease,
    openedAt: engine.clock.now(),
    release: engine.release,
    library,
    workflows: engine.known,
    capacity: engine.settings.concurrency,
    weight: engine.settings.weight,
  });
  engine.fullness = { full: false, at: -Infinity };
};

/** Begins to beat, and to look after the others. A database that no other process can reach needs neither. */
export const startBeating = (engine: Engine): void => {
  if (!engine.store.shared) return;
  startHeartbeat(engine, () => rise(engine));
  watchOthers(engine);
};

const risings = new WeakMap<Engine, Promise<void>>();

/** Begins anew once at a time: a second row would have no heartbeat. */
const rise = (engine: Engine): Promise<void> => {
  const rising = risings.get(engine) ?? riseOnce(engine).finally(() => risings.delete(engine));
  risings.set(engine, rising);
  return rising;
};

/** This process was declared dead, or its row is gone. It lets go of everything and begins anew, as another worker. */
const riseOnce = async (engine: Engine): Promise<void> => {
  const before = engine.worker;
  if (engine.closing || before === noWorker) return;
  engine.logger.warn(
    { worker: before },
    "this process is no longer on the list of workers: it was silent for longer than its lease, or its row was removed. Other workers take over its runs, and it registers again",
  );
  // From here on no run is taken on for the worker of before, however late an answer comes, and no heartbeat is given for it.
  engine.worker = noWorker;
  engine.term = undefined;
  beatForNow(engine);
  loseAll(engine);
  await beginAnew(engine, before);
};

/** Registrations that are running: a rewind may come while another one waits for its answer. */
const beginnings = new WeakMap<Engine, Promise<void>>();

/** Resolves when no registration is running. */
export const begun = async (engine: Engine): Promise<void> => beginnings.get(engine)?.catch(() => {});

/** Registers as another worker than before, unless that has been done. */
const begin = (engine: Engine): Promise<void> => {
  if (engine.worker !== noWorker) return Promise.resolve();
  const beginning = beginnings.get(engine) ?? beginOnce(engine).finally(() => beginnings.delete(engine));
  beginnings.set(engine, beginning);
  return beginning;
};

const beginOnce = async (engine: Engine): Promise<void> => {
  await register(engine);
  beatForNow(engine);
  engine.poke();
};

/** Tries until it succeeds. The runs that the worker of before still holds are due at once. */
const beginAnew = async (engine: Engine, before: number): Promise<void> => {
  const { rewinds, heartbeat } = engine;
  let said: Engine["heartbeat"] | undefined;
  while (!engine.closing && engine.rewinds === rewinds) {
    try {
      await begin(engine);
      if (before !== noWorker) await engine.store.workers.leave(before, engine.clock.now());
      if (said === engine.heartbeat) engine.heartbeat = heartbeat;
      return engine.poke();
    } catch (error) {
      said ??= sayUnregistered(engine, error);
      await new Promise<void>((resolve) => void engine.clock.after(250 + 250 * engine.chance(), resolve));
    }
  }
};

/**
 * The database is another one than before: what this process has in memory may be ahead of every history, and its leases may have been given to others.
 * It lets go of everything and begins anew, from what is there.
 */
export const rewind = (engine: Engine): void => {
  const { worker } = engine;
  engine.worker = noWorker;
  engine.term = undefined;
  engine.rewinds++;
  engine.unfit.clear();
  engine.givenBack.clear();
  loseAll(engine);
  engine.logger.warn({ worker }, "the database is another one than before; this process begins anew from what is there");
  for (const tell of engine.mistaken) tell();
  if (!engine.closing) void beginAnew(engine, worker);
};

const watchOthers = (engine: Engine): void => {
  const { sightings } = engine;
  let neighbours: readonly WorkerRow[] = [];
  const look = async (): Promise<void> => {
    const workers = await engine.store.workers.list();
    neighbours = workers.filter((worker) => worker.key !== engine.worker && worker.machine === machine);
    engine.peers = engine.execute ? peersOf(engine, workers) : [];
    const living: WorkerRow[] = [];
    for (const worker of workers)
      if (worker.key === engine.worker || !(await isBuried(engine, sightings, worker))) living.push(worker);
    await seekLead(engine, living);
    const there = new Set(workers.map(({ key }) => key));
    for (const key of sightings.keys()) if (!there.has(key)) sightings.delete(key);
  };
  let looking = false;
  const safely = (): void => {
    if (looking) return;
    looking = true;
    void look()
      .catch((error: unknown) => engine.closed || engine.logger.error({ err: error }, "the other workers could not be looked at"))
      .finally(() => {
        looking = false;
      });
  };
  safely();
  repeat(engine, engine.settings.others, safely);
  if (engine.settings.others > local) repeat(engine, local, () => neighbours.some(isGone) && safely());
};

/** Who did not look for this long, in ms, stood still itself: the others may have stood still with it, and are looked at anew. */
const mostBlind = ({ settings }: Engine, { lease }: WorkerRow): number => Math.max(lease / 2, 5 * settings.others);

/** Looks at another worker, and declares it dead if it is. */
const isBuried = async (engine: Engine, sightings: Map<number, Sighting>, worker: WorkerRow): Promise<boolean> => {
  const seen = sightings.get(worker.key);
  const now = engine.clock.monotonic();
  const since = seen?.beat === worker.beat && now - seen.lookedAt < mostBlind(engine, worker) ? seen.since : now;
  sightings.set(worker.key, { beat: worker.beat, since, lookedAt: now });
  const gone = worker.machine === machine && isGone(worker);
  const silent = seen !== undefined && now - since >= worker.lease - Math.min(engine.settings.others, worker.lease / 20);
  if (!gone && !silent) return false;
  const buried = await engine.store.workers.bury(worker.key, worker.beat, engine.clock.now());
  if (buried) {
    engine.logger.info({ worker: worker.key, pid: worker.pid, gone }, "a worker died; its runs go on here or elsewhere");
    lookAtWatched(engine);
    engine.poke();
  }
  return buried;
};
