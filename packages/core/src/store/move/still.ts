/** A place as it is in one moment, however long it is looked at and whoever writes meanwhile. */
import type { Place } from "./place.ts";

/** Ms that it may be looked at. */
const patience = 24 * 3_600_000;

export const still = <T>(place: Place, work: (still: Place) => Promise<T>): Promise<T> =>
  place.use(async (link) => {
    for (const text of place.words.snapshot) await link.send(text);
    try {
      return await work({ ...place, use: (look) => look(link) });
    } finally {
      await link.send("rollback").catch(() => {});
    }
  }, patience);
