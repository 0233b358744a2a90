/** What people and other runs ask of a run, whoever executes it, on SQLite: cancel, pause, resume, wake. */
import { and, eq, inArray, isNull, notInArray, sql } from "drizzle-orm";
import type { Known } from "../contract.ts";
import type { Lease, NewRun, Row, Started } from "../rows.ts";
import type { Connection } from "./connection.ts";
import type { Insert } from "./insert.ts";
import { history, isSeldom, runs } from "./schema.ts";
import { changing, given } from "./statement.ts";

export type AskVerbs = ReturnType<typeof prepareAsks>;

const isOpen = and(eq(runs.key, given("run")), isNull(runs.endedAt));
const moreMail = sql`${runs.mail} + 1`;

/** A run at rest wakes to see to it; a run in execution learns of it by its mail. */
const cancelling = {
  cancel: sql`coalesce(${runs.cancel}, ${given("reason")})`,
  pause: sql`0`,
  mail: moreMail,
  status: sql`case when ${runs.status} in ('paused', 'scheduled') then 'queued' else ${runs.status} end`,
  wakeAt: sql`case when ${runs.worker} is null then ${given("now")} else null end`,
};

/** A run that was not begun yet keeps the moment at which it was to begin. */
const goesOnAt = sql`case when ${runs.lease} > 0 then ${given("now")} else max(${given("now")}, coalesce((select h.due from ${history} as h where h.run = ${runs.key} and h.seq = 0), 0)) end`;

export const prepareAsks = (connection: Connection, insert: Insert) => {
  const { db } = connection;
  const nudge = changing(
    connection,
    db
      .update(runs)
      .set({ mail: moreMail, wakeAt: sql`case when ${runs.status} = 'waiting' then ${given("now")} else ${runs.wakeAt} end` })
      .where(isOpen),
  );
  const cancel = changing(
    connection,
    db
      .update(runs)
      .set({ ...cancelling, orphan: sql`case when ${runs.orphan} = 'cancelled' then 'cancel' else ${runs.orphan} end` })
      .where(isOpen),
  );
  const cancelOrphans = changing(
    connection,
    db
      .update(runs)
      .set({ ...cancelling, orphan: sql`case when ${runs.cancel} is null then 'cancelled' else ${runs.orphan} end` })
      .where(and(eq(runs.parent, given("run")), eq(runs.orphan, "cancel"), isNull(runs.endedAt))),
  );
  const pause = changing(
    connection,
    db
      .update(runs)
      .set({
        pause: sql`1`,
        mail: moreMail,
        status: sql`case when ${runs.worker} is null then 'paused' else ${runs.status} end`,
        wakeAt: null,
      })
      .where(and(isOpen, isNull(runs.cancel))),
  );
  const resume = changing(
    connection,
    db
      .update(runs)
      .set({
        pause: sql`0`,
        mail: moreMail,
        strikes: sql`case when ${runs.worker} is null then 0 else ${runs.strikes} end`,
        status: sql`case when ${runs.worker} is not null then ${runs.status} when ${goesOnAt} > ${given("now")} then 'scheduled' else 'queued' end`,
        wakeAt: sql`case when ${runs.worker} is null then ${goesOnAt} else null end`,
        reason: null,
      })
      .where(and(isOpen, sql`(${runs.status} in ('paused', 'blocked') or ${runs.pause} = 1)`)),
  );
  const holds = db
    .select({ key: runs.key })
    .from(runs)
    .where(and(eq(runs.key, sql.placeholder("run")), eq(runs.lease, sql.placeholder("lease"))))
    .prepare();

  const cancelAll = (parent: number, reason: string, now: number): void => void cancelOrphans({ run: parent, reason, now });

  return {
    nudge: (run: number, now: number): void => void nudge({ run, now }),
    cancelOrphans: cancelAll,

    cancel: (run: number, reason: string, now: number): boolean => cancel({ run, reason, now }) === 1,
    cancelChildren: (lease: Lease, reason: string, now: number): boolean => {
      if (!holds.get({ run: lease.run, lease: lease.number })) return false;
      cancelAll(lease.run, reason, now);
      return true;
    },
    pause: (run: number): boolean => pause({ run }) === 1,
    resume: (run: number, now: number): boolean => resume({ run, now }) === 1,

    fork: (run: NewRun, rows: readonly Row[]): Started => insert.start(run, rows),

    unblock: (known: readonly Known[], now: number, except: readonly number[]): number => {
      const versions = known.map(({ name, version }) => sql`(${name}, ${version})`);
      if (versions.length === 0) return 0;
      return db
        .update(runs)
        .set({ wakeAt: now })
        .where(
          and(
            eq(runs.status, "blocked"),
            isSeldom(runs.status),
            isNull(runs.wakeAt),
            notInArray(runs.key, sql`(select value from json_each(${JSON.stringify(except)}))`),
            inArray(sql`(${runs.workflow}, ${runs.version})`, sql`(values ${sql.join(versions, sql`, `)})`),
          ),
        )
        .returning({ key: runs.key })
        .all().length;
    },
  };
};
