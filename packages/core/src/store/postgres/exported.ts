/** The tables on PostgreSQL for users who join them to migrations of their own. */
import { bigint, integer, pgTable, text } from "drizzle-orm/pg-core";

export { breakers, history, incarnation, leaders, moves, news, runs, signals, states, tags, workers } from "./schema.ts";

/** Which migrations the database has. Holdfast writes it; it is empty until `Database.migrate` has looked at the other tables. */
export const migrations = pgTable("holdfast_migrations", {
  version: integer("version").primaryKey(),
  name: text("name").notNull(),
  appliedAt: bigint("applied_at", { mode: "number" }).notNull(),
  needs: integer("needs"),
});
