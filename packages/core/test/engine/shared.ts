/** A database file that several runtimes open at once, each with a clock of its own when the test wants one to stand still. */
import { Database } from "bun:sqlite";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { join } from "node:path";
import { halt } from "../../src/engine/close.ts";
import { engineOf } from "../../src/engine/opened.ts";
import { Runtime } from "../../src/index.ts";
import { manualClock, type ManualClock } from "../kit/clock.ts";
import { afterwards, folder, silent } from "../kit/world.ts";
import { rest } from "../face/scene.ts";

export type Shared = {
  readonly file: string;
  /** The user's own connection. */
  readonly client: Database;
  readonly db: ReturnType<typeof drizzle>;
  readonly open: (
    workflows: Runtime.Options["workflows"],
    options?: Runtime.Options,
  ) => Promise<{ readonly runtime: Runtime.Runtime; readonly clock: ManualClock }>;
  /** Stops a runtime without a word, as SIGKILL does. Nobody is told: the others find out by its silence. */
  readonly kill: (runtime: Runtime.Runtime) => Promise<void>;
};

export const share = (): Shared => {
  const file = join(folder(), "orders.db");
  const client = new Database(file);
  client.run("PRAGMA journal_mode = WAL");
  client.run("PRAGMA busy_timeout = 1000");
  const opened: { runtime: Runtime.Runtime; clock: ManualClock }[] = [];
  const killed = new Set<Runtime.Runtime>();
  afterwards(async () => {
    for (const { runtime, clock } of opened) {
      if (killed.has(runtime)) continue;
      const closing = Runtime.close(runtime);
      await clock.advance(250);
      await closing;
    }
    client.close();
  });
  return {
    file,
    client,
    db: drizzle(client),
    open: async (workflows, options = {}) => {
      const clock = (options.clock as ManualClock | undefined) ?? manualClock();
      const runtime = await Runtime.open({
        database: `sqlite:${file}`,
        workflows: workflows ?? [],
        logger: silent,
        drain: 200,
        ...options,
        clock,
      });
      opened.push({ runtime, clock });
      return { runtime, clock };
    },
    kill: async (runtime) => {
      killed.add(runtime);
      halt(engineOf(runtime));
      await rest();
      await engineOf(runtime).store.close();
    },
  };
};

/** Moves clocks together, a little at a time, so that what one runtime writes is heard by the other. */
export const together = async (clocks: readonly ManualClock[], ms: number, piece = 100): Promise<void> => {
  for (let passed = 0; passed < ms; passed += piece) {
    for (const clock of clocks) await clock.advance(Math.min(piece, ms - passed));
  }
};
