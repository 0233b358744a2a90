/** Undo: the steps that were done are undone, last first, each as a step of its own with its own attempts. */
import { fromError } from "../model/failure.ts";
import { end } from "./begin.ts";
import { callAs, strandAfter, type Strand } from "./caller.ts";
import type { Execution, Undoable, UndoFailure } from "./execution.ts";
import { issue } from "./operation.ts";
import { scopeUnder } from "./scope.ts";

/**
 * Begins the undoing. It is a body like any other: a crash in its middle replays it, and what was undone stays so. What the failed body
 * still waited for is given up: nothing of it is tried again.
 */
export const unwind = (execution: Execution): void => {
  const { outcome } = execution;
  if (outcome?.kind !== "threw" || execution.unwinding) return;
  execution.unwinding = true;
  for (const operation of execution.operations.values()) operation.settled = true;
  const strand = strandAfter(execution, "undo");
  void callAs(strand, (steps) => undoAll(execution, strand, steps), undoOrder(execution)).then((undo) =>
    end(execution, { kind: "unwound", error: outcome.error, undo }),
  );
};

/** Last first; an undo that had failed and is tried again comes after those that are recorded. */
const undoOrder = ({ undoable, recorded: { rounds } }: Execution): Undoable[] => {
  const round = ({ operation }: Undoable): number => rounds.get(`undo:${operation.key}`) ?? 0;
  return undoable.toReversed().toSorted((a, b) => round(a) - round(b));
};

const undoAll = async (execution: Execution, strand: Strand, steps: readonly Undoable[]): Promise<UndoFailure[]> => {
  const ctx = { execution, scope: scopeUnder(undefined), path: "" };
  const failures: UndoFailure[] = [];
  for (const { operation, value } of steps) {
    const plan = "plan" in operation.ask ? operation.ask.plan : undefined;
    if (!plan?.undo) continue;
    const { undo } = plan;
    const undoPlan = {
      ...plan,
      retry: plan.undoRetry,
      when: undefined,
      breaker: undefined,
      fallback: undefined,
      undo: undefined,
    };
    try {
      await issue(ctx, strand, `undo:${operation.key}`, { kind: "undo", run: (tools) => undo(value, tools), plan: undoPlan });
    } catch (error) {
      failures.push({ key: operation.key, failure: fromError(error) });
    }
  }
  return failures;
};
