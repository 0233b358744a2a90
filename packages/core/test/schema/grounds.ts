/** A fresh database of each dialect for the tests of schemas, with what asks it as somebody else may. */
import { SQL } from "bun";
import { Database as SqliteClient } from "bun:sqlite";
import { join } from "node:path";
import type { Migrator } from "../../src/store/migrations/migrator.ts";
import { doLater, type Fields, type Steps } from "../../src/store/migrations/steps.ts";
import { migratorFor } from "../../src/store/schema.ts";
import { afterwards, folder } from "../kit/afterwards.ts";
import * as mysql from "../store/mysql.kit.ts";
import * as postgres from "../store/postgres.kit.ts";

export type Ground = {
  readonly migrator: Migrator;
  /** What `Runtime.open` takes. */
  readonly url: string;
  /** Asks through a connection of its own. */
  readonly ask: (text: string) => Promise<readonly Fields[]>;
  /** Does steps through it. */
  readonly run: <T>(steps: Steps<T>) => Promise<T>;
};

type Kind = { readonly name: string; readonly isThere: boolean; readonly make: () => Promise<Ground> };

const groundOn = (migrator: Migrator, url: string, ask: Ground["ask"]): Ground => ({
  migrator,
  url,
  ask,
  run: (steps) => doLater(steps, ask),
});

const onSqlite = async (): Promise<Ground> => {
  const path = join(folder(), "holdfast.db");
  let client: SqliteClient | undefined;
  afterwards(() => client?.close());
  return groundOn(await migratorFor("sqlite"), `sqlite:${path}`, async (text) => {
    client ??= new SqliteClient(path);
    client.run("PRAGMA busy_timeout = 2000");
    const statement = client.prepare<Fields, []>(text);
    try {
      return statement.all();
    } finally {
      statement.finalize();
    }
  });
};

const onServer = async (dialect: "postgres" | "mysql", url: string): Promise<Ground> => {
  const client = new SQL({ url, adapter: dialect, max: 1 });
  afterwards(() => client.close({ timeout: 0 }));
  return groundOn(await migratorFor(dialect), url, (text) => client.unsafe(text));
};

export const kinds: readonly Kind[] = [
  { name: "SQLite", isThere: true, make: onSqlite },
  {
    name: "PostgreSQL",
    isThere: await postgres.isThere(),
    make: async () => onServer("postgres", await postgres.freshDatabase()),
  },
  { name: "MySQL", isThere: await mysql.isThere(), make: async () => onServer("mysql", await mysql.freshDatabase()) },
];

const inOrder = (named: ReadonlyMap<string, unknown>): unknown => [...named].toSorted(([one], [other]) => (one < other ? -1 : 1));

/** What a catalogue says, so that two can be compared. */
export const catalogue = async ({ migrator, run }: Ground): Promise<unknown> =>
  [...(await run(migrator.shape()))]
    .map(([name, table]) => ({
      name,
      ...table,
      columns: inOrder(table.columns),
      indexes: inOrder(table.indexes),
      traits: [...table.traits],
      musts: [...table.musts],
    }))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));

/** The migrations that are written down, without the moments. */
export const recorded = async ({ ask }: Ground): Promise<unknown> =>
  (await ask("select version, name, needs, applied_at from holdfast_migrations order by version")).map(
    ({ applied_at: at, ...row }) => ({ ...row, done: Number(at) > 0 }),
  );
