/** What the database promises: asked when it is opened, said once in the log, and refused when it is to be strict. */
import { assess, refuseBroken } from "../model/durability/assess.ts";
import type { Report, Settings } from "../model/durability/report.ts";
import * as Fault from "../model/fault.ts";
import type { Store } from "../store/contract.ts";
import type { Engine } from "./engine.ts";

/** Throws `storage_unsafe`. Called before anything is written. */
export const refuseUnsafe = (name: string, settings: Settings): void => refuseBroken(assess(name, settings));

export const reportOf = async (store: Store): Promise<Report> => assess(store.name, await store.durability());

/** Whoever writes :memory: has said so himself, and a pooler costs speed and no promise. */
const quiet: ReadonlySet<string> = new Set(["memory", "pooler"]);

/** What cannot be asked now is no reason not to open. */
export const logDurability = async ({ store, logger }: Pick<Engine, "store" | "logger">): Promise<void> => {
  try {
    const durability = await reportOf(store);
    const codes = durability.warnings.map(({ code }) => code);
    if (codes.length === 0) return logger.info({ durability }, "the database keeps what is acknowledged");
    const words = `the database weakens what is promised: ${codes.join(", ")}; Runtime.durability tells what each means and what to do`;
    if (codes.every((code) => quiet.has(code))) logger.info({ durability }, words);
    else logger.warn({ durability }, words);
  } catch (error) {
    if (!Fault.is(error, "runtime_closed")) logger.warn({ err: error }, "what the database promises could not be asked");
  }
};
