/**
 * The heartbeats of this process: from a thread, so that a busy event loop does not lose the leases; from the event loop where no thread can, and while
 * the thread is dead or late.
 *
 *   thread gives heartbeats ──ends──► the event loop gives them, at once ──a delay──► another thread ──its first heartbeat──► thread
 *                           ──late──► the event loop gives them too
 */
import * as Fault from "../model/fault.ts";
import type { Beat } from "../store/contract.ts";
import { noWorker, type Engine } from "./engine.ts";
import { startMeasuring } from "./load.ts";
import { repeat } from "./loop.ts";
import { firstRestart, lastRestart, local } from "./settings.ts";
import { wake } from "./wake.ts";

type Heartbeat = {
  readonly engine: Engine;
  /** This worker was declared dead: it begins again as another one. */
  readonly rise: () => Promise<void>;
  thread: Beat | undefined;
  threadSince: number;
  /** When the last heartbeat of the event loop began, or the worker was registered. */
  at: number;
  /** By the monotonic clock: until when the last heartbeat that was seen is fresh enough. */
  freshUntil: number;
  load: string | null;
  beating: boolean;
  /** How long, in ms, after its end a thread is started again. */
  delay: number;
  stopped: boolean;
};

const heartbeats = new WeakMap<Engine, Heartbeat>();

/** The worker is another one than before. */
export const beatForNow = (engine: Engine): void => heartbeats.get(engine)?.thread?.beatFor(engine.worker);

/** For how long, in ms, the last heartbeat stays younger than two thirds of the lease: before the others may think us dead, we stop. */
const freshFor = (heartbeat: Heartbeat): number => (heartbeat.engine.settings.lease * 2) / 3 - ageOf(heartbeat);

/** Asked before each function that starts. A heartbeat that was given stays given: the thread is asked again once the one that is known grows old. */
const holds = (heartbeat: Heartbeat): boolean => {
  const now = heartbeat.engine.clock.monotonic();
  if (now < heartbeat.freshUntil) return true;
  heartbeat.freshUntil = now + freshFor(heartbeat);
  return now < heartbeat.freshUntil;
};

/** The event loop's own heartbeat counts only where the thread's is old. */
const ageOf = ({ engine, at, thread }: Heartbeat): number => {
  const age = thread?.age() ?? Number.POSITIVE_INFINITY;
  return age < engine.settings.heartbeat ? age : Math.min(engine.clock.monotonic() - at, age);
};

export const startHeartbeat = (engine: Engine, rise: () => Promise<void>): void => {
  const at = engine.clock.monotonic();
  const heartbeat: Heartbeat = {
    engine,
    rise,
    thread: undefined,
    threadSince: at,
    at,
    freshUntil: 0,
    load: null,
    beating: false,
    delay: firstRestart,
    stopped: false,
  };
  heartbeats.set(engine, heartbeat);
  engine.beatAge = () => ageOf(heartbeat);
  engine.holds = () => holds(heartbeat);
  startMeasuring(engine, (load) => {
    heartbeat.load = load;
    heartbeat.thread?.tell(load);
  });
  engine.stops.push(() => {
    heartbeat.stopped = true;
    heartbeat.thread?.stop();
  });
  if (engine.isManual || !startThread(heartbeat))
    return repeat(engine, engine.settings.heartbeat, () => void beatHere(heartbeat));
  engine.heartbeat = { source: "thread", trouble: undefined };
  repeat(engine, local, () => look(heartbeat));
};

/** False where no thread can give heartbeats. */
const startThread = (heartbeat: Heartbeat): boolean => {
  const { engine, load } = heartbeat;
  const thread = engine.store.workers.beatApart(engine.worker, engine.settings.heartbeat);
  if (!thread) return false;
  if (load !== null) thread.tell(load);
  heartbeat.thread = thread;
  heartbeat.threadSince = engine.clock.monotonic();
  void thread.died.then((error) => onDeath(heartbeat, thread, error));
  return true;
};

const onDeath = (heartbeat: Heartbeat, thread: Beat, error: Error): void => {
  const { engine } = heartbeat;
  if (heartbeat.stopped || heartbeat.thread !== thread) return;
  heartbeat.thread = undefined;
  const lived = engine.clock.monotonic() - heartbeat.threadSince;
  const delay = lived > lastRestart ? firstRestart : heartbeat.delay;
  heartbeat.delay = Math.min(delay * 2, lastRestart);
  const message = `The heartbeat thread of this process ended (${error.message}). The event loop gives the heartbeats until the thread is back: a busy loop may cost this process its leases.`;
  engine.heartbeat = { source: "loop", trouble: Fault.make("heartbeat_failed", message, {}, { cause: error }) };
  engine.logger.error({ err: error, restart: delay }, message);
  void beatHere(heartbeat);
  restartAfter(heartbeat, delay);
};

const restartAfter = (heartbeat: Heartbeat, delay: number): void => {
  const { engine } = heartbeat;
  const callOff = engine.clock.after(delay, () => {
    if (heartbeat.stopped) return;
    // While it is being registered anew there is no worker to give heartbeats for.
    if (engine.worker === noWorker) restartAfter(heartbeat, firstRestart);
    else startThread(heartbeat);
  });
  engine.stops.push(callOff);
};

/** What the thread says, and whether it says anything. */
const look = (heartbeat: Heartbeat): void => {
  const { engine, thread, rise } = heartbeat;
  wakeHeld(engine);
  if (thread?.refused()) rise().catch(() => {});
  if (thread?.fenced()) meetFence(engine);
  const age = thread?.age() ?? Number.POSITIVE_INFINITY;
  const isLate = age > 2 * engine.settings.heartbeat;
  if (isLate && engine.clock.monotonic() - heartbeat.at >= engine.settings.heartbeat) void beatHere(heartbeat);
  if (!isLate && engine.heartbeat.trouble !== undefined && engine.worker !== noWorker) {
    engine.heartbeat = { source: "thread", trouble: undefined };
    engine.logger.warn("the heartbeat thread gives the heartbeats again");
  }
  if (engine.worker !== noWorker && !engine.holds()) sayLost(heartbeat);
};

/** No heartbeat came through, from nowhere: others may take the runs of this process over. */
const sayLost = ({ engine }: Heartbeat): void => {
  if (Fault.is(engine.heartbeat.trouble) && engine.heartbeat.trouble.data["lost"] === true) return;
  const message = `This process could not give a heartbeat for ${Math.round(engine.beatAge())} ms, two thirds of its lease: no step starts here until it can.`;
  engine.heartbeat = { source: "loop", trouble: Fault.make("heartbeat_failed", message, { lost: true }) };
  engine.logger.error({ lease: engine.settings.lease }, message);
};

/** This process is not on the list of workers, and could not be put on it. */
export const sayUnregistered = (engine: Engine, error: unknown): Engine["heartbeat"] => {
  const message = `This process could not register as a worker (${error instanceof Error ? error.message : String(error)}). It executes nothing until it can, and tries again.`;
  engine.heartbeat = { source: "loop", trouble: Fault.make("heartbeat_failed", message, {}, { cause: error }) };
  engine.logger.error({ err: error }, message);
  return engine.heartbeat;
};

/** One heartbeat from the event loop. One at a time: a database that stands still is not asked again and again. */
const beatHere = async (heartbeat: Heartbeat): Promise<void> => {
  const { engine, rise, load } = heartbeat;
  // While it is being registered there is no worker to give a heartbeat for.
  if (heartbeat.beating || engine.worker === noWorker) return;
  heartbeat.beating = true;
  const startedAt = engine.clock.monotonic();
  try {
    if (!(await engine.store.workers.beat(engine.worker, load))) await rise();
    heartbeat.at = startedAt;
    sayLate(heartbeat);
    wakeHeld(engine);
  } catch (error) {
    if (!engine.closed) engine.logger.warn({ err: error }, "this process could not say that it lives; it tries again");
  } finally {
    heartbeat.beating = false;
  }
};

/** The event loop reaches the database, and the thread does not. */
const sayLate = ({ engine, thread, threadSince }: Heartbeat): void => {
  const trouble = engine.heartbeat.trouble as Fault.Fault | undefined;
  if (!thread || thread.age() <= 2 * engine.settings.heartbeat || (trouble && trouble.data["lost"] !== true)) return;
  const silent = Math.round(Math.min(thread.age(), engine.clock.monotonic() - threadSince));
  if (silent <= 2 * engine.settings.heartbeat) return;
  const message = `The heartbeat thread of this process has given no heartbeat for ${silent} ms. The event loop gives them until it does: a busy loop may cost this process its leases.`;
  engine.heartbeat = { source: "loop", trouble: Fault.make("heartbeat_failed", message) };
  engine.logger.warn({ silent }, message);
};

const meeting = new WeakSet<Engine>();

/** The thread met a database that is being moved. A beat of our own brings home what it says. */
const meetFence = (engine: Engine): void => {
  if (meeting.has(engine)) return;
  meeting.add(engine);
  void engine.store.workers
    .beat(engine.worker, null)
    .catch(() => {})
    .finally(() => meeting.delete(engine));
};

/** Functions that waited for a fresh heartbeat may start. */
const wakeHeld = (engine: Engine): void => {
  if (!engine.holds()) return;
  for (const execution of engine.executing.values()) if (execution.held.length > 0) wake(execution);
};
