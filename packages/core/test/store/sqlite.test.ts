/** The contract of the store, kept by SQLite: on a file and in memory. */
import { describe } from "bun:test";
import { asks } from "./contract/asks.contract.ts";
import { breakers } from "./contract/breakers.contract.ts";
import { claims } from "./contract/claims.contract.ts";
import { history } from "./contract/history.contract.ts";
import { list } from "./contract/list.contract.ts";
import { runs } from "./contract/runs.contract.ts";
import { sharing } from "./contract/sharing.contract.ts";
import { signals } from "./contract/signals.contract.ts";
import { states } from "./contract/states.contract.ts";
import { workers } from "./contract/workers.contract.ts";
import { inMemory, onFile } from "./sqlite.kit.ts";

const nouns = { runs, claims, asks, history, signals, states, breakers, workers, list, sharing };

describe.each([
  ["on a file", onFile],
  ["in memory", inMemory],
] as const)("SQLite %s", (_, openStore) => {
  for (const [noun, contract] of Object.entries(nouns)) describe(noun, () => contract(openStore));
});
