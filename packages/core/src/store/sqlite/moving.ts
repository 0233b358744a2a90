/** A file of SQLite as a place that is moved from or to: a connection of its own, asked as a server is. */
import { existsSync } from "node:fs";
import type { SQLQueryBindings } from "bun:sqlite";
import { getTableConfig } from "drizzle-orm/sqlite-core";
import * as Fault from "../../model/fault.ts";
import { kept, type Place, type Words } from "../move/place.ts";
import { fencedIn, tablesOf, type Row, type Table } from "../move/tables.ts";
import type { Statement } from "../server/dialect.ts";
import type { Fields, Link, Param, Rows } from "../server/link.ts";
import { assertInPlace, connect, disconnect, type Connection } from "./connection.ts";
import { migrateNow } from "./migrate.ts";
import { fileOf } from "./names.ts";
import * as schema from "./schema.ts";
import { isBusy, isTrouble, troubleOf } from "./trouble.ts";

const fenced = fencedIn(schema);

const tables = tablesOf(schema, (table) => {
  const { columns, primaryKeys } = getTableConfig(table);
  return primaryKeys[0]?.columns.map(({ name }) => name) ?? columns.filter(({ primary }) => primary).map(({ name }) => name);
});

const quote = (name: string): string => `"${name}"`;

/** Rows to a statement: as many as may be, and the rest one by one, so that few statements are prepared. */
const together = 32;

const insertSome = ({ name, columns }: Table, rows: readonly Row[]): Statement => ({
  text: `insert into ${name} (${columns.map((column) => quote(column.name)).join(", ")}) values ${rows
    .map(() => `(${columns.map(() => "?").join(", ")})`)
    .join(", ")}`,
  params: rows.flatMap((row) => columns.map((column) => kept(column, row[column.name] ?? null))),
});

const insert = (table: Table, rows: readonly Row[]): readonly Statement[] => {
  const whole = rows.length - (rows.length % together);
  const packed = Array.from({ length: whole / together }, (_, index) => rows.slice(index * together, (index + 1) * together));
  return [...packed, ...rows.slice(whole).map((row) => [row])].map((some) => insertSome(table, some));
};

const spanned = ({ name }: Table): string =>
  `(select value ->> 'span_run' as span_run, value ->> 'span_behind' as span_behind, value ->> 'span_upto' as span_upto from json_each(?)) as given
   cross join ${name} on run = span_run and seq > span_behind and seq <= span_upto`;

const kinds = ["insert", "update", "delete"] as const;
const triggers = fenced.flatMap((table) => kinds.map((kind) => ({ table, kind, name: `${table}_fence_${kind}` })));
const lift = triggers.map(({ name }) => `drop trigger if exists ${name}`);
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

const words: Words = {
  tables,
  quote,
  text: (text) => text,
  shown: ({ name }) => quote(name),
  counted: ({ name, type }) => (type === "text" ? `octet_length(${quote(name)})` : quote(name)),
  given: () => "?",
  now: "cast(unixepoch('subsec') * 1000 as integer)",
  spanned,
  insert,
  survey: [],
  advance: [],
  numberWorkersFrom: (first) => [
    "delete from sqlite_sequence where name = 'holdfast_workers'",
    `insert into sqlite_sequence (name, seq) values ('holdfast_workers', ${first})`,
  ],
  begin: ["begin immediate"],
  snapshot: ["begin", "select 1 from sqlite_master"],
  // What a trigger says is part of it: so it is made anew when there is something else to be said.
  fence: (said) => [
    ...lift,
    ...triggers.map(
      ({ table, kind, name }) =>
        `create trigger ${name} before ${kind} on ${table} begin select raise(abort, ${literal(said)}); end`,
    ),
  ],
  lift,
  fencesAtOnce: true,
  rehearsal: [],
  isDone: () => false,
};

const linkOn = ({ statements }: Connection): Link => ({
  send: async (text, params = []) => {
    const statement = statements.prepare(text);
    const bindings = params.map((param: Param) => (typeof param === "boolean" ? Number(param) : param)) as SQLQueryBindings[];
    if (!/^\s*(select|pragma|with)/i.test(text)) return answer([], statement.run(...bindings).changes);
    const rows = statement.all(...bindings) as Fields[];
    return answer(rows, rows.length);
  },
});

const answer = (rows: Fields[], count: number): Rows => Object.assign(rows, { count });

export const placeOver = (connection: Connection): Place => {
  const { file } = connection;
  const link = linkOn(connection);
  return {
    name: `sqlite:${file ?? ":memory:"}`,
    words,
    use: (work) => work(link),
    isPassing: isBusy,
    isDefect: (error) => !isBusy(error) && !isTrouble(error) && !Fault.is(error),
    faultOf: (error) => troubleOf(error, file),
    assertInPlace: () => assertInPlace(connection),
    close: async () => disconnect(connection),
  };
};

/** Opens a file. Throws a `storage_…` or `schema_…` fault; a file that is moved from must be there. */
export const placeAt = async (path: string, role: "source" | "target"): Promise<Place> => {
  const file = fileOf(path);
  if (file === undefined)
    throw Fault.make(
      "invalid_option",
      "A database in memory cannot be moved: nobody else can reach it. Name a file or a server.",
    );
  if (role === "source" && !existsSync(file))
    throw Fault.make("storage_failed", `There is no file ${file} to copy from. Name the file that holds the runs.`, { file });
  try {
    const connection = connect(file);
    try {
      if (connection.isBehind) migrateNow(connection.client, {});
      return placeOver(connection);
    } catch (error) {
      disconnect(connection);
      throw error;
    }
  } catch (error) {
    throw troubleOf(error, file);
  }
};
