// The world of the demo: a temporary folder, five third parties and the service, each a process of its own on the loopback.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Effect } from "../third-parties/ledger.ts";
import * as Processes from "./processes.ts";
import { supervise } from "./supervisor.ts";
import type { Supervisor } from "./supervisor.ts";

const PARTIES = ["northpay", "southpay", "warehouse", "carrier", "post"];

/** Days become seconds, so that one can watch. */
const PACE = {
  PATIENCE: "400ms",
  RETRY_DELAY: "100ms",
  BREAKER_WINDOW: "1s",
  BREAKER_RESET: "500ms",
  REVIEW: "5s",
  COOLING_OFF: "2500ms",
};

export type World = {
  readonly service: Supervisor;
  readonly database: string;
  /** What the third parties really did, in the order in which they did it. */
  readonly effects: () => Promise<Effect[]>;
  /** What the service complained of. */
  readonly complaints: () => Promise<string>;
  readonly close: () => Promise<void>;
};

export const open = async (): Promise<World> => {
  const folder = mkdtempSync(join(tmpdir(), "order-processing-"));
  const close = async (): Promise<void> => {
    await Processes.endAll();
    rmSync(folder, { recursive: true, force: true });
  };
  onInterrupt(close);
  try {
    return { ...(await populate(folder)), close };
  } catch (error) {
    await close();
    throw error;
  }
};

const populate = async (folder: string): Promise<Omit<World, "close">> => {
  const log = join(folder, "service.log");
  const database = join(folder, "orders.db");
  const ledgers = PARTIES.map((party) => join(folder, `${party}.jsonl`));
  const addresses = await Promise.all(PARTIES.map((party) => startParty(party, folder)));
  const env = { ...Object.fromEntries(addresses), ...PACE, DATABASE: database, PORT: "0" };
  const service = supervise(() => Processes.start("src/service.ts", env, log));
  await service.url();
  return {
    service,
    database,
    effects: async () => (await Promise.all(ledgers.map(linesOf))).flat().toSorted((a, b) => a.at - b.at),
    complaints: () => Bun.file(log).text(),
  };
};

const startParty = async (party: string, folder: string): Promise<readonly [string, string]> => {
  const env = { LEDGER: join(folder, `${party}.jsonl`) };
  const { url } = await Processes.start(`third-parties/${party}.ts`, env, join(folder, "parties.log"));
  return [party.toUpperCase(), url];
};

const linesOf = async (file: string): Promise<Effect[]> => {
  if (!(await Bun.file(file).exists())) return [];
  const lines = (await Bun.file(file).text()).split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Effect);
};

/** Ctrl-C leaves neither a process nor a file behind. */
const onInterrupt = (close: () => Promise<void>): void => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => void close().finally(() => process.exit(130)));
  }
};
