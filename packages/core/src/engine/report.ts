/** Reports of failures: a log line and the user's hook, after the record of the failure is committed. A replay reports nothing. */
import { fromError, toError } from "../model/failure.ts";
import { apart } from "./caller.ts";
import type { Engine } from "./engine.ts";
import type { Execution } from "./execution.ts";

type Facts =
  | { readonly kind: "attempt" | "step"; readonly step: string; readonly attempt: number; readonly error: Error }
  | { readonly kind: "run"; readonly error: Error };

/** A failure whose record is committed: an attempt, a step that is not tried again, or a run. The step of an undo begins with `undo:`. */
export type Report = Facts & { readonly run: string; readonly workflow: string; readonly version: number };

/** Logs a failure and calls the hook. Call it only after the commit. */
export const reportFailure = ({ engine, id, definition, correlation }: Execution, facts: Facts): void => {
  const { error, ...rest } = facts;
  const line = { run: id, workflow: definition.name, correlation, ...rest, err: error };
  if (facts.kind === "attempt") engine.logger.debug(line, "an attempt of a step failed");
  else engine.logger.error(line, facts.kind === "step" ? "a step failed for good" : "a run failed");
  const { report } = engine;
  if (report) void tell(engine, report, { ...facts, run: id, workflow: definition.name, version: definition.version });
};

/** The hook runs in an empty async context. What it throws or rejects is logged. */
const tell = async (engine: Engine, report: (event: Report) => unknown, event: Report): Promise<void> => {
  try {
    await apart(() => report(event));
  } catch (error) {
    engine.logger.error(
      { run: event.run, workflow: event.workflow, err: toError(fromError(error)) },
      "the option report of Runtime.open threw; the run is not affected",
    );
  }
};
