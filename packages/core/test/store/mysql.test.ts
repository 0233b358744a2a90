/** The contract of the store, kept by MySQL and MariaDB. */
import { describe } from "bun:test";
import { nouns } from "./contract/nouns.ts";
import { isThere, onMysql } from "./mysql.kit.ts";

describe.skipIf(!(await isThere()))("MySQL", () => {
  for (const [noun, contract] of Object.entries(nouns)) describe(noun, () => contract(onMysql));
});
