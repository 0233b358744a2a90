/** Circuit breakers that all processes share, on SQLite. */
import { and, eq, gt, isNotNull, lte, or, sql } from "drizzle-orm";
import type { AnySQLiteColumn } from "drizzle-orm/sqlite-core";
import type { Breakers } from "../contract.ts";
import type { BreakerRow, Lease } from "../rows.ts";
import type { Connection } from "./connection.ts";
import { breakers, runs, workers } from "./schema.ts";
import { changing, given, underLease } from "./statement.ts";

type Given<Verb extends keyof Breakers> = Parameters<Breakers[Verb]>;
type Counts = Given<"count">[1];

/** The worker that probes, as long as it is on the list. */
const prober = sql<number | null>`(select ${workers.key} from ${workers} where ${workers.key} = ${breakers.probe})`;
const columns = {
  name: breakers.name,
  state: breakers.state,
  successes: breakers.successes,
  failures: breakers.failures,
  rejects: breakers.rejects,
  windowAt: breakers.windowAt,
  openedAt: breakers.openedAt,
  retryAt: breakers.retryAt,
  probe: prober,
  probeAt: breakers.probeAt,
};

const noProbe = { probe: null, probeAt: null };
const closed = (now: number) =>
  ({ ...noProbe, state: "closed", openedAt: null, retryAt: null, windowAt: now, successes: 0, failures: 0, rejects: 0 }) as const;
const opened = (retryAt: number | null, now: number) => ({ ...noProbe, state: "open", openedAt: now, retryAt }) as const;

export const prepareBreakers = (connection: Connection) => {
  const { db } = connection;
  const read = db
    .select(columns)
    .from(breakers)
    .where(eq(breakers.name, sql.placeholder("name")))
    .prepare();
  const wake = changing(
    connection,
    db
      .update(runs)
      .set({ wakeAt: given("now") })
      .where(and(underLease, eq(runs.status, "waiting"), isNotNull(runs.wakeAt), gt(runs.wakeAt, given("now")))),
  );

  return {
    read: (name: string): BreakerRow | undefined => read.get({ name }),

    count: (name: string, counts: Counts, windowMs: number, now: number): BreakerRow => {
      const current = sql`(${breakers.state} <> 'closed' or (${breakers.windowAt} <= ${now} and ${breakers.windowAt} + ${windowMs} > ${now}))`;
      const kept = (column: AnySQLiteColumn, add: number) => sql`case when ${current} then ${column} else 0 end + ${add}`;
      return db
        .insert(breakers)
        .values({ ...closed(now), name, ...counts })
        .onConflictDoUpdate({
          target: breakers.name,
          set: {
            successes: kept(breakers.successes, counts.successes),
            failures: kept(breakers.failures, counts.failures),
            rejects: kept(breakers.rejects, counts.rejects),
            windowAt: sql`case when ${current} then ${breakers.windowAt} else ${now} end`,
          },
        })
        .returning(columns)
        .get();
    },

    move: (
      name: string,
      from: BreakerRow["state"],
      to: "open" | "closed",
      { retryAt, now, probe }: Given<"move">[3],
    ): boolean => {
      const open = { ...opened(retryAt, now), openedAt: sql`coalesce(${breakers.openedAt}, ${now})` };
      const seen = and(eq(breakers.name, name), eq(breakers.state, from), probe === null ? undefined : eq(breakers.probe, probe));
      const moved = db
        .update(breakers)
        .set(to === "open" ? open : closed(now))
        .where(seen)
        .returning({ name: breakers.name })
        .get();
      if (moved) return true;
      if (from !== "closed") return false;
      const row = { ...closed(now), ...(to === "open" ? opened(retryAt, now) : {}), name };
      return db.insert(breakers).values(row).onConflictDoNothing().returning({ name: breakers.name }).get() !== undefined;
    },

    force: (name: string, to: Given<"force">[1], now: number): BreakerRow => {
      const set = to.kind === "open" ? opened(to.retryAt, now) : closed(now);
      return db
        .insert(breakers)
        .values({ ...closed(now), ...set, name })
        .onConflictDoUpdate({ target: breakers.name, set })
        .returning(columns)
        .get();
    },

    probe: (name: string, worker: number, patience: number, now: number): boolean => {
      const free = sql`(${prober} is null or ${breakers.probeAt} + ${patience} <= ${now})`;
      return (
        db
          .update(breakers)
          .set({ state: "half-open", probe: worker, probeAt: now })
          .where(
            and(
              eq(breakers.name, name),
              lte(breakers.retryAt, now),
              or(eq(breakers.state, "open"), and(eq(breakers.state, "half-open"), free)),
            ),
          )
          .returning({ name: breakers.name })
          .get() !== undefined
      );
    },

    wake: (lease: Lease, now: number): boolean => wake({ run: lease.run, lease: lease.number, now }) === 1,
  };
};
