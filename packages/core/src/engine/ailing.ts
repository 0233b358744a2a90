/** Says to the log when the database takes no writes, and when it does again: meanwhile work waits in silence, for it goes on by itself. */
import * as Fault from "../model/fault.ts";
import type { Engine } from "./engine.ts";

/** A look for it: two lines for each trouble that lasts until a look. A move has a line of its own. */
export const ailingOf = (engine: Engine): (() => void) => {
  let since: number | undefined;
  return () => {
    const error = engine.store.trouble();
    if (error === undefined && since !== undefined) {
      engine.logger.warn({ took: engine.clock.monotonic() - since }, "the database takes writes again, and what waited goes on");
      since = undefined;
    } else if (error !== undefined && since === undefined && !Fault.is(error, "database_moved")) {
      since = engine.clock.monotonic();
      engine.logger.warn(
        { err: error },
        "the database takes no writes: what is new is refused, and what is under way waits and goes on by itself",
      );
    }
  };
};
