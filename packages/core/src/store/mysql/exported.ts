/** The tables on MySQL and MariaDB for users who join them to migrations of their own. */
import { bigint, int, mysqlTable, varchar } from "drizzle-orm/mysql-core";

export { breakers, history, incarnation, leaders, moves, news, runs, signals, states, tags, workers } from "./schema.ts";

/** Which migrations the database has. Holdfast writes it; it is empty until `Database.migrate` has looked at the other tables. */
export const migrations = mysqlTable("holdfast_migrations", {
  version: int("version").primaryKey(),
  name: varchar("name", { length: 255 }).notNull(),
  appliedAt: bigint("applied_at", { mode: "number" }).notNull(),
  needs: int("needs"),
});
