// What a move carries: every table and column of every schema, or a reason why not.
import { describe, expect, test } from "bun:test";
import { getTableColumns, getTableName, is, Table } from "drizzle-orm";
import { columnsLeftOut, leftOut, tablesOf } from "../../src/store/move/tables.ts";
import * as mysql from "../../src/store/mysql/schema.ts";
import * as postgres from "../../src/store/postgres/schema.ts";
import * as sqlite from "../../src/store/sqlite/schema.ts";

const schemas = { sqlite, postgres, mysql };

/** Every `table.column` of a schema. */
const columnsOf = (schema: Readonly<Record<string, unknown>>): string[] =>
  Object.values(schema)
    .filter((value): value is Table => is(value, Table))
    .flatMap((table) => Object.values(getTableColumns(table)).map((column) => `${getTableName(table)}.${column.name}`));

const carried = (schema: Readonly<Record<string, unknown>>): string[] =>
  tablesOf(schema, () => []).flatMap(({ name, columns }) => columns.map((column) => `${name}.${column.name}`));

const isLeftOut = (column: string): boolean => column in columnsLeftOut || (column.split(".")[0] ?? "") in leftOut;

describe("what is carried", () => {
  for (const [name, schema] of Object.entries(schemas))
    test(`every column on ${name} is carried, or left out with a reason`, () => {
      expect(carried(schema).toSorted()).toEqual(
        columnsOf(schema)
          .filter((column) => !isLeftOut(column))
          .toSorted(),
      );
    });

  test("what is carried from one kind of database has a place in every other", () => {
    const [first, ...others] = Object.values(schemas).map((schema) => carried(schema).toSorted());
    for (const other of others) expect(other).toEqual(first!);
  });

  test("what is left out is there to be left out", () => {
    const all = Object.values(schemas).flatMap(columnsOf);
    for (const table of Object.keys(leftOut)) expect(all.some((column) => column.startsWith(`${table}.`))).toBe(true);
    for (const column of Object.keys(columnsLeftOut)) expect(all).toContain(column);
  });

  test("every table that is carried is of runs, or is little", () => {
    const apart = tablesOf(sqlite, () => []).flatMap(({ name, owner }) => (owner === undefined ? [name] : []));
    expect(apart).toEqual(["holdfast_breakers"]);
  });
});
