/** MySQL or MariaDB as a place that is moved from or to. */
import { getTableConfig } from "drizzle-orm/mysql-core";
import { kept, type Place, type Words } from "../move/place.ts";
import { fencedIn, tablesOf, type Row, type Table } from "../move/tables.ts";
import { longest, patient, placeOn } from "../server/moving.ts";
import type { Reach } from "../server/address.ts";
import type { Statement } from "../server/dialect.ts";
import { mysql } from "./dialect.ts";
import { migratorOf } from "./migrate.ts";
import * as schema from "./schema.ts";
import { given, statement } from "./text.ts";
import { wayThrough, wayTo } from "./wire.ts";

const fenced = fencedIn(schema);

const tables = tablesOf(
  schema,
  (table) => {
    const { columns, primaryKeys } = getTableConfig(table);
    return primaryKeys[0]?.columns.map(({ name }) => name) ?? columns.filter(({ primary }) => primary).map(({ name }) => name);
  },
  "words",
);

const quote = (name: string): string => `\`${name}\``;

/** So many bytes to a statement, at most: a server may take no more than 16 MiB, and some take less. */
const mostBytes = 2_000_000;

/** Rows to a statement: as many as may be, so that few texts are prepared. As one JSON text they would take the server twice as long. */
const counts = [128, 16, 1] as const;

const insertSome = ({ name, columns }: Table, rows: readonly Row[]): Statement =>
  statement(
    `insert into ${name} (${columns.map((column) => quote(column.name)).join(", ")}) values ${rows
      .map(() => `(${columns.map(() => "?").join(", ")})`)
      .join(", ")}`,
    ...rows.flatMap((row) => columns.map(({ name: column }) => row[column] ?? null)),
  );

const sizeOf = (row: Row): number =>
  Object.values(row).reduce<number>((sum, value) => sum + (typeof value === "string" ? Buffer.byteLength(value) : 8), 0);

/** How many of these, from one on, are put in by one statement. */
const fitting = (sizes: readonly number[], from: number): number =>
  counts.find(
    (count) =>
      count === 1 ||
      (from + count <= sizes.length && sizes.slice(from, from + count).reduce((sum, size) => sum + size, 0) <= mostBytes),
  ) ?? 1;

const insert = (table: Table, rows: readonly Row[]): readonly Statement[] => {
  const encoded = rows.map((row): Row =>
    Object.fromEntries(table.columns.map((column) => [column.name, kept(column, row[column.name] ?? null)])),
  );
  const sizes = encoded.map(sizeOf);
  const statements: Statement[] = [];
  for (let at = 0; at < rows.length;) {
    const count = fitting(sizes, at);
    statements.push(insertSome(table, encoded.slice(at, at + count)));
    at += count;
  }
  return statements;
};

const spanned = ({ name }: Table): string =>
  `${given({ span_run: "bigint", span_behind: "int", span_upto: "int" })}
   straight_join ${name} force index (primary) on run = span_run and seq > span_behind and seq <= span_upto`;

const kinds = ["insert", "update", "delete"] as const;
const triggers = fenced.flatMap((table) => kinds.map((kind) => ({ table, kind, name: `${table}_fence_${kind}` })));

const refusal = `begin
  declare said varchar(128);
  set said = coalesce((select left(concat('holdfast_moved ', case when m.state = 'moved' then 'moved' else 'moving' end, ' to ', m.other), 128) from holdfast_moves as m limit 1),
    'holdfast_moved moving to another database');
  signal sqlstate '45000' set message_text = said;
end`;

const isTold = (error: unknown, ...numbers: readonly number[]): boolean =>
  numbers.includes(Number((error as { errno?: unknown }).errno));

const words: Words = {
  tables,
  quote,
  text: (text) => text,
  shown: ({ name, type }) => (type === "text" || type === "words" ? `convert(${quote(name)} using utf8mb4)` : quote(name)),
  counted: ({ name, type }) => (type === "text" ? `octet_length(${quote(name)})` : quote(name)),
  given: ({ type }) => (type === "text" ? "cast(? as binary)" : "?"),
  now: "cast(floor(unix_timestamp(now(6)) * 1000) as signed)",
  spanned,
  insert,
  survey: [],
  advance: [],
  numberWorkersFrom: (first) => [`alter table holdfast_workers auto_increment = ${first}`],
  begin: ["start transaction"],
  snapshot: ["set session transaction isolation level repeatable read", "start transaction with consistent snapshot, read only"],
  // Who waits for a table to be altered keeps everybody behind him waiting: so he does not wait for long, and tries again.
  fence: () => [
    "set session lock_wait_timeout = 2",
    ...triggers.map(({ table, kind, name }) => `create trigger ${name} before ${kind} on ${table} for each row ${refusal}`),
  ],
  lift: ["set session lock_wait_timeout = 2", ...triggers.map(({ name }) => `drop trigger if exists ${name}`)],
  fencesAtOnce: false,
  rehearsal: [
    "drop trigger if exists holdfast_moves_rehearsal",
    `create trigger holdfast_moves_rehearsal before delete on holdfast_moves for each row set @holdfast_rehearsal = 1`,
    "drop trigger if exists holdfast_moves_rehearsal",
  ],
  isDone: (error) => isTold(error, 1359, 1360),
};

/** The same through the pool under a Drizzle database of the user's. */
export const placeThrough = (client: unknown): Promise<Place> =>
  placeOn(wayThrough(client, patient, longest * 3), mysql, words, migratorOf());

/** Opens a database by its URL: made ready when it is empty. Throws a `storage_…` or `schema_…` fault. */
export const placeAt = async (url: string, tls?: Reach["tls"]): Promise<Place> =>
  placeOn(await wayTo(url, { ...patient, tls }, longest * 3), mysql, words, migratorOf());
