/** Letting go of a run: whoever holds its lease goes on with it. Its promises never settle, and are collected. */
import * as Fault from "../model/fault.ts";
import type { Rest } from "../store/contract.ts";
import type { Execution } from "./execution.ts";
import { abortAll } from "./flight.ts";
import { tellWatchers } from "./watched.ts";

const reasons = {
  lease_lost: { code: "lease_lost", text: "another worker has taken over the run" },
  runtime_closed: { code: "runtime_closed", text: "the runtime is closing" },
  in_doubt: {
    code: "lease_lost",
    text: "the database does not say whether its last commit happened; it goes on from its history",
  },
  moved: { code: "database_moved", text: "the database was moved, and the run goes on at the new place" },
  set_aside: { code: "lease_lost", text: "the database refuses to write for it" },
} as const;

/** Ends an execution in this process: its functions are told to stop, and nothing they still answer is heard. */
export const drop = (execution: Execution, why: keyof typeof reasons): void => {
  if (execution.phase === "over") return;
  const { engine } = execution;
  leave(execution);
  const { code, text } = reasons[why];
  const fault = Fault.make(code, `Run ${execution.id} is no longer executed here: ${text}.`, { run: execution.id });
  abortAll(execution, fault);
  engine.poke();
};

/** The database refuses a write of the run for a reason of its own (a trigger, a constraint): it is put aside for a person to see to. */
export const setAside = (execution: Execution, error: unknown): void => {
  const { engine, key } = execution;
  if (execution.phase === "over") return;
  if (Fault.is(error, "runtime_closed")) return drop(execution, "runtime_closed");
  const message = `Run ${execution.id} was put aside: the database refuses to write for it (${error instanceof Error ? error.message : String(error)}).
Mend that, then Run.resume the run. What is recorded is kept; what was under way is done again.`;
  engine.logger.error({ run: execution.id, err: error }, message);
  engine.unfit.add(key);
  giveUpLease(execution, "set_aside", { status: "blocked", wakeAt: null, reason: { code: "storage_failed", message } });
};

/** What is recorded of the run cannot be told here: it is handed back, and goes on from what its history says. */
export const handBack = (execution: Execution): void => {
  if (execution.phase === "over") return;
  giveUpLease(execution, "in_doubt", { status: "queued", wakeAt: execution.engine.clock.now(), reason: null });
};

const giveUpLease = (execution: Execution, why: keyof typeof reasons, rest: Pick<Rest, "status" | "wakeAt" | "reason">): void => {
  const { engine, key, mail } = execution;
  const lease = { run: key, number: execution.lease };
  const rested = engine.store.runs.rest(lease, { ...rest, mail, home: false, now: engine.clock.now() });
  drop(execution, why);
  rested.then(
    () => {
      tellWatchers(engine, key);
      engine.poke();
    },
    (error: unknown) => engine.logger.error({ run: execution.id, err: error }, "the lease of a run could not be given back"),
  );
};

/** Takes an execution out of memory without a word to its functions. */
export const leave = (execution: Execution): void => {
  const { engine } = execution;
  execution.phase = "over";
  execution.callOff?.();
  execution.callOff = undefined;
  if (engine.executing.get(execution.key) === execution) engine.executing.delete(execution.key);
  if (engine.executing.size === 0) engine.emptied();
  if (engine.hot.get(execution.key) === execution) engine.hot.delete(execution.key);
};
