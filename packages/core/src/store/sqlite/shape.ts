/** What the tables on SQLite look like, and what Drizzle says that they should look like. */
import { SQL } from "drizzle-orm";
import { getTableConfig, SQLiteSyncDialect, SQLiteTable, type AnySQLiteColumn } from "drizzle-orm/sqlite-core";
import { plainCondition, plainDefault, type Column, type Index, type Shape, type Table } from "../migrations/shape.ts";
import { say, textOf, type Fields, type Steps } from "../migrations/steps.ts";
import * as schema from "./schema.ts";

const tables = "from sqlite_master as m";
const ours = "m.type = 'table' and m.name like 'holdfast\\_%' escape '\\' and m.name <> 'holdfast_migrations'";

/** The tables of Holdfast as they are there. */
export function* shape(): Steps<Shape> {
  const made = yield* say(
    `select m.name, m.sql, l.strict, l.wr ${tables} join pragma_table_list as l on l.name = m.name and l.schema = 'main' where ${ours}`,
  );
  const columns = yield* say(
    `select m.name as "table", c.name, lower(c.type) as type, c."notnull", c.dflt_value as "default", c.pk ${tables}, pragma_table_info(m.name) as c where ${ours}`,
  );
  const indexes = yield* say(
    `select m.name as "table", i.name, i."unique", (select group_concat(name) from (select name from pragma_index_info(i.name) order by seqno)) as columns,
       (select sql from sqlite_master where type = 'index' and name = i.name) as sql
     ${tables}, pragma_index_list(m.name) as i where i.origin <> 'pk' and ${ours}`,
  );
  const within = (rows: readonly Fields[], name: unknown): readonly Fields[] => rows.filter((row) => row["table"] === name);
  return new Map(
    made.map((table) => [String(table["name"]), tableOf(table, within(columns, table["name"]), within(indexes, table["name"]))]),
  );
}

const tableOf = (table: Fields, columns: readonly Fields[], indexes: readonly Fields[]): Table => {
  const keys = columns.filter(({ pk }) => Number(pk) > 0).toSorted((one, other) => Number(one["pk"]) - Number(other["pk"]));
  const text = String(table["sql"]);
  return {
    columns: new Map(columns.map((column) => [String(column["name"]), columnOf(column, text)])),
    key: keys.map(({ name }) => String(name)),
    indexes: new Map(indexes.map((index) => [String(index["name"]), indexOf(index)])),
    traits: new Map([
      ["strictness", Number(table["strict"]) === 1 ? "STRICT" : "none"],
      ["order", Number(table["wr"]) === 1 ? "WITHOUT ROWID" : "by rowid"],
    ]),
    musts: new Map(),
  };
};

const columnOf = (column: Fields, table: string): Column => ({
  type: String(column["type"]),
  // The number of a row is never null, said or not.
  nullable: Number(column["notnull"]) === 0 && Number(column["pk"]) === 0,
  default: plainDefault(column["default"]),
  grows: Number(column["pk"]) > 0 && /autoincrement/i.test(table),
});

const indexOf = (index: Fields): Index => ({
  columns: textOf(index, "columns").split(","),
  unique: Number(index["unique"]) === 1,
  where: plainCondition(/\bwhere\b(.*)$/is.exec(textOf(index, "sql"))?.[1] ?? ""),
});

const dialect = new SQLiteSyncDialect();
const written = (query: SQL): string => dialect.sqlToQuery(query).sql;

/** Drizzle knows neither: they are put into the migrations by hand. */
const withoutRowid = new Set(["holdfast_history", "holdfast_tags"]);

/** The tables as this release wants them. */
export const wanted = (): Shape =>
  new Map(Object.values(schema).flatMap((value) => (value instanceof SQLiteTable ? [tableWanted(value)] : [])));

const tableWanted = (value: SQLiteTable): readonly [string, Table] => {
  const { name, columns, primaryKeys, indexes } = getTableConfig(value);
  const key = primaryKeys[0]?.columns ?? columns.filter(({ primary }) => primary);
  const table: Table = {
    columns: new Map(columns.map((column) => [column.name, columnWanted(column)])),
    key: key.map((column) => column.name),
    indexes: new Map(
      indexes.map(({ config }) => [
        config.name,
        {
          columns: config.columns.map((column) => ("name" in column ? column.name : written(column))),
          unique: config.unique,
          where: config.where ? plainCondition(written(config.where)) : "",
        },
      ]),
    ),
    traits: new Map([
      ["strictness", "STRICT"],
      ["order", withoutRowid.has(name) ? "WITHOUT ROWID" : "by rowid"],
    ]),
    musts: new Map(),
  };
  return [name, table];
};

const columnWanted = (column: AnySQLiteColumn): Column => ({
  type: column.getSQLType().toLowerCase(),
  nullable: !column.notNull && !column.primary,
  default: column.hasDefault ? plainDefault(column.default instanceof SQL ? written(column.default) : column.default) : null,
  grows: "autoIncrement" in column && column.autoIncrement === true,
});
