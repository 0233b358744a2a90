/** What a worker process under torture is: a runtime on the shared database, closed in good order when it is asked to. */
import { Runtime, type Workflow } from "../../src/index.ts";
import type { DrizzleDatabase } from "../../src/store/open.ts";
import { asForeigner } from "./foreign.ts";
import { kindOf } from "./place.ts";
import { openShop, type Shop } from "./shop.ts";

/** Opens a runtime as the environment says, and tells the parent that it is up. */
export const serve = async (workflows: (shop: Shop) => readonly Workflow.AnyDefinition[]): Promise<void> => {
  const { DATABASE = "", SHOP = DATABASE, LEASE = "30000", HOT = "1000", DRAIN = "10000", CONCURRENCY = "256" } = process.env;
  const shop = openShop(SHOP);
  const options: Runtime.Options = {
    // On a file, through the user's own connection, as many will have it.
    database: kindOf(DATABASE) === "sqlite" ? (shop.database as unknown as DrizzleDatabase) : DATABASE,
    workflows: workflows(shop),
    lease: Number(LEASE),
    hot: Number(HOT),
    concurrency: Number(CONCURRENCY),
    drain: Number(DRAIN),
    // Killed this often, innocent runs would be put aside.
    crashes: 1_000_000,
  };
  const opening = asForeigner("the code that opened the runtime", () => Runtime.open(options));
  process.on("SIGTERM", () => {
    const closed = opening.then((runtime) => asForeigner("the code that closed the runtime", () => Runtime.close(runtime)));
    void closed.then(() => process.exit(0));
  });
  await opening;
  process.send?.("up");
};
