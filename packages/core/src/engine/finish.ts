/** The end of a run: what is under way is let finish, what is to be undone is undone, then the last record and the state are one commit. */
import { encode } from "../model/codec.ts";
import { fromError, toError, type Failure } from "../model/failure.ts";
import * as Fault from "../model/fault.ts";
import type { EndStatus } from "../model/states.ts";
import { silence } from "./alarm.ts";
import { drop, leave, setAside } from "./drop.ts";
import type { Execution, UndoFailure } from "./execution.ts";
import { childEnded } from "./children.ts";
import { readMail } from "./mailbox.ts";
import { abortAll } from "./flight.ts";
import { leaseOf, rowOf } from "./record.ts";
import { reportFailure } from "./report.ts";
import { unwind } from "./unwind.ts";
import { tellWatchers } from "./watched.ts";

/** The last record of a run that did not complete. */
export type EndValue = { readonly failure: Failure | null; readonly reason?: string; readonly undo: readonly UndoFailure[] };

/** Does what the outcome asks for. True when the run is on its way out and nothing else is to be done for it in this turn. */
export const finish = (execution: Execution): boolean => {
  const { outcome } = execution;
  if (outcome === undefined) return false;
  switch (outcome.kind) {
    case "returned":
      tellForgotten(execution);
      settle(execution, "completed", outcome.output);
      return true;
    case "threw":
      return execution.unwinding ? false : drained(execution, outcome.error);
    case "unwound":
      fail(execution, outcome.error, outcome.undo);
      return true;
  }
};

/** A body that ended in the breath in which it asked for a step has most likely forgotten an `await`: the step was never begun. */
const tellForgotten = ({ engine, fresh, id, definition }: Execution): void => {
  const keys = fresh.filter(({ kind, settled }) => kind === "step" && !settled).map(({ key }) => key);
  if (keys.length === 0) return;
  const message = `Workflow "${definition.name}" (run ${id}) ended without awaiting ${keys.map((key) => `step "${key}"`).join(", ")}: nothing of it was run. Await it, or leave it out.`;
  engine.logger.warn({ run: id, workflow: definition.name, steps: keys }, message);
};

/** Functions under way are told to stop and let finish: what they did must be known before anything is undone. */
const drained = (execution: Execution, error: unknown): boolean => {
  const waiting = execution.flights > 0;
  abortAll(execution, error);
  if (waiting) return !execution.engine.closing;
  if (execution.undoable.length === 0) {
    fail(execution, error, []);
    return true;
  }
  unwind(execution);
  return false;
};

const fail = (execution: Execution, error: unknown, undo: readonly UndoFailure[]): void => {
  const isCancel = Fault.is(error, "cancelled");
  const cancelled = execution.cancelled && !execution.timedOut;
  const value: EndValue = {
    failure: cancelled && isCancel ? null : fromError(error),
    ...(cancelled ? { reason: execution.cancelAsked ?? "" } : {}),
    undo,
  };
  if (cancelled) return settle(execution, "cancelled", encodeEnd(value));
  settle(execution, "failed", encodeEnd(value), () =>
    reportFailure(execution, { kind: "run", error: toError(fromError(error)) }),
  );
};

const encodeEnd = (value: EndValue): string | null => {
  const options = { what: "failure of the run", limit: 4_194_304 };
  try {
    return encode(value, options);
  } catch {
    const { failure } = value;
    return encode(
      {
        ...value,
        failure: failure && { name: failure.name, message: failure.message },
        undo: value.undo.map(({ key }) => ({ key })),
      },
      options,
    );
  }
};

/** A run whose code no longer fits cannot be unwound. A cancel ends it all the same, and says that nothing was undone. */
export const cancelUnfit = (execution: Execution): void => {
  const error = Fault.make(
    "history_mismatch",
    `Run ${execution.id} was cancelled while its code did not fit its history: its steps were not undone.`,
    { run: execution.id },
  );
  settle(execution, "cancelled", encodeEnd({ failure: fromError(error), reason: execution.cancelAsked ?? "", undo: [] }));
};

const settle = (execution: Execution, status: EndStatus, value: string | null, committed?: () => void): void => {
  const { engine } = execution;
  execution.phase = "settling";
  silence(execution);
  if (execution.flights > 0) {
    abortAll(execution, Fault.make("run_ended", `Run ${execution.id} is at its end.`, { run: execution.id }));
  }
  const row = rowOf(execution, { kind: status, key: null, value });
  const { parent } = execution;
  const end = { status, row, parent: parent?.key ?? null, orphans: execution.hasChildren };
  void engine.store.runs.settle(leaseOf(execution), end).then(
    (held) => {
      if (!held) return drop(execution, "lease_lost");
      leave(execution);
      committed?.();
      tellParent(execution, row);
      for (const waiter of engine.waiters.get(execution.key) ?? []) waiter(row);
      engine.waiters.delete(execution.key);
      if (engine.behind || execution.hasChildren || parent) engine.poke();
      if (execution.hasChildren) readMail(engine);
      tellWatchers(engine, execution.key);
    },
    (error: unknown) => setAside(execution, error),
  );
};

const tellParent = ({ engine, parent, id }: Execution, row: ReturnType<typeof rowOf>): void => {
  const above = parent && engine.executing.get(parent.key);
  if (!parent || !above) return;
  above.mail++;
  childEnded(above, parent.stepKey, { id, row });
};
