/** The schema of a database and what is written down of it, as one text, so that two can be compared. */
import { say, type Steps } from "../../src/store/migrations/steps.ts";
import type { Migrator } from "../../src/store/migrations/migrator.ts";
import { onSchema } from "../../src/store/schema.ts";

const inOrder = (named: ReadonlyMap<string, unknown>): unknown => [...named].toSorted(([one], [other]) => (one < other ? -1 : 1));

function* read({ shape }: Migrator): Steps<string> {
  const tables = [...(yield* shape())].map(([name, table]) => ({
    name,
    key: table.key,
    columns: inOrder(table.columns),
    indexes: inOrder(table.indexes),
    others: [inOrder(table.traits), inOrder(table.musts)],
  }));
  const rows = yield* say("select version, name, applied_at from holdfast_migrations order by version");
  const written = rows.map(
    (row) => `${Number(row["version"])} ${String(row["name"])} ${Number(row["applied_at"]) > 0 ? "done" : "begun"}`,
  );
  return JSON.stringify({ written, tables: tables.toSorted((one, other) => (one.name < other.name ? -1 : 1)) });
}

export const schemaOf = (url: string): Promise<string> => onSchema(url, { creates: false }, read);
