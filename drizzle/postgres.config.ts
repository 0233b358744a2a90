/** `bun run migrations` writes `drizzle/postgres` from the schema. */
export default {
  dialect: "postgresql",
  schema: "./packages/core/src/store/postgres/schema.ts",
  out: "./drizzle/postgres",
};
