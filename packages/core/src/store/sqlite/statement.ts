/** Drizzle writes the SQL of a hot statement once; bun:sqlite runs it, without anything between. */
import type { SQLQueryBindings, Statement } from "bun:sqlite";
import { and, eq, is, Placeholder, sql, type SQL } from "drizzle-orm";
import type { Connection } from "./connection.ts";
import { runs } from "./schema.ts";

type Binding = string | number | bigint | boolean | null;
export type Values = Readonly<Record<string, Binding>>;

/** A value to be given when the statement runs. */
export const given = (name: string): SQL => sql`${sql.placeholder(name)}`;

/** The fence: the run, and the number of the lease that may write for it. */
export const underLease = and(eq(runs.key, given("run")), eq(runs.lease, given("lease")));

type Slot = { readonly name: string; readonly constant?: never } | { readonly name?: never; readonly constant: Binding };

type Query = { readonly toSQL: () => { sql: string; params: unknown[] } };

/** Prepares a statement, and what puts named values in the order it wants them. */
const prepared = ({ statements }: Connection, query: Query) => {
  const { sql: text, params } = query.toSQL();
  const slots = params.map((param): Slot => (is(param, Placeholder) ? { name: param.name } : { constant: param as Binding }));
  return {
    statement: statements.prepare(text) as Statement<unknown, SQLQueryBindings[]>,
    bind: (values: Values): Binding[] => {
      const bindings: Binding[] = [];
      for (const slot of slots) bindings.push(slot.name === undefined ? slot.constant : (values[slot.name] ?? null));
      return bindings;
    },
  };
};

/** A statement that answers how many rows it changed. */
export const changing = (connection: Connection, query: Query): ((values: Values) => number) => {
  const { statement, bind } = prepared(connection, query);
  return (values) => statement.run(...bind(values)).changes;
};

/** A statement that answers with the key of the row it inserted; undefined when it inserted none. */
export const inserting = (connection: Connection, query: Query): ((values: Values) => number | undefined) => {
  const { statement, bind } = prepared(connection, query);
  return (values) => {
    const { changes, lastInsertRowid } = statement.run(...bind(values));
    return changes === 1 ? Number(lastInsertRowid) : undefined;
  };
};

/** A statement that answers with rows whose columns are plain and have the names of the fields: read as they are. */
export const reading = <Row>(connection: Connection, query: Query): ((values: Values) => Row[]) => {
  const { statement, bind } = prepared(connection, query);
  return (values) => statement.all(...bind(values)) as Row[];
};
