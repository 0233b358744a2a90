/** The contract of the store, kept by SQLite: on a file and in memory. */
import { describe } from "bun:test";
import { nouns } from "./contract/nouns.ts";
import { inMemory, onFile } from "./sqlite.kit.ts";

describe.each([
  ["on a file", onFile],
  ["in memory", inMemory],
] as const)("SQLite %s", (_, openStore) => {
  for (const [noun, contract] of Object.entries(nouns)) describe(noun, () => contract(openStore));
});
