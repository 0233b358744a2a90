/** A history and a body that do not meet, and bodies that wait for something nobody can see. */
import { operationOf, type Row } from "../model/records.ts";
import { isAlive, hasMore, type Execution } from "./execution.ts";
import type { Operation } from "./operation.ts";
import { putAside } from "./park.ts";
import { leaseOf } from "./record.ts";
import { cancelUnfit } from "./finish.ts";
import { wake } from "./wake.ts";

/** A body may need a few turns of the loop for work of its own (an import, a digest) before it asks for what comes next. */
const mostStalls = 3;

const openOperations = (execution: Execution): Operation[] => [...execution.operations.values()].filter((operation) => !operation.settled);

/** True when the body rests and nothing durable is outstanding. */
export const isUnseen = (execution: Execution): boolean => {
  for (const operation of execution.operations.values()) if (!operation.settled) return false;
  return execution.outcome === undefined;
};

/** The next record does not fit what the body asked. Nothing has been done, and nothing will be: the run waits for code that fits. */
export const block = (execution: Execution): void => {
  const next = execution.inbox[execution.cursor];
  if (!next || !isAlive(execution)) return;
  if (isUnseen(execution)) return watchUnseen(execution);
  if (execution.stalls++ < mostStalls) return void setImmediate(() => wake(execution));
  if (execution.cancelAsked !== undefined) return cancelUnfit(execution);
  const was = describeRow(next.row);
  const is = describeBody(execution);
  putAside(execution, "blocked", {
    code: "history_mismatch",
    message: `Run ${execution.id} of "${execution.definition.name}" version ${execution.definition.version} recorded ${was} at seq ${next.row.seq}, and the code now ${is}.
Give the new step a new name, guard it with Context.patched, or start a new version; then deploy. Nothing was done and nothing is lost.`,
    was,
    is,
    seq: next.row.seq,
  });
};

const describeRow = (row: Row): string => `${operationOf(row.kind) ?? row.kind} "${row.key ?? ""}"`;

const describeBody = (execution: Execution): string => {
  const asked = openOperations(execution).map((operation) => `${operation.kind} "${operation.key}"`);
  if (asked.length > 0) return `asks for ${asked.slice(0, 5).join(", ")}`;
  return execution.outcome?.kind === "returned" ? "ends here" : "throws here";
};

/** Says so when a body keeps waiting for something that is not durable. */
export const watchUnseen = (execution: Execution): void => {
  if (execution.noted) return;
  const { engine, rests } = execution;
  const { cursor, seen } = execution;
  engine.clock.at(engine.clock.now() + engine.settings.patience, () => {
    const moved = execution.rests > rests + 1 || execution.cursor !== cursor || execution.seen !== seen || execution.operations.size > 0;
    if (!isAlive(execution) || moved || !isUnseen(execution) || execution.noted) return;
    execution.noted = true;
    const last = execution.lastKey === undefined ? "its start" : `"${execution.lastKey}"`;
    const message = `Workflow "${execution.definition.name}" (run ${execution.id}) waits after ${last} for something that is not durable, such as a bare fetch or a timer.
Put it into Step.run, or use Step.sleep: what is not in a step is done again after a crash, and this run holds its place until it ends.`;
    engine.logger.warn({ run: execution.id, workflow: execution.definition.name, step: execution.lastKey }, message);
    void engine.store.runs.note(leaseOf(execution), { code: "not_durable", message, step: execution.lastKey ?? null }).catch(() => {});
  });
};

/** The body asks for something durable again: the note is taken back. */
export const clearNote = (execution: Execution): void => {
  if (!execution.noted || hasMore(execution)) return;
  execution.noted = false;
  void execution.engine.store.runs.note(leaseOf(execution), null).catch(() => {});
};

