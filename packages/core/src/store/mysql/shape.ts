/** What the tables on MySQL and MariaDB look like, and what Drizzle says that they should look like. */
import { SQL } from "drizzle-orm";
import { getTableConfig, MySqlDialect, MySqlTable, type MySqlColumn } from "drizzle-orm/mysql-core";
import { plainDefault, type Column, type Index, type Shape, type Table } from "../migrations/shape.ts";
import { say, textOf, type Fields, type Steps } from "../migrations/steps.ts";
import * as schema from "./schema.ts";

const ours = (table: string): string =>
  `${table}.table_schema = database() and ${table}.table_name like 'holdfast\\\\_%' and ${table}.table_name <> 'holdfast_migrations'`;

/** The tables of Holdfast as they are there. */
export function* shape(): Steps<Shape> {
  const made = yield* say(
    `select t.table_name as name, t.engine as engine, t.table_collation as collation, t.row_format as format from information_schema.tables as t
     where t.table_type = 'BASE TABLE' and ${ours("t")}`,
  );
  const columns = yield* say(
    `select c.table_name as owner, c.column_name as name, c.column_type as type, c.is_nullable as nullable, c.column_default as given, c.extra as extra,
       c.character_set_name as letters from information_schema.columns as c where ${ours("c")} order by c.ordinal_position`,
  );
  const indexes = yield* say(
    `select s.table_name as owner, s.index_name as name, min(s.non_unique) as several, group_concat(s.column_name order by s.seq_in_index) as parts
     from information_schema.statistics as s where ${ours("s")} group by s.table_name, s.index_name`,
  );
  const within = (rows: readonly Fields[], name: unknown): readonly Fields[] => rows.filter(({ owner }) => owner === name);
  return new Map(
    made.map((table) => [String(table["name"]), tableOf(table, within(columns, table["name"]), within(indexes, table["name"]))]),
  );
}

const tableOf = ({ engine, collation, format }: Fields, columns: readonly Fields[], indexes: readonly Fields[]): Table => ({
  columns: new Map(columns.map((column) => [String(column["name"]), columnOf(column)])),
  key: textOf(
    indexes.find(({ name }) => name === "PRIMARY"),
    "parts",
  ).split(","),
  indexes: new Map(indexes.filter(({ name }) => name !== "PRIMARY").map((index) => [String(index["name"]), indexOf(index)])),
  traits: new Map([
    ["collation", String(collation)],
    ["row format", String(format)],
  ]),
  musts: new Map([["engine", String(engine)]]),
});

/** A number's width says nothing, but for truth, which is a number of one digit. */
const plainType = (type: string): string => {
  if (/^(tinyint\(1\)|boolean)$/.test(type)) return "boolean";
  return type.replace(/^(tinyint|smallint|mediumint|int|bigint)\(\d+\)/, "$1");
};

const columnOf = (column: Fields): Column => ({
  type: [plainType(textOf(column, "type").toLowerCase()), textOf(column, "letters")].filter((word) => word !== "").join(" of "),
  nullable: column["nullable"] === "YES",
  default: plainDefault(column["given"]),
  grows: /auto_increment/i.test(textOf(column, "extra")),
});

const indexOf = ({ parts, several }: Fields): Index => ({
  columns: String(parts).split(","),
  unique: Number(several) === 0,
  where: "",
});

const dialect = new MySqlDialect();
const written = (query: SQL): string => dialect.sqlToQuery(query).sql;

/** The tables as this release wants them. */
export const wanted = (): Shape =>
  new Map(Object.values(schema).flatMap((value) => (value instanceof MySqlTable ? [tableWanted(value)] : [])));

const tableWanted = (value: MySqlTable): readonly [string, Table] => {
  const { name, columns, primaryKeys, indexes } = getTableConfig(value);
  const key = primaryKeys[0]?.columns ?? columns.filter(({ primary }) => primary);
  return [
    name,
    {
      columns: new Map(columns.map((column) => [column.name, columnWanted(column)])),
      key: key.map((column) => column.name),
      indexes: new Map(
        indexes.map(({ config }) => [
          config.name,
          {
            columns: config.columns.map((column) => ("name" in column ? column.name : written(column))),
            unique: config.unique === true,
            where: "",
          },
        ]),
      ),
      traits: new Map([
        ["collation", "utf8mb4_bin"],
        ["row format", "Dynamic"],
      ]),
      musts: new Map([["engine", "InnoDB"]]),
    },
  ];
};

const columnWanted = (column: MySqlColumn): Column => {
  const type = plainType(column.getSQLType().toLowerCase());
  return {
    type: /char|text/.test(type) ? `${type} of utf8mb4` : type,
    nullable: !column.notNull && !column.primary,
    default:
      column.hasDefault && !isNumbered(column)
        ? plainDefault(column.default instanceof SQL ? written(column.default) : column.default)
        : null,
    grows: isNumbered(column),
  };
};

const isNumbered = (column: MySqlColumn): boolean => "autoIncrement" in column && column.autoIncrement === true;
