/** Which runs somebody has locked just now: looked at without waiting for any of the locks. */
import type { Dialect } from "./dialect.ts";
import { whole } from "./fields.ts";
import type { Server } from "./group.ts";
import type { Pool } from "./link.ts";
import { transactTogether } from "./session.ts";

export const createLocks =
  (pool: Pick<Pool, "use">, dialect: Dialect): Server["locked"] =>
  async (runs) => {
    const asked = [[dialect.byKeys(runs)], [dialect.freeRuns(runs)]];
    const [there = [], free = []] = await pool.use((link) => transactTogether(link, dialect, asked));
    const locked = new Set(there.map((row) => whole(row, "key")));
    for (const row of free) locked.delete(whole(row, "key"));
    return locked;
  };
