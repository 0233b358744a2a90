/** Crashes at an exact place: right after the commit that leaves so many records, or right before it, so that nothing of it is left. */
import type { Statement } from "bun:sqlite";
import type { Runtime } from "../../src/index.ts";
import { sql } from "drizzle-orm";
import type { Store } from "../../src/store/contract.ts";
import { on, type World } from "../kit/world.ts";

export type Crash = { readonly records: number; readonly when: "after" | "before" };

export type Crasher = {
  readonly open: (workflows: Runtime.Options["workflows"], options?: Runtime.Options) => Promise<Runtime.Runtime>;
  /** Lets a runtime crash once the database holds so many records. */
  readonly arm: (runtime: Runtime.Runtime, crash: Crash) => void;
  /** Crashes a runtime here and now. */
  readonly kill: (runtime: Runtime.Runtime) => void;
  readonly disarm: (runtime: Runtime.Runtime) => void;
  readonly isGone: (runtime: Runtime.Runtime) => boolean;
  /** Records in the database now: told at once on SQLite, and only there. */
  readonly records: () => number;
  readonly countRecords: () => Promise<number>;
  /** Called in the moment of each crash. Behind a server nobody takes over what the dead held before the answer. */
  readonly onCrash: (call: (runtime: Runtime.Runtime) => Promise<void>) => void;
  /** How many runtimes have crashed. */
  readonly count: () => number;
};

type Wire = { runtime: Runtime.Runtime | undefined; crash: Crash | undefined };

/** Must be made before the first runtime of the world is opened. */
export const crasher = (world: World): Crasher => (on === "sqlite" ? crasherInMemory(world) : crasherOnServer(world));

const crasherInMemory = (world: World): Crasher => {
  const { client } = world;
  const prepare = client.prepare.bind(client);
  const wires = new Map<Runtime.Runtime, Wire>();
  const gone = new WeakSet<Runtime.Runtime>();
  const records = (): number => client.query<{ n: number }, []>("select count(*) as n from holdfast_history").get()?.n ?? 0;
  let opening: Wire | undefined;
  const listeners: ((runtime: Runtime.Runtime) => Promise<void>)[] = [];
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
    void world.crash(runtime);
    for (const call of listeners) void call(runtime);
  };

  const wiring = (text: string): unknown => {
    const statement = prepare(text);
    const wire = opening;
    return text === "COMMIT" && wire ? { run: () => commit(wire, statement), finalize: () => statement.finalize() } : statement;
  };
  client.prepare = wiring as typeof client.prepare;

  return {
    records,
    countRecords: async () => records(),
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

type Verb = (...of: unknown[]) => Promise<unknown>;

const reads = new Set([
  "byKey",
  "heldBy",
  "nextDue",
  "allDue",
  "tenants",
  "list",
  "tags",
  "ended",
  "endedChildren",
  "heads",
  "stuck",
  "read",
  "readFirst",
  "last",
  "pending",
]);

/**
 * Behind a server every write is a commit of its own here, one after the other. A crash comes right after the one that leaves so many
 * records, and nobody hears of it; or instead of the one that would.
 */
const crasherOnServer = (world: World): Crasher => {
  const wires = new Map<Runtime.Runtime, Wire>();
  const gone = new WeakSet<Runtime.Runtime>();
  const listeners: ((runtime: Runtime.Runtime) => Promise<void>)[] = [];
  /** Whoever opens next does so after the dead are known to be dead. */
  const burials: Promise<void>[] = [];
  let crashed = 0;
  let opening: Wire | undefined;

  const countRecords = async (): Promise<number> => {
    const [row] = await world.ask<{ n: string }>(sql`select count(*) as n from holdfast_history`);
    return Number(row?.n);
  };

  const kill = (runtime: Runtime.Runtime): void => {
    crashed++;
    gone.add(runtime);
    wires.delete(runtime);
    burials.push(world.crash(runtime, () => Promise.all(listeners.map((call) => call(runtime)))));
  };

  const lost = (): never => {
    throw new Error("the process is dead");
  };

  world.wiring.wire = (store: Store): Store => {
    const wire = opening;
    let last: Promise<unknown> = Promise.resolve();
    const isDead = (): boolean => wire?.runtime !== undefined && gone.has(wire.runtime);
    const inTurn = (work: () => Promise<unknown>): Promise<unknown> => {
      const done = last.then(async () => {
        if (isDead()) lost();
        const { crash, runtime } = wire ?? {};
        if (crash?.when === "before" && runtime && (await countRecords()) + 1 >= crash.records) {
          kill(runtime);
          lost();
        }
        const answer = await work();
        if (crash?.when === "after" && runtime && !isDead() && (await countRecords()) >= crash.records) kill(runtime);
        return isDead() ? lost() : answer;
      });
      last = done.catch(() => {});
      return done;
    };
    const through = <Noun extends object>(noun: Noun): Noun =>
      Object.fromEntries(
        Object.entries(noun as Record<string, Verb>).map(([name, verb]) => [
          name,
          reads.has(name) || name === "byId" || name === "beatApart" ? verb : (...of: unknown[]) => inTurn(() => verb(...of)),
        ]),
      ) as Noun;
    const history = through(store.history);
    return {
      ...store,
      runs: through(store.runs),
      signals: through(store.signals),
      states: through(store.states),
      history: {
        ...history,
        record: (lease, row, told) =>
          void inTurn(() => new Promise((resolve) => store.history.record(lease, row, resolve))).then(
            (outcome) => told(outcome as Parameters<typeof told>[0]),
            () => told("fenced"),
          ),
      },
    };
  };

  return {
    records: () => {
      throw new Error("What a server holds cannot be told at once.");
    },
    countRecords,
    onCrash: (call) => void listeners.push(call),
    count: () => crashed,
    open: async (workflows, options) => {
      await Promise.all(burials.splice(0));
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
