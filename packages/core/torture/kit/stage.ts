/** The stage of a suite: one file, a client that never dies, the witness, and a ledger. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import pino from "pino";
import { Runtime } from "../../src/index.ts";
import type { Order } from "../suite.ts";
import { observe, type Observer } from "./observer.ts";

export type Stage = {
  readonly database: string;
  readonly ledger: string;
  readonly client: Runtime.Runtime;
  readonly observer: Observer;
  /** What the workers are told by their environment. */
  readonly env: Readonly<Record<string, string>>;
};

export const silent = pino({ level: "silent" });

export const setStage = async (
  { folder, afterwards }: Order,
  workflows: Runtime.Options["workflows"],
  name = "torture",
): Promise<Stage> => {
  const database = join(folder, `${name}.db`);
  const ledger = join(folder, `${name}.effects.jsonl`);
  writeFileSync(ledger, "");
  const client = await Runtime.open({
    database: `sqlite:${database}`,
    workflows: workflows ?? [],
    execute: false,
    logger: silent,
  });
  afterwards(() => Runtime.close(client));
  return { database, ledger, client, observer: observe(database, afterwards), env: { DATABASE: database, LEDGER: ledger } };
};
