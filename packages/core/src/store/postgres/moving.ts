/** PostgreSQL as a place that is moved from or to. */
import { getTableConfig } from "drizzle-orm/pg-core";
import { kept, type Place, type Words } from "../move/place.ts";
import { fencedIn, isNumbered, tablesOf, type Column, type Row, type Table } from "../move/tables.ts";
import { longest, patient, placeOn } from "../server/moving.ts";
import type { Reach } from "../server/address.ts";
import type { Statement } from "../server/dialect.ts";
import { postgres } from "./dialect.ts";
import { migratorOf } from "./migrate.ts";
import * as schema from "./schema.ts";
import { given, json, statement } from "./text.ts";
import { wayThrough, wayTo } from "./wire.ts";

const tables = tablesOf(
  schema,
  (table) => {
    const { columns, primaryKeys } = getTableConfig(table);
    return primaryKeys[0]?.columns.map(({ name }) => name) ?? columns.filter(({ primary }) => primary).map(({ name }) => name);
  },
  "words",
);

const fenced = fencedIn(schema);

const quote = (name: string): string => `"${name}"`;
const types = { whole: "bigint", truth: "boolean", text: "text", words: "text", spoken: "text" } as const;

const insert = (table: Table, rows: readonly Row[]): readonly Statement[] => {
  const names = table.columns.map(({ name }) => quote(name)).join(", ");
  const source = given(Object.fromEntries(table.columns.map(({ name, type }) => [name, types[type]])));
  const value = (column: Column, row: Row): string | number | boolean | null => {
    const text = kept(column, row[column.name] ?? null);
    return column.type === "truth" ? text === 1 : text;
  };
  return [
    statement(
      `insert into ${table.name} (${names}) overriding system value select ${table.columns.map(({ name }) => `given.${quote(name)}`).join(", ")} from ${source}`,
      json(rows.map((row) => Object.fromEntries(table.columns.map((column) => [column.name, value(column, row)])))),
    ),
  ];
};

const spanned = ({ name }: Table): string =>
  `json_to_recordset(?::text::json) as given(span_run bigint, span_behind int, span_upto int)
   join ${name} on run = span_run and seq > span_behind and seq <= span_upto`;

/** Its text is read from the marker, so that it need not be made anew when the move is at its end. It stays on where triggers are kept from a session. */
const fence = [
  `lock table ${fenced.join(", ")} in share row exclusive mode`,
  `create or replace function holdfast_fence() returns trigger language plpgsql set search_path from current as $$
   declare said text;
   begin
     select 'holdfast_moved ' || case when m.state = 'moved' then 'moved' else 'moving' end || ' to ' || m.other into said from holdfast_moves as m;
     raise exception using errcode = 'HF001', message = coalesce(said, 'holdfast_moved moving to another database');
   end $$`,
  ...fenced.flatMap((table) => [
    `drop trigger if exists holdfast_fence on ${table}`,
    `create trigger holdfast_fence before insert or update or delete or truncate on ${table} for each statement execute function holdfast_fence()`,
    `alter table ${table} enable always trigger holdfast_fence`,
  ]),
];

const words: Words = {
  tables,
  quote,
  text: (text) => {
    let at = 0;
    return text.replace(/\?/g, () => `$${++at}`);
  },
  shown: ({ name }) => quote(name),
  counted: ({ name, type }) =>
    type === "text"
      ? `octet_length(${quote(name)})::bigint`
      : type === "truth"
        ? `${quote(name)}::int`
        : `${quote(name)}::bigint`,
  given: () => "?",
  now: "floor(extract(epoch from clock_timestamp()) * 1000)::bigint",
  spanned,
  insert,
  survey: tables.map(({ name }) => `analyze ${name}`),
  advance: tables
    .filter(isNumbered)
    .map(
      ({ name }) =>
        `select setval(pg_get_serial_sequence('${name}', 'key'), greatest(coalesce((select max(key) from ${name}), 0), 1), exists (select 1 from ${name}))`,
    ),
  numberWorkersFrom: (first) => [`select setval(pg_get_serial_sequence('holdfast_workers', 'key'), ${first})`],
  begin: ["begin"],
  snapshot: ["begin isolation level repeatable read read only"],
  fence: () => fence,
  lift: [
    `lock table ${fenced.join(", ")} in share row exclusive mode`,
    ...fenced.map((table) => `drop trigger if exists holdfast_fence on ${table}`),
  ],
  fencesAtOnce: true,
  rehearsal: [],
  isDone: () => false,
};

/** The same through the pool under a Drizzle database of the user's. */
export const placeThrough = (client: unknown): Promise<Place> =>
  placeOn(wayThrough(client, patient, longest * 3), postgres, words, migratorOf());

/** Opens a database by its URL: made ready when it is empty. Throws a `storage_…` or `schema_…` fault. */
export const placeAt = async (url: string, tls?: Reach["tls"]): Promise<Place> =>
  placeOn(await wayTo(url, { ...patient, tls }, longest * 3), postgres, words, migratorOf());
