/** A place behind a server, as it is moved from or to: one connection, with patience enough for long questions. */
import type { Place, Words } from "../move/place.ts";
import { machinePace } from "../pace.ts";
import type { Migrator } from "../migrations/migrator.ts";
import type { Dialect } from "./dialect.ts";
import { createPool, type Wire } from "./link.ts";
import { openSchema } from "./schema.ts";
import { faultAt } from "./unreachable.ts";

/** Ms that a piece of work may take: a page, or the sums of a whole table. */
export const longest = 600_000;

/** As that is said to whoever makes the connections. */
export const patient = { pool: { timeout: longest } } as const;

export const placeOn = async (
  { name, open }: { readonly name: string; readonly open: () => Promise<Wire> },
  dialect: Dialect,
  words: Words,
  migrator: Migrator,
): Promise<Place> => {
  const pool = createPool(open, {
    max: 1,
    deadline: longest,
    isHarmless: (error) => ["again", "blocked", "defect"].includes(dialect.judge(error)),
    pace: machinePace,
  });
  const place: Place = {
    name,
    words,
    use: (work, patience) => pool.use(work, patience),
    isPassing: (error) => ["again", "blocked"].includes(dialect.judge(error)),
    isDefect: (error) => dialect.judge(error) === "defect",
    faultOf: dialect.faultOf,
    assertInPlace: () => {},
    close: () => pool.close(),
  };
  try {
    await openSchema(pool, migrator);
    return place;
  } catch (error) {
    await pool.close();
    throw faultAt(name, dialect, error);
  }
};
