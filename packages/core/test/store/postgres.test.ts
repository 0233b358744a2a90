/** The contract of the store, kept by PostgreSQL. */
import { describe } from "bun:test";
import { nouns } from "./contract/nouns.ts";
import { isThere, onPostgres } from "./postgres.kit.ts";

describe.skipIf(!(await isThere()))("PostgreSQL", () => {
  for (const [noun, contract] of Object.entries(nouns)) describe(noun, () => contract(onPostgres));
});
