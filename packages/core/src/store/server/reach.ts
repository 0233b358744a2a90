/** One connection to a server, for work on its schema alone. */
import { machinePace } from "../pace.ts";
import { doLater, type Steps } from "../migrations/steps.ts";
import type { Dialect } from "./dialect.ts";
import { createPool, type Wire } from "./link.ts";
import { longest } from "./schema.ts";
import { faultAt } from "./unreachable.ts";

/** How long, in ms, a connection may take to be there. */
const patience = 10_000;

/** Rejects with what the server says, as the dialect reads it. */
export const reachThrough = async <T>(
  { name, open }: { readonly name: string; readonly open: () => Promise<Wire> },
  steps: Steps<T>,
  words: Pick<Dialect, "judge" | "faultOf">,
): Promise<T> => {
  const pool = createPool(open, { max: 1, deadline: patience, isHarmless: () => false, pace: machinePace });
  try {
    return await pool.use((link) => doLater(steps, link.send), longest);
  } catch (error) {
    throw faultAt(name, words, error);
  } finally {
    await pool.close();
  }
};
