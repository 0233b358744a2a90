/** The loop of a worker: looks for due runs when there may be some, and only then. Hints wake it at once, a slow look makes it sure. */
import { ailingOf } from "./ailing.ts";
import { claimDue } from "./claim.ts";
import { room, type Engine } from "./engine.ts";
import { readMail } from "./mailbox.ts";
import { drop } from "./drop.ts";
import { ailing, fresh, headStart, survey } from "./settings.ts";
import { giveWay, sayWhetherFull } from "./share.ts";
import { surveyOnce } from "./survey.ts";
import { lookAtWatched, tellWatchers } from "./watched.ts";

export const startLoop = (engine: Engine): void => {
  startClaiming(engine);
  if (engine.store.shared) {
    const wake = (): boolean => hear(engine);
    engine.stops.push(engine.store.watch(wake));
    repeat(engine, engine.settings.poll, wake);
    repeat(engine, ailing, ailingOf(engine));
  }
  if (engine.execute) {
    startRetrying(engine);
    if (engine.store.shared) repeat(engine, engine.settings.rare, strayFinder(engine));
    if (engine.store.shared) repeat(engine, survey, () => startSurvey(engine));
  }
  engine.poke();
};

const startSurvey = (engine: Engine): void =>
  void surveyOnce(engine).catch(
    (error: unknown) => engine.closed || engine.logger.warn({ err: error }, "the survey did not succeed"),
  );

/** A run that another process found unfit may fit our code: each is tried once by each process, now and while a deploy goes on. */
const startRetrying = (engine: Engine): void => {
  const tryBlocked = (): void => {
    engine.store.runs.unblock(engine.known, engine.clock.now(), [...engine.unfit]).then(
      (count) => {
        if (count === 0) return;
        lookAtWatched(engine);
        engine.poke();
      },
      (error: unknown) => engine.closed || engine.logger.error({ err: error }, "blocked runs could not be tried"),
    );
  };
  tryBlocked();
  if (engine.store.shared) repeat(engine, engine.settings.rare, tryBlocked);
};

type Held = { readonly key: number; readonly lease: number };

/** A run that is ours in the database and nowhere in memory, twice in a row, was lost by an error on its way in: it is given back. */
const strayFinder = (engine: Engine): (() => void) => {
  let suspected = new Set<string>();
  const look = async (): Promise<void> => {
    const held = await engine.store.runs.heldBy(engine.worker);
    const isStray = ({ key, lease }: Held): boolean => engine.executing.get(key)?.lease !== lease;
    const strays = held.filter(isStray);
    const seen = new Set(strays.map(({ key, lease }) => `${key}/${lease}`));
    for (const run of strays) {
      const { key, lease, mail } = run;
      if (!suspected.has(`${key}/${lease}`) || !isStray(run)) continue;
      engine.logger.warn({ run: key }, "a run of this process was not in its memory; it is given back");
      engine.givenBack.set(key, lease);
      const now = engine.clock.now();
      const rest = { status: "queued", wakeAt: now, mail, reason: null, home: false, now } as const;
      await engine.store.runs.rest({ run: key, number: lease }, rest);
      tellWatchers(engine, key);
    }
    suspected = seen;
    if (seen.size > 0) engine.poke();
  };
  return () => {
    look().catch((error: unknown) => engine.closed || engine.logger.error({ err: error }, "stray runs could not be looked for"));
  };
};

/** Calls back every so often until the runtime is closed. */
export const repeat = (engine: Engine, every: number, call: () => void): void => {
  let callOff: () => void;
  const again = (): void => {
    callOff = engine.clock.after(every, () => {
      if (engine.closed) return;
      call();
      again();
    });
  };
  again();
  engine.stops.push(() => callOff());
};

/** One look at a time; a wish that comes during a look is granted after it. */
const startClaiming = (engine: Engine): void => {
  if (!engine.execute) return;
  let looking = false;
  let again = false;
  let callOff: (() => void) | undefined;
  /** Looks in a row that left what is due to others: locked, or not theirs to leave yet. */
  let passed = 0;
  let more = false;
  const look = async (): Promise<void> => {
    looking = true;
    do {
      await giveWay(engine, more);
      again = false;
      const { due, took } = await claimDue(engine);
      callOff?.();
      engine.behind = due !== undefined && due <= engine.clock.now();
      more = engine.behind && took > 0 && room(engine) > 0;
      passed = engine.behind && took === 0 ? passed + 1 : 0;
      const soon = passed === 1 ? headStart : fresh;
      if (engine.behind)
        callOff = room(engine) > 0 ? engine.clock.after(Math.min(soon, engine.settings.poll), () => engine.poke()) : undefined;
      else callOff = due === undefined ? undefined : engine.clock.at(due, () => engine.poke());
      sayWhetherFull(engine, engine.behind && room(engine) <= 0);
    } while ((again || more) && !engine.closing);
    looking = false;
  };
  engine.poke = () => {
    if (engine.closing) return;
    if (looking) again = true;
    else {
      look().catch((error: unknown) => {
        looking = false;
        if (!engine.closed) engine.logger.error({ err: error }, "due runs could not be claimed; the next look tries again");
      });
    }
  };
  engine.stops.push(() => callOff?.());
};

/** Another process may have written: mail for our runs, runs that are due, ends that somebody waits for. */
const hear = (engine: Engine): boolean => {
  if (engine.closed || !heard(engine)) return false;
  engine.heard++;
  engine.poke();
  for (const listener of engine.listeners) listener();
  lookAtWatched(engine);
  readMail(engine);
  void tellWaiters(engine).catch(
    (error: unknown) => engine.closing || engine.logger.error({ err: error }, "the ends of runs could not be read"),
  );
  return true;
};

const heard = (engine: Engine): boolean => {
  try {
    return engine.store.changed();
  } catch {
    return true;
  }
};

/** Where it is looked for ends just now; true when there was a hint since. */
const telling = new WeakMap<Engine, { again: boolean }>();

/** One look at a time, however many hints there are. */
const tellWaiters = async (engine: Engine): Promise<void> => {
  const under = telling.get(engine);
  if (under) {
    under.again = true;
    return;
  }
  const look = { again: false };
  telling.set(engine, look);
  try {
    do {
      look.again = false;
      await tellOnce(engine);
    } while (look.again && !engine.closing);
  } finally {
    telling.delete(engine);
  }
};

const tellOnce = async (engine: Engine): Promise<void> => {
  if (engine.waiters.size === 0) return;
  const ended = await engine.store.runs.ended([...engine.waiters.keys()]);
  await Promise.all(
    ended.map(async (key) => {
      const row = await engine.store.history.last(key);
      const waiters = engine.waiters.get(key);
      if (!row || !waiters) return;
      engine.waiters.delete(key);
      for (const waiter of waiters) waiter(row);
    }),
  );
};

/** The leases are gone: nothing of this process is accepted any more. */
export const loseAll = (engine: Engine): void => {
  for (const execution of engine.executing.values()) drop(execution, "lease_lost");
  for (const execution of engine.hot.values()) drop(execution, "lease_lost");
};
