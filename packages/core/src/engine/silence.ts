/** For how long a worker has shown no sign of life, as far as this process can say. */
import type { WorkerRow } from "../store/rows.ts";
import type { Engine } from "./engine.ts";

/** In ms since the first look that saw its last beat, or since this process's own last beat. Undefined when it was not looked at twice. */
export const silenceOf = (engine: Engine, { key, beat }: WorkerRow): number | undefined => {
  if (key === engine.worker) return engine.beatAge();
  const seen = engine.sightings.get(key);
  if (seen === undefined) return undefined;
  return seen.beat === beat ? Math.round(engine.clock.monotonic() - seen.since) : 0;
};
