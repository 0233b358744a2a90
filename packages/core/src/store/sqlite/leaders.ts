/** Who leads, on SQLite. */
import { and, eq, sql } from "drizzle-orm";
import type { LeaderRow } from "../rows.ts";
import type { Connection } from "./connection.ts";
import { leaders, workers } from "./schema.ts";
import { changing, given } from "./statement.ts";

const isListed = sql`exists (select 1 from ${workers} as w where w.key = ${given("worker")})`;

export const prepareLeaders = (connection: Connection) => {
  const { db } = connection;
  const add = changing(
    connection,
    db
      .insert(leaders)
      .values({ name: given("name"), worker: null, term: 0, since: given("now") })
      .onConflictDoNothing(),
  );
  const take = changing(
    connection,
    db
      .update(leaders)
      .set({ worker: given("worker"), term: sql`${leaders.term} + 1`, since: given("now") })
      .where(
        and(
          eq(leaders.name, given("name")),
          sql`(${leaders.worker} is null or ${leaders.worker} not in (select w.key from ${workers} as w))`,
          isListed,
        ),
      ),
  );
  const keep = changing(
    connection,
    db
      .update(leaders)
      .set({ memo: given("memo") })
      .where(
        and(eq(leaders.name, given("name")), eq(leaders.worker, given("worker")), eq(leaders.term, given("term")), isListed),
      ),
  );
  const read = db
    .select()
    .from(leaders)
    .where(eq(leaders.name, sql.placeholder("name")))
    .prepare();

  return {
    take: (name: string, worker: number, now: number): LeaderRow => {
      const there = read.get({ name });
      if (!there) add({ name, now });
      take({ name, worker, now });
      return read.get({ name }) ?? { name, worker: null, term: 0, since: now, memo: null };
    },
    keep: (name: string, { worker, term }: { readonly worker: number; readonly term: number }, memo: string): boolean =>
      keep({ name, worker, term, memo }) === 1,
    read: (name: string): LeaderRow | undefined => read.get({ name }),
  };
};
