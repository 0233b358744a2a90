/** What a worker process under torture is: a runtime on the shared file, closed in good order when it is asked to. */
import { Database } from "bun:sqlite";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { Runtime, type Step, type Workflow } from "../../src/index.ts";

/** A database whose transactions the workflows of a suite may use. */
export type Shop = Parameters<typeof Step.transaction>[2];

/** Opens a runtime as the environment says, and tells the parent that it is up. */
export const serve = async (workflows: (shop: Shop) => readonly Workflow.AnyDefinition[]): Promise<void> => {
  const { DATABASE, LEASE = "30000", HOT = "1000", DRAIN = "10000", CONCURRENCY = "256" } = process.env;
  const database = drizzle(new Database(DATABASE));
  const opening = Runtime.open({
    database,
    workflows: workflows(database),
    lease: Number(LEASE),
    hot: Number(HOT),
    concurrency: Number(CONCURRENCY),
    drain: Number(DRAIN),
    // Killed this often, innocent runs would be put aside.
    crashes: 1_000_000,
  });
  process.on("SIGTERM", () => void opening.then((runtime) => Runtime.close(runtime)).then(() => process.exit(0)));
  await opening;
  process.send?.("up");
};
