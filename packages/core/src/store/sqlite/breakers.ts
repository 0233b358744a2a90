/** Circuit breakers that all processes share, on SQLite. */
import { and, eq, lte, sql } from "drizzle-orm";
import type { AnySQLiteColumn } from "drizzle-orm/sqlite-core";
import type { BreakerRow } from "../rows.ts";
import type { Connection } from "./connection.ts";
import { breakers } from "./schema.ts";

export type BreakerVerbs = ReturnType<typeof prepareBreakers>;

type Counts = { readonly successes: number; readonly failures: number; readonly rejects: number };

export const prepareBreakers = ({ db }: Connection) => ({
  read: (name: string): BreakerRow | undefined => db.select().from(breakers).where(eq(breakers.name, name)).get(),

  count: (name: string, counts: Counts, windowMs: number, now: number): BreakerRow => {
    const kept = (column: AnySQLiteColumn, add: number) =>
      sql`case when ${breakers.windowAt} + ${windowMs} > ${now} then ${column} else 0 end + ${add}`;
    return db
      .insert(breakers)
      .values({ name, state: "closed", windowAt: now, ...counts })
      .onConflictDoUpdate({
        target: breakers.name,
        set: {
          successes: kept(breakers.successes, counts.successes),
          failures: kept(breakers.failures, counts.failures),
          rejects: kept(breakers.rejects, counts.rejects),
          windowAt: sql`case when ${breakers.windowAt} + ${windowMs} > ${now} then ${breakers.windowAt} else ${now} end`,
        },
      })
      .returning()
      .get();
  },

  move: (name: string, from: BreakerRow["state"], to: BreakerRow["state"], { retryAt, now }: { retryAt: number | null; now: number }): boolean => {
    const fresh = { state: to, retryAt, openedAt: to === "open" ? now : null, probe: null, probeAt: null, successes: 0, failures: 0, rejects: 0, windowAt: now };
    const { openedAt, ...rest } = fresh;
    const moved = db
      .update(breakers)
      .set(to === "half-open" ? rest : { ...rest, openedAt })
      .where(and(eq(breakers.name, name), eq(breakers.state, from)))
      .returning({ name: breakers.name })
      .get();
    if (moved) return true;
    if (from !== "closed") return false;
    return db.insert(breakers).values({ name, ...fresh }).onConflictDoNothing().returning({ name: breakers.name }).get() !== undefined;
  },

  probe: (name: string, worker: number, patience: number, now: number): boolean =>
    db
      .update(breakers)
      .set({ state: "half-open", probe: worker, probeAt: now })
      .where(
        and(
          eq(breakers.name, name),
          lte(breakers.retryAt, now),
          sql`(${breakers.state} = 'open' or (${breakers.state} = 'half-open' and (${breakers.probe} is null or ${breakers.probeAt} + ${patience} <= ${now})))`,
        ),
      )
      .returning({ name: breakers.name })
      .get() !== undefined,
});
