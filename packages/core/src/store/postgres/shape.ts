/** What the tables on PostgreSQL look like, and what Drizzle says that they should look like. */
import { SQL } from "drizzle-orm";
import { getTableConfig, PgDialect, PgTable, type PgColumn } from "drizzle-orm/pg-core";
import { plainCondition, plainDefault, type Column, type Index, type Shape, type Table } from "../migrations/shape.ts";
import { say, type Fields, type Steps } from "../migrations/steps.ts";
import * as schema from "./schema.ts";

const ours =
  "c.relkind in ('r', 'p') and c.relname like 'holdfast\\_%' and c.relname <> 'holdfast_migrations' and pg_catalog.pg_table_is_visible(c.oid)";

/** The tables of Holdfast as they are there. */
export function* shape(): Steps<Shape> {
  const made = yield* say(
    `select c.relname::text as name, coalesce(array_to_string(c.reloptions, ','), '') as options from pg_catalog.pg_class as c where ${ours}`,
  );
  const columns = yield* say(
    `select c.relname::text as "table", a.attname::text as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as "full",
       pg_get_expr(d.adbin, d.adrelid) as "default", a.attidentity <> '' as grows
     from pg_catalog.pg_class as c join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     left join pg_catalog.pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum where ${ours} order by a.attnum`,
  );
  const indexes = yield* say(
    `select c.relname::text as "table", i.relname::text as name, x.indisunique as "unique", x.indisprimary as "primary",
       (select string_agg(pg_get_indexdef(x.indexrelid, n, true), ',' order by n) from generate_series(1, x.indnkeyatts::int) as n) as columns,
       coalesce(pg_get_expr(x.indpred, x.indrelid), '') as "where"
     from pg_catalog.pg_class as c join pg_catalog.pg_index as x on x.indrelid = c.oid and x.indisvalid
     join pg_catalog.pg_class as i on i.oid = x.indexrelid where ${ours}`,
  );
  const within = (rows: readonly Fields[], name: unknown): readonly Fields[] => rows.filter((row) => row["table"] === name);
  return new Map(
    made.map((table) => [String(table["name"]), tableOf(table, within(columns, table["name"]), within(indexes, table["name"]))]),
  );
}

const namesIn = (text: unknown): readonly string[] => String(text).replaceAll('"', "").split(",");

const tableOf = ({ options }: Fields, columns: readonly Fields[], indexes: readonly Fields[]): Table => ({
  columns: new Map(columns.map((column) => [String(column["name"]), columnOf(column)])),
  key: namesIn(indexes.find(({ primary }) => primary === true)?.["columns"] ?? ""),
  indexes: new Map(indexes.filter(({ primary }) => primary !== true).map((index) => [String(index["name"]), indexOf(index)])),
  traits: new Map([["fill factor", /fillfactor=(\d+)/.exec(String(options))?.[1] ?? "100"]]),
  musts: new Map(),
});

const columnOf = ({ type, full, default: given, grows }: Fields): Column => ({
  type: String(type),
  nullable: full !== true,
  default: plainDefault(given),
  grows: grows === true || String(given).startsWith("nextval("),
});

const indexOf = ({ columns, unique, where }: Fields): Index => ({
  columns: namesIn(columns),
  unique: unique === true,
  where: plainCondition(String(where)),
});

const dialect = new PgDialect();
const textOf = (query: SQL): string => dialect.sqlToQuery(query).sql;

/** Drizzle does not know them: they are put into the migrations by hand. */
const fillFactors: ReadonlyMap<string, string> = new Map([["holdfast_runs", "70"]]);

/** The tables as this release wants them. */
export const wanted = (): Shape =>
  new Map(Object.values(schema).flatMap((value) => (value instanceof PgTable ? [tableWanted(value)] : [])));

const tableWanted = (value: PgTable): readonly [string, Table] => {
  const { name, columns, primaryKeys, indexes } = getTableConfig(value);
  const key = primaryKeys[0]?.columns ?? columns.filter(({ primary }) => primary);
  return [
    name,
    {
      columns: new Map(columns.map((column) => [column.name, columnWanted(column)])),
      key: key.map((column) => column.name),
      indexes: new Map(
        indexes.map(({ config }) => [
          config.name ?? "",
          {
            columns: config.columns.map((column) => ("name" in column ? String(column.name) : textOf(column as SQL))),
            unique: config.unique,
            where: config.where ? plainCondition(textOf(config.where)) : "",
          },
        ]),
      ),
      traits: new Map([["fill factor", fillFactors.get(name) ?? "100"]]),
      musts: new Map(),
    },
  ];
};

const columnWanted = (column: PgColumn): Column => ({
  type: column.getSQLType(),
  nullable: !column.notNull && !column.primary,
  default: column.hasDefault ? plainDefault(column.default instanceof SQL ? textOf(column.default) : column.default) : null,
  grows: column.generatedIdentity !== undefined,
});
