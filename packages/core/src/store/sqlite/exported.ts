/** The tables on SQLite for users who join them to migrations of their own. */
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

export { breakers, history, leaders, moves, runs, signals, states, tags, workers } from "./schema.ts";

/** Which migrations the database has. Holdfast writes it; it is empty until `Database.migrate` has looked at the other tables. */
export const migrations = sqliteTable("holdfast_migrations", {
  version: integer("version").primaryKey(),
  name: text("name").notNull(),
  appliedAt: integer("applied_at").notNull(),
  needs: integer("needs"),
});
