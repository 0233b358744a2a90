/** `bun run migrations` writes `drizzle/mysql` from the schema. */
export default {
  dialect: "mysql",
  schema: "./packages/core/src/store/mysql/schema.ts",
  out: "./drizzle/mysql",
};
