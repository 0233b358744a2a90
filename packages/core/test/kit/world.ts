/** A fresh world for each test: a database, a clock moved by hand, runtimes that are closed afterwards. */
import { Database } from "bun:sqlite";
import { drizzle } from "drizzle-orm/bun-sqlite";
import pino from "pino";
import { halt } from "../../src/engine/close.ts";
import { Run, Runtime, Workflow } from "../../src/index.ts";
import { engineOf } from "../../src/engine/opened.ts";
import { afterwards, folder } from "./afterwards.ts";
import { manualClock, type ManualClock } from "./clock.ts";

export { afterwards, folder };

export const silent = pino({ level: "silent" });

/** A logger that keeps its lines. */
export const listening = (level = "debug"): { readonly logger: pino.Logger; readonly lines: Record<string, unknown>[] } => {
  const lines: Record<string, unknown>[] = [];
  return {
    lines,
    logger: pino({ level }, { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) }),
  };
};

export type World = {
  readonly clock: ManualClock;
  readonly client: Database;
  readonly db: ReturnType<typeof drizzle>;
  /** Opens a runtime on the world's database. */
  readonly open: (workflows: Runtime.Options["workflows"], options?: Runtime.Options) => Promise<Runtime.Runtime>;
  /** Ends a runtime as a crash does: nothing more is written, and its worker counts as dead at once. */
  readonly crash: (runtime: Runtime.Runtime) => void;
  /** Advances the clock from alarm to alarm until the run is at its end, at most by so many ms. */
  readonly result: <Output>(run: Run.Handle<Output>, within?: number) => Promise<Output>;
};

/** How often a world without an alarm may settle before a run that is not at its end counts as stuck: many commits follow from one. */
const patience = 50;

/** A world in memory: several runtimes can be opened on it, one after the other or at once. It goes with the test. */
export const setup = (): World => createWorld(afterwards);

/** A world in memory that goes when whoever made it says so. */
export const createWorld = (afterwards: (leave: () => Promise<void>) => unknown): World => {
  const clock = manualClock();
  const client = new Database(":memory:");
  const db = drizzle(client);
  const runtimes = new Set<Runtime.Runtime>();
  afterwards(async () => {
    const closing = Promise.all([...runtimes].map((runtime) => Runtime.close(runtime)));
    await clock.advance(250);
    await closing;
    client.close();
  });
  return {
    clock,
    client,
    db,
    open: async (workflows, options = {}) => {
      const runtime = await Runtime.open({
        database: db,
        workflows: workflows ?? [],
        clock,
        logger: silent,
        drain: 200,
        ...options,
      });
      runtimes.add(runtime);
      return runtime;
    },
    crash: (runtime) => {
      const engine = engineOf(runtime);
      halt(engine);
      runtimes.delete(runtime);
      client.run("update holdfast_runs set worker = null, lease = lease + 1, status = 'queued', wake_at = 0 where worker = ?", [
        engine.worker,
      ]);
      client.run("delete from holdfast_workers where key = ?", [engine.worker]);
    },
    result: async (run, within = 3_650 * 86_400_000) => {
      const ended = Run.result(run);
      const state = { over: false };
      const settled = ended.then(
        () => (state.over = true),
        () => (state.over = true),
      );
      const end = clock.now() + within;
      let idle = 0;
      for (await clock.settle(); !state.over && idle < patience; await clock.settle()) {
        const next = clock.next();
        if (next === undefined || next > end) idle++;
        else await clock.advance(Math.max(0, next - clock.now()));
      }
      if (!state.over) throw new Error(`run ${run.id} is not at its end: ${JSON.stringify(await Run.get(run))}`);
      await settled;
      return ended;
    },
  };
};

/** Starts a run and moves the clock until it is at its end. */
export const runToEnd = async <Input, Output>(
  world: World,
  runtime: Runtime.Runtime,
  workflow: Workflow.Definition<Input, Output>,
  input: NoInfer<Input>,
): Promise<Output> => world.result(await Workflow.start(runtime, workflow as Workflow.Definition<unknown, Output>, input));
