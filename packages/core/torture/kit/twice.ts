/** Attempts whose function began more than once: where nothing was killed, there is none. */
import type { Effect } from "./effects.ts";

export const begunTwice = (effects: readonly Effect[]): string[] => {
  const seen = new Map<string, number>();
  for (const { what, run, key, attempt } of effects) {
    const name = `${key} of run ${run}, attempt ${attempt},`;
    if (what === "began") seen.set(name, (seen.get(name) ?? 0) + 1);
  }
  return [...seen].filter(([, times]) => times > 1).map(([name]) => name);
};
