/** `bun run migrations` writes `drizzle/sqlite` from the schema. */
export default {
  dialect: "sqlite",
  schema: "./packages/core/src/store/sqlite/schema.ts",
  out: "./drizzle/sqlite",
};
