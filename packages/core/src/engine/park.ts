/** Leaving memory, or the worker, while nothing can be done. What the run waits for is in the database before it goes. */
import type { Reason } from "../store/rows.ts";
import { silence } from "./alarm.ts";
import { drop, leave, setAside } from "./drop.ts";
import { safeWake, watch } from "./look-again.ts";
import { computingOf, type Execution } from "./execution.ts";
import { leaseOf } from "./record.ts";
import { tellWatchers } from "./watched.ts";

/** Parks a run until `due`, a message or a child wakes it. It stays hot: whoever of this process wakes it goes on without replay. */
export const park = (execution: Execution, due: number | null): void => {
  const { engine } = execution;
  const home = engine.settings.strategy === "sticky" && engine.settings.hot > 0;
  const wakeAt = safeWake(engine.clock.now(), due);
  giveBack(execution, { status: "waiting", wakeAt, reason: null, home }, () => {
    execution.phase = "parked";
    engine.executing.delete(execution.key);
    if (wakeAt !== null && wakeAt !== due)
      watch(engine, { lease: leaseOf(execution), due, wakeAt, computes: execution.computes });
    keepHot(execution);
    rouse(execution);
  });
};

/** The body of a parked run got on by itself, after work of its own (an import, a digest): the run is to be taken up again. */
export const rouse = (execution: Execution): void => {
  const { engine } = execution;
  const ended = execution.outcome !== undefined && !execution.unwinding;
  const isParked = execution.phase === "evicted" || engine.hot.get(execution.key) === execution;
  if (!isParked || (execution.fresh.length === 0 && !ended && execution.refused === undefined)) return;
  if (execution.phase === "evicted") learn(execution);
  engine.store.runs.rouse(leaseOf(execution), engine.clock.now()).then(
    (roused) => {
      if (!roused) return;
      tellWatchers(engine, execution.key);
      engine.poke();
    },
    (error: unknown) =>
      engine.logger.error(
        { run: execution.id, err: error },
        "a run whose body got on could not be woken; it goes on when it is due",
      ),
  );
};

const keepHot = (execution: Execution): void => {
  const { hot, settings } = execution.engine;
  hot.delete(execution.key);
  hot.set(execution.key, execution);
  pin(execution);
  if (hot.size <= settings.hot) return;
  let kept = 0;
  for (const oldest of hot.values()) {
    if (hot.size - kept <= settings.hot) break;
    if (kept < mostPinned && isPinned(oldest)) kept++;
    else evict(oldest);
  }
};

/** Runs that are kept beside the cache because their bodies compute. */
const mostPinned = 1_000;

/** A body that computes would begin again with each replay, so its run stays in memory for a while. */
const pin = (execution: Execution): void => {
  const { engine, key } = execution;
  const learned = engine.computing.get(key);
  if (learned === undefined && !execution.computes) return;
  computingOf(execution).pinnedUntil = engine.clock.monotonic() + (learned ?? firstPin);
};

const firstPin = 60_000;

const isPinned = ({ engine, computing }: Execution): boolean =>
  computing !== undefined && computing.pinnedUntil > engine.clock.monotonic();

/** An evicted body has asked for something: next time its run stays in memory for twice as long as that took. */
const learn = (execution: Execution): void => {
  const { engine, key } = execution;
  const { evictedAt } = computingOf(execution);
  if (engine.computing.size > 10 * mostPinned) engine.computing.clear();
  engine.computing.set(key, Math.max(firstPin, 2 * (engine.clock.monotonic() - evictedAt)));
};

/** From here on only the work of its body, if there is any, holds a run in memory. What the body asks for then wakes the run, which is replayed. */
const evict = (execution: Execution): void => {
  leave(execution);
  execution.phase = "evicted";
  computingOf(execution).evictedAt = execution.engine.clock.monotonic();
};

/** Hands a run back: for another worker to go on with, or until a person says so. */
export const letGo = (execution: Execution, status: "queued" | "paused"): void => {
  const wakeAt = status === "queued" ? execution.engine.clock.now() : null;
  giveBack(execution, { status, wakeAt, reason: null, home: false }, () => drop(execution, "runtime_closed"));
};

/** Puts a run aside with a reason for a person to read. */
export const putAside = (execution: Execution, status: "blocked" | "paused", reason: Reason): void => {
  execution.engine.logger.warn({ run: execution.id, workflow: execution.definition.name, reason }, reason.message);
  if (status === "blocked") execution.engine.unfit.add(execution.key);
  giveBack(execution, { status, wakeAt: null, reason, home: false }, () => drop(execution, "runtime_closed"));
};

type Rest = {
  readonly status: "queued" | "waiting" | "paused" | "blocked";
  readonly wakeAt: number | null;
  readonly reason: Reason | null;
  readonly home: boolean;
};

const giveBack = (execution: Execution, rest: Rest, then: () => void): void => {
  const { engine } = execution;
  execution.phase = "parking";
  silence(execution);
  void engine.store.runs.rest(leaseOf(execution), { ...rest, mail: execution.mail, now: engine.clock.now() }).then(
    (held) => {
      // The run may have been claimed again before the answer came: this execution is over, and another has its place.
      if (execution.phase !== "parking") return;
      if (!held) return drop(execution, "lease_lost");
      then();
      engine.poke();
      tellWatchers(engine, execution.key);
    },
    (error: unknown) => setAside(execution, error),
  );
};
