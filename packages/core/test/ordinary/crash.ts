/** Crashes at an exact place: right after the commit that leaves so many records, or right before it, so that nothing of it is left. */
import type { Statement } from "bun:sqlite";
import type { Runtime } from "../../src/index.ts";
import type { World } from "../kit/world.ts";

export type Crash = { readonly records: number; readonly when: "after" | "before" };

export type Crasher = {
  readonly open: (workflows: Runtime.Options["workflows"], options?: Runtime.Options) => Promise<Runtime.Runtime>;
  /** Lets a runtime crash once the database holds so many records. */
  readonly arm: (runtime: Runtime.Runtime, crash: Crash) => void;
  /** Crashes a runtime here and now. */
  readonly kill: (runtime: Runtime.Runtime) => void;
  readonly disarm: (runtime: Runtime.Runtime) => void;
  readonly isGone: (runtime: Runtime.Runtime) => boolean;
  /** Records in the database now. */
  readonly records: () => number;
  /** Called in the moment of each crash. */
  readonly onCrash: (call: (runtime: Runtime.Runtime) => void) => void;
  /** How many runtimes have crashed. */
  readonly count: () => number;
};

type Wire = { runtime: Runtime.Runtime | undefined; crash: Crash | undefined };

/** Must be made before the first runtime of the world is opened. */
export const crasher = (world: World): Crasher => {
  const { client } = world;
  const prepare = client.prepare.bind(client);
  const wires = new Map<Runtime.Runtime, Wire>();
  const gone = new WeakSet<Runtime.Runtime>();
  const records = (): number => client.query<{ n: number }, []>("select count(*) as n from holdfast_history").get()?.n ?? 0;
  let opening: Wire | undefined;
  const listeners: ((runtime: Runtime.Runtime) => void)[] = [];
  let crashed = 0;

  const commit = (wire: Wire, statement: Statement): void => {
    const { runtime, crash } = wire;
    if (!runtime || !crash || gone.has(runtime) || records() < crash.records) return void statement.run();
    if (crash.when === "after") {
      statement.run();
      return kill(runtime);
    }
    client.run("ROLLBACK");
    kill(runtime);
    // Nobody may hear that it was written. What is tried again later comes from a dead worker, and is refused.
    throw Object.assign(new Error("crashed before its commit"), { code: "SQLITE_BUSY" });
  };

  const kill = (runtime: Runtime.Runtime): void => {
    crashed++;
    gone.add(runtime);
    wires.delete(runtime);
    world.crash(runtime);
    for (const call of listeners) call(runtime);
  };

  const wiring = (text: string): unknown => {
    const statement = prepare(text);
    const wire = opening;
    return text === "COMMIT" && wire ? { run: () => commit(wire, statement), finalize: () => statement.finalize() } : statement;
  };
  client.prepare = wiring as typeof client.prepare;

  return {
    records,
    onCrash: (call) => void listeners.push(call),
    count: () => crashed,
    open: async (workflows, options) => {
      const wire: Wire = { runtime: undefined, crash: undefined };
      opening = wire;
      const runtime = await world.open(workflows, options);
      opening = undefined;
      wire.runtime = runtime;
      wires.set(runtime, wire);
      return runtime;
    },
    arm: (runtime, crash) => void Object.assign(wires.get(runtime) ?? {}, { crash }),
    kill,
    disarm: (runtime) => void Object.assign(wires.get(runtime) ?? {}, { crash: undefined }),
    isGone: (runtime) => gone.has(runtime),
  };
};
