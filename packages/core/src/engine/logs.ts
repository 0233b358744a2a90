/** Loggers that know their run. During a replay they are silent: what is said was said. */
import type { Logger } from "pino";
import { isReplaying, type Execution } from "./execution.ts";

export const loggerFor = (execution: Execution, fields: Readonly<Record<string, unknown>> = {}): Logger =>
  execution.engine.logger.child({
    run: execution.id,
    workflow: execution.definition.name,
    correlation: execution.correlation,
    ...fields,
  });

/** The logger of a body. */
export const bodyLogger = (execution: Execution): Logger => {
  execution.logger ??= loggerFor(execution);
  tune(execution);
  return execution.logger;
};

/** A body may keep its logger: it falls silent and speaks again as the replay begins and ends. */
export const tune = (execution: Execution): void => {
  const { logger } = execution;
  if (logger) logger.level = isReplaying(execution) ? "silent" : execution.engine.logger.level;
};
