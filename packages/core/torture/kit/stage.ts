/** The stage of a suite: a place, a client that never dies, the witness, and a ledger. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Runtime } from "../../src/index.ts";
import { silent } from "../../test/kit/silent.ts";
import type { Order } from "../suite.ts";
import { observe, type Observer } from "./observer.ts";
import { makePlace, type Place } from "./place.ts";

export type Stage = {
  readonly place: Place;
  readonly ledger: string;
  readonly client: Runtime.Runtime;
  readonly observer: Observer;
  /** What the workers are told by their environment. */
  readonly env: Readonly<Record<string, string>>;
};

/** On this place, or on a fresh one of the kind that the order is for. */
export const setStage = async (
  order: Order,
  workflows: Runtime.Options["workflows"],
  name = "torture",
  there?: Place,
): Promise<Stage> => {
  const place = there ?? (await makePlace(order, name));
  const ledger = join(order.folder, `${name}.effects.jsonl`);
  writeFileSync(ledger, "");
  const client = await Runtime.open({
    database: place.url,
    workflows: workflows ?? [],
    execute: false,
    logger: silent,
  });
  order.afterwards(() => Runtime.close(client));
  return { place, ledger, client, observer: await observe(place), env: { DATABASE: place.url, LEDGER: ledger } };
};
