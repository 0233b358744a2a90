// The fence of a database that is being moved, or was: whoever writes is refused, on every kind of database.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { SQL } from "bun";
import { Database as Sqlite } from "bun:sqlite";
import { drizzle as onBun } from "drizzle-orm/bun-sql";
import { drizzle as onSqlite } from "drizzle-orm/bun-sqlite";
import { drizzle as onMysql } from "drizzle-orm/mysql2";
import { sql } from "drizzle-orm";
import { CircuitBreaker, Database, Fault, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { raise } from "../../src/store/move/fence.ts";
import { readMove } from "../../src/store/move/marker.ts";
import { fencedIn } from "../../src/store/move/tables.ts";
import { openPlace } from "../../src/store/places.ts";
import * as mysql from "../../src/store/mysql/schema.ts";
import * as postgres from "../../src/store/postgres/schema.ts";
import * as sqlite from "../../src/store/sqlite/schema.ts";
import { afterwards } from "../kit/afterwards.ts";
import { until } from "../kit/until.ts";
import { poolOn } from "../store/mysql.kit.ts";
import { askRaw, flow, fresh, gate, gateway, go, holding, kinds, open, sleeper, type Kind } from "./kit.ts";

setDefaultTimeout(60_000);

const schemas = { sqlite, postgres, mysql };

/** A column that may be updated, of each table that has no `at`. */
const columns: Readonly<Record<string, string>> = {
  holdfast_incarnation: "incarnation",
  holdfast_runs: "mail",
  holdfast_workers: "beat",
  holdfast_breakers: "state",
  holdfast_tags: "run",
  holdfast_leaders: "term",
};

const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "done",
    (error: unknown) => (Fault.is(error) ? error.code : String(error)),
  );

type User = {
  readonly database: Runtime.Options["database"] & object;
  readonly write: (tx: unknown, text: string) => unknown;
  readonly texts: () => Promise<string[]>;
};

/** A Drizzle database of the user's own on a place, with a table of notes. */
const userOn = async (kind: Kind, url: string): Promise<User> => {
  const insert = (text: string) => sql`insert into notes (text) values (${text})`;
  const texts = async () => (await askRaw(url, "select text from notes")).map(({ text }) => String(text));
  if (kind === "sqlite") {
    const client = new Sqlite(url.slice("sqlite:".length));
    afterwards(() => client.close());
    client.run("pragma busy_timeout = 5000");
    client.run("create table notes (text text not null)");
    return { database: onSqlite(client), write: (tx, text) => (tx as ReturnType<typeof onSqlite>).run(insert(text)), texts };
  }
  if (kind === "mysql") {
    const database = onMysql({ client: poolOn(url, 6) });
    await database.execute(sql`create table notes (text text not null)`);
    return { database, write: (tx, text) => (tx as typeof database).execute(insert(text)), texts };
  }
  const client = new SQL(url, { max: 6 });
  afterwards(() => client.close({ timeout: 0 }));
  const database = onBun({ client });
  await database.execute(sql`create table notes (text text not null)`);
  return { database, write: (tx, text) => (tx as typeof database).execute(insert(text)), texts };
};

const scene = async (kind: Kind) => {
  const url = await fresh(kind);
  const client = await open(url, [flow, sleeper, holding], { execute: false });
  const run = await Workflow.start(client, sleeper, undefined, { id: "asleep" });
  const worker = await open(url);
  await until("it sleeps", async () => (await Run.get(run)).status === "waiting");
  return { url, client, worker, run };
};

/** Closes a database as a move does that was killed behind the fence. */
const close = async (url: string): Promise<void> => {
  const place = await openPlace({ database: url }, "source");
  const stop = new AbortController();
  const target = await fresh("sqlite");
  await Database.copy(url, target, { signal: stop.signal, onProgress: () => stop.abort() }).catch(() => {});
  expect(await raise(place, (await readMove(place))!, "moving")).toBe(true);
  await place.close();
};

describe("after a move", () => {
  for (const kind of kinds) {
    test(`on ${kind}: every client is refused, with the place to go to`, async () => {
      const { url, client, worker, run } = await scene(kind);
      const target = await fresh("sqlite");
      await Database.copy(url, target);
      for (const runtime of [client, worker]) {
        const there = Run.of(runtime, "asleep");
        expect(await codeOf(Workflow.start(runtime, sleeper, undefined, { id: "new" }))).toBe("database_moved");
        expect(await codeOf(Signal.send(there, go, "x"))).toBe("database_moved");
        expect(await codeOf(Run.cancel(there))).toBe("database_moved");
        expect(await codeOf(Run.pause(there))).toBe("database_moved");
        expect(await codeOf(CircuitBreaker.trip(runtime, gateway))).toBe("database_moved");
        await until("it is told", () => Fault.is(Runtime.trouble(runtime), "database_moved"));
        expect(await codeOf(Run.result(there))).toBe("database_moved");
      }
      expect((await Run.get(run)).status).toBe("waiting");
      const fault = (await Runtime.open({ database: url }).catch((error: unknown) => error)) as Fault.Fault;
      expect(fault).toMatchObject({ code: "database_moved", data: { state: "moved", to: target } });
    });

    test(`on ${kind}: no statement of anybody changes a table`, async () => {
      const { url } = await scene(kind);
      await Database.copy(url, await fresh("sqlite"));
      for (const insert of [
        "holdfast_states (run, value, at) values (9, null, 1)",
        "holdfast_tags (tag, run) values ('t', 9)",
        "holdfast_breakers (name, state, window_at) values ('b', 'open', 1)",
      ])
        expect(await codeOf(askRaw(url, `insert into ${insert}`))).toContain("holdfast_moved moved to sqlite:");
      for (const table of fencedIn(schemas[kind])) {
        const column = columns[table] ?? "at";
        const changed = await codeOf(askRaw(url, `update ${table} set ${column} = ${column}`));
        const removed = await codeOf(askRaw(url, `delete from ${table}`));
        const [row] = await askRaw(url, `select count(*) as found from ${table}`);
        // Where triggers fire for each row, a table without rows has nothing to refuse.
        if (Number(row?.["found"]) > 0 || kind === "postgres") {
          expect(changed).toContain("holdfast_moved moved to sqlite:");
          expect(removed).toContain("holdfast_moved moved to sqlite:");
        }
      }
    });

    test(`on ${kind}: a statement that was prepared before is refused too`, async () => {
      const { url } = await scene(kind);
      if (kind !== "sqlite") {
        const client = new SQL(url, { max: 1 });
        afterwards(() => client.close({ timeout: 0 }));
        const beat = (): Promise<unknown> =>
          Promise.resolve(client`update holdfast_runs set mail = mail + 1 where lease > ${-1}`);
        await beat();
        await Database.copy(url, await fresh("sqlite"));
        expect(await codeOf(beat())).toContain("holdfast_moved");
        return;
      }
      const client = new Sqlite(url.slice("sqlite:".length));
      afterwards(() => client.close());
      const statement = client.prepare("update holdfast_runs set mail = mail + 1 where lease > -1");
      statement.run();
      await Database.copy(url, await fresh("sqlite"));
      expect(() => statement.run()).toThrow("holdfast_moved");
      statement.finalize();
    });

    test(`on ${kind}: the user's own transactions leave nothing, and steps are told to stop`, async () => {
      const { url, client } = await scene(kind);
      const user = await userOn(kind, url);
      const began = Promise.withResolvers<void>();
      const aborted = Promise.withResolvers<unknown>();
      const noted = Promise.withResolvers<void>();
      const writing = Workflow.define({ name: "writing" }, async (ctx) => {
        await Step.run(ctx, "wait", async ({ signal }) => {
          signal.addEventListener("abort", () => aborted.resolve(signal.reason));
          began.resolve();
          await noted.promise;
        });
        await Step.transaction(ctx, "note", user.database as never, ((tx: unknown) => user.write(tx, "by a step")) as never);
      });
      const worker = await open(url, [writing], { database: user.database });
      await Workflow.start(worker, writing, undefined, { id: "writing" });
      await began.promise;
      await Database.copy(url, await fresh("sqlite"));
      expect(Fault.is(await aborted.promise, "database_moved")).toBe(true);
      noted.resolve();
      const database = user.database as unknown as { transaction: (work: (tx: unknown) => unknown) => Promise<unknown> };
      const within = async (): Promise<unknown> =>
        database.transaction((tx) => {
          const wrote = user.write(tx, "by a start");
          const start = (): unknown => Workflow.start(worker, sleeper, undefined, { id: "within", tx: tx as never });
          return kind === "sqlite" ? start() : Promise.resolve(wrote).then(start);
        });
      expect(await codeOf(Promise.try(within))).toBe("database_moved");
      expect(await user.texts()).toEqual([]);
      expect(await codeOf(Workflow.start(client, sleeper, undefined, { id: "last" }))).toBe("database_moved");
    });
  }
});

describe("while a move stands still behind its fence", () => {
  for (const kind of kinds)
    test(`on ${kind}: starts are refused, what runs waits, and goes on when the move is given up`, async () => {
      gate.open = Promise.withResolvers<void>();
      gate.began.length = 0;
      const { url, client, worker } = await scene(kind);
      const run = await Workflow.start(worker, holding, undefined, { id: "held" });
      await until("the step began", () => gate.began.length === 1);
      await close(url);
      const refused = (await Workflow.start(client, sleeper, undefined, { id: "new" }).catch(
        (error: unknown) => error,
      )) as Fault.Fault;
      expect(refused).toMatchObject({ code: "database_moved", data: { state: "moving" } });
      gate.open.resolve();
      await until("the worker meets the fence", () => Fault.is(Runtime.trouble(worker), "database_moved"));
      await Database.abandon(url);
      // The step was done once, and its record is kept.
      expect(await Run.result(run)).toBe("held/hold");
      expect(gate.began).toEqual(["held/hold"]);
      await Workflow.start(client, sleeper, undefined, { id: "new" });
    });
});
