/** What a run shows of itself while it runs. */
import { encode } from "../model/codec.ts";
import { isReplaying } from "./execution.ts";
import { leaseOf } from "./record.ts";
import type { Context } from "./scope.ts";

/**
 * Publishes a value for `Run.state` to read, in place of the one before. It shares the commit of the step that follows, so
 * that it costs nothing of its own. Throws `invalid_value` and `value_too_large`.
 */
export const publish = (ctx: Context, value: unknown): void => {
  const { execution } = ctx;
  const text = encode(value, { what: `state of run ${execution.id}`, limit: execution.engine.settings.payload });
  if (isReplaying(execution) || execution.phase !== "executing") return;
  const { store, clock, logger } = execution.engine;
  store.states
    .publish(leaseOf(execution), text, clock.now())
    .catch((error: unknown) => logger.error({ run: execution.id, err: error }, "a state could not be published"));
};
