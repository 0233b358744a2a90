/** Attempts whose function began more than once: where nothing was killed, there is none. */
import type { Effect } from "./effects.ts";

/** A run that failed and was retried does once more what had failed, and what was undone. */
export const begunTwice = (effects: readonly Effect[], retried: ReadonlySet<string> = new Set()): string[] => {
  const seen = new Map<string, number>();
  const twice = new Set<string>();
  for (const { what, run, key, attempt } of effects) {
    if (what !== "began") continue;
    const name = `${key} of run ${run}, attempt ${attempt},`;
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    if (times > (retried.has(run) ? 2 : 1)) twice.add(name);
  }
  return [...twice];
};
