/** A fresh world for each test: a database, a clock moved by hand, runtimes that are closed afterwards. */
import { SQL } from "bun";
import { Database } from "bun:sqlite";
import { sql, type SQL as Query } from "drizzle-orm";
import { drizzle as drizzleServer } from "drizzle-orm/bun-sql";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { drizzle as drizzleMysql } from "drizzle-orm/mysql2";
import { createPool } from "mysql2/promise";
import pino from "pino";
import { halt } from "../../src/engine/close.ts";
import { Run, Runtime, Workflow } from "../../src/index.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open.ts";
import { engineOf, runtimeOf } from "../../src/engine/opened.ts";
import { openingOf } from "../../src/engine/opening.ts";
import type { Store } from "../../src/store/contract.ts";
import { openStore } from "../../src/store/open.ts";
import { lockOf } from "../../src/store/postgres/text.ts";
import { watchStore } from "./asked.ts";
import { afterwards, folder } from "./afterwards.ts";
import { silent } from "./silent.ts";
import { manualClock, type ManualClock } from "./clock.ts";

export { afterwards, folder, silent };

/** A logger that keeps its lines. */
export const listening = (level = "debug"): { readonly logger: pino.Logger; readonly lines: Record<string, unknown>[] } => {
  const lines: Record<string, unknown>[] = [];
  return {
    lines,
    logger: pino({ level }, { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) }),
  };
};

/** Which database the worlds of this run of the tests are on. */
const wanted = process.env["HOLDFAST_TEST_ON"];
export const on = wanted === "postgres" || wanted === "mysql" ? wanted : "sqlite";

export type World = {
  readonly clock: ManualClock;
  /** On SQLite only. */
  readonly client: Database;
  readonly db: ReturnType<typeof drizzle>;
  /** Asks the database, as the user may. */
  readonly ask: <Row>(query: Query) => Promise<readonly Row[]>;
  /** What is put between a server and the runtimes that are opened from now on. */
  readonly wiring: { wire: (store: Store) => Store };
  /** Opens a runtime on the world's database. */
  readonly open: (workflows: Runtime.Options["workflows"], options?: Runtime.Options) => Promise<Runtime.Runtime>;
  /** Ends a runtime as a crash does: nothing more is written, and its worker counts as dead at once, or when `before` has come to its end. */
  readonly crash: (runtime: Runtime.Runtime, before?: () => Promise<unknown>) => Promise<void>;
  /** Advances the clock from alarm to alarm until the run is at its end, at most by so many ms. */
  readonly result: <Output>(run: Run.Handle<Output>, within?: number) => Promise<Output>;
};

/** How often a world without an alarm may settle before a run that is not at its end counts as stuck: many commits follow from one. */
const patience = 50;

/** A fresh world: several runtimes can be opened on it, one after the other or at once. It goes with the test. */
export const setup = (): World => createWorld(afterwards);

type Ground = {
  readonly client: Database;
  readonly db: World["db"];
  readonly ask: World["ask"];
  /** What `Runtime.open` is given. */
  readonly database: () => Promise<NonNullable<Runtime.Options["database"]>>;
  /** A worker counts as dead, and what it still writes is refused. */
  readonly bury: (worker: number) => Promise<void>;
  readonly close: () => Promise<void>;
};

const release = (worker: number): Query =>
  sql`update holdfast_runs set worker = null, lease = lease + 1, status = case when pause then 'paused' else 'queued' end,
    wake_at = case when pause then null else 0 end where worker = ${worker}`;
const remove = (worker: number): Query => sql`delete from holdfast_workers where holdfast_workers.key = ${worker}`;

const inMemory = (): Ground => {
  const client = new Database(":memory:");
  const db = drizzle(client);
  return {
    client,
    db,
    ask: async (query) => db.all(query),
    database: async () => db,
    bury: async (worker) => {
      db.run(release(worker));
      db.run(remove(worker));
    },
    close: async () => client.close(),
  };
};

const server = process.env["HOLDFAST_TEST_POSTGRES"] ?? "postgres://postgres@127.0.0.1:5432";
let schemas = 0;

/** A schema of its own in the database `test`. */
const onPostgres = (): Ground => {
  const schema = `world_${process.pid}_${Date.now().toString(36)}_${schemas++}`;
  const url = `${server}/postgres?search_path=${schema}`;
  // What a step's own transactions ask the world must not wait for the connections that they hold.
  const [client, users] = [new SQL(url, { max: 2 }), new SQL(url, { max: 2 })];
  const own = drizzleServer({ client });
  let made: Promise<unknown> | undefined;
  const make = (): Promise<unknown> => (made ??= Promise.resolve(client.unsafe(`create schema ${schema}`)));
  return {
    get client(): Database {
      throw new Error("This world is not on SQLite.");
    },
    db: drizzleServer({ client: users }) as unknown as World["db"],
    ask: async (query) => {
      await make();
      return own.execute(query) as never;
    },
    database: async () => {
      await make();
      return url;
    },
    bury: (worker) =>
      own.transaction(async (tx) => {
        await tx.execute(sql`select pg_advisory_xact_lock(${sql.raw(lockOf(String(worker)))})`);
        await tx.execute(release(worker));
        await tx.execute(remove(worker));
      }),
    close: async () => {
      await users.close({ timeout: 0 });
      await client.unsafe(`drop schema if exists ${schema} cascade`);
      await client.close({ timeout: 0 });
    },
  };
};

const mysqlServer = process.env["HOLDFAST_TEST_MYSQL"] ?? "mysql://root@127.0.0.1:3306";

/** A database of its own. */
const onMysql = (): Ground => {
  const name = `world_${process.pid}_${Date.now().toString(36)}_${schemas++}`;
  const url = `${mysqlServer}/${name}`;
  // As on PostgreSQL: the world has connections of its own.
  const [pool, users] = [createPool({ uri: url, connectionLimit: 2 }), createPool({ uri: url, connectionLimit: 2 })];
  const own = drizzleMysql({ client: pool });
  const asOwner = async (text: string): Promise<void> => {
    const owner = new SQL({ url: `${mysqlServer}/mysql`, adapter: "mysql", max: 1 });
    await owner.unsafe(text);
    await owner.close({ timeout: 0 });
  };
  let made: Promise<void> | undefined;
  const make = (): Promise<void> => (made ??= asOwner(`create database ${name}`));
  return {
    get client(): Database {
      throw new Error("This world is not on SQLite.");
    },
    db: drizzleMysql({ client: users }) as unknown as World["db"],
    ask: async (query) => {
      await make();
      return (await own.execute(query))[0] as never;
    },
    database: async () => {
      await make();
      return url;
    },
    bury: (worker) =>
      own.transaction(async (tx) => {
        await tx.execute(
          sql`select w.key from holdfast_workers as w force index (holdfast_workers_shield) where w.key = ${worker} for update`,
        );
        await tx.execute(release(worker));
        await tx.execute(remove(worker));
      }),
    close: async () => {
      await Promise.all([users.end(), pool.end()]);
      await asOwner(`drop database if exists ${name}`);
    },
  };
};

const grounds = { sqlite: inMemory, postgres: onPostgres, mysql: onMysql };

/** A world that goes when whoever made it says so. */
export const createWorld = (afterwards: (leave: () => Promise<void>) => unknown): World => {
  const asked = new Map<Engine, number>();
  const wiring: World["wiring"] = { wire: (store) => store };
  const questions = { open: 0 };
  const clock = manualClock(undefined, () => questions.open > 0 || [...asked.values()].some((open) => open > 0));
  const ground = grounds[on]();
  const runtimes = new Set<Runtime.Runtime>();
  const burials: Promise<void>[] = [];
  afterwards(async () => {
    const closing = Promise.all([...runtimes].map((runtime) => Runtime.close(runtime)));
    await clock.advance(250);
    await closing;
    await Promise.all(burials);
    await ground.close();
  });
  const bury = async (engine: Engine, before?: () => Promise<unknown>): Promise<void> => {
    if (before) await before();
    await ground.bury(engine.worker);
    // What it still asks for is refused: its leases are gone.
    if (on !== "sqlite") await engine.store.close();
  };
  /** As in memory nobody looks after the others: a clock that is moved by hand for years must not ring for every beat. */
  const openApart = async (options: Runtime.Options): Promise<Runtime.Runtime> => {
    const count = { open: 0 };
    let opened: Engine | undefined = undefined;
    const engine = await openEngine(openingOf(options), async (hooks) => {
      const store = wiring.wire(await openStore(await ground.database(), hooks));
      watchStore(store, (by) => {
        count.open += by;
        if (opened && asked.has(opened)) asked.set(opened, count.open);
      });
      return { ...store, shared: false };
    });
    opened = engine;
    asked.set(engine, count.open);
    return runtimeOf(engine);
  };
  return {
    clock,
    wiring,
    get client() {
      return ground.client;
    },
    db: ground.db,
    ask: async <Row>(query: Query) => {
      questions.open++;
      return ground.ask<Row>(query).finally(() => questions.open--);
    },
    open: async (workflows, options = {}) => {
      const settled = { workflows: workflows ?? [], clock, logger: silent, drain: 200, ...options };
      const runtime =
        on === "sqlite" ? await Runtime.open({ database: await ground.database(), ...settled }) : await openApart(settled);
      runtimes.add(runtime);
      return runtime;
    },
    crash: (runtime, before) => {
      const engine = engineOf(runtime);
      halt(engine);
      asked.delete(engine);
      runtimes.delete(runtime);
      const buried = bury(engine, before);
      burials.push(buried);
      return buried;
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
