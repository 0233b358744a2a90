/** Leaving memory, or the worker, while nothing can be done. What the run waits for is in the database before it goes. */
import type { Reason } from "../store/rows.ts";
import { silence } from "./alarm.ts";
import { drop, leave, setAside } from "./drop.ts";
import type { Execution } from "./execution.ts";
import { leaseOf } from "./record.ts";
import { tellWatchers } from "./watched.ts";

/** Parks a run until `due`, a message or a child wakes it. It stays hot: whoever of this process wakes it goes on without replay. */
export const park = (execution: Execution, due: number | null): void => {
  const { engine } = execution;
  const home = engine.settings.strategy === "sticky" && engine.settings.hot > 0;
  giveBack(execution, { status: "waiting", wakeAt: due, reason: null, home }, () => {
    execution.phase = "parked";
    engine.executing.delete(execution.key);
    keepHot(execution);
    rouse(execution);
  });
};

/** The body of a parked run that is hot got on by itself, after work of its own (an import, a digest): the run is to be taken up again. */
export const rouse = (execution: Execution): void => {
  const { engine } = execution;
  const ended = execution.outcome !== undefined && !execution.unwinding;
  if (!engine.hot.has(execution.key) || (execution.fresh.length === 0 && !ended)) return;
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
  for (const oldest of hot.values()) {
    if (hot.size <= settings.hot) break;
    leave(oldest);
  }
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
