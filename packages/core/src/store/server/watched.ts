/** A pool whose lost connections are heard of. */
import type { Dialect } from "./dialect.ts";
import type { Pool } from "./link.ts";

export const watched = (pool: Pool, { judge }: Pick<Dialect, "judge">, lost: () => void): Pool => ({
  ...pool,
  use: async (work, deadline) => {
    try {
      return await pool.use(work, deadline);
    } catch (error) {
      if (judge(error) === "lost") lost();
      throw error;
    }
  },
});
