/** What is carried from database to database, told by the schema itself: a table or a column that is added to it is carried too. */
import { getTableColumns, getTableName, is, Table as DrizzleTable } from "drizzle-orm";

/** Words of people may hold any character: they are `words` where the database keeps them as JSON for that, and `spoken` where it keeps them as they are. */
export type Column = { readonly name: string; readonly type: "whole" | "truth" | "text" | "words" | "spoken" };

export type Table = {
  readonly name: string;
  readonly columns: readonly Column[];
  /** The columns of its primary key. */
  readonly key: readonly Column[];
  /** The column that says of which run a row is; undefined where it is of none. */
  readonly owner: string | undefined;
};

/** A row as it is carried: truth is 1 and 0. */
export type Row = Readonly<Record<string, string | number | null>>;

/** Tables that stay where they are, each with the reason. */
export const leftOut: Readonly<Record<string, string>> = {
  holdfast_workers: "the processes that have the one place open have not opened the other",
  holdfast_news: "what processes tell each other is of no use elsewhere",
  holdfast_incarnation: "it names the server that the one place is on",
  holdfast_leaders: "who leads is one of the processes that have the place open",
  holdfast_moves: "says of each place what it is",
};

/** Columns that stay where they are, each with the reason. */
export const columnsLeftOut: Readonly<Record<string, string>> = {
  "holdfast_runs.claim": "the number of a claim means something to the worker that made it, and to nobody else",
  "holdfast_runs.home": "it names a process that has the one place open",
  "holdfast_runs.share": "a database that has it works it out by itself",
};

const runs = "holdfast_runs";

const ofPeople: ReadonlySet<string> = new Set(["holdfast_runs.cancel"]);

const tablesIn = (schema: Readonly<Record<string, unknown>>): readonly DrizzleTable[] =>
  Object.values(schema).filter((value): value is DrizzleTable => is(value, DrizzleTable));

/** The tables that nobody may write to once a database was moved. */
export const fencedIn = (schema: Readonly<Record<string, unknown>>): readonly string[] =>
  tablesIn(schema)
    .map(getTableName)
    .filter((name) => name !== "holdfast_moves");

/** The tables of a schema that are carried. `keyOf` answers with the names of the columns of a primary key. */
export const tablesOf = (
  schema: Readonly<Record<string, unknown>>,
  keyOf: (table: never) => readonly string[],
  words: "words" | "spoken" = "spoken",
): readonly Table[] =>
  tablesIn(schema)
    .filter((table) => !(getTableName(table) in leftOut))
    .map((table) => {
      const name = getTableName(table);
      const columns = Object.values(getTableColumns(table))
        .filter((column) => !(`${name}.${column.name}` in columnsLeftOut))
        .map(({ name: column, dataType }): Column => ({
          name: column,
          type: ofPeople.has(`${name}.${column}`) ? words : typeOf(String(dataType)),
        }));
      const key = keyOf(table as never).flatMap((each) => columns.find((column) => column.name === each) ?? []);
      const owner = name === runs ? "key" : columns.some((column) => column.name === "run") ? "run" : undefined;
      return { name, columns, key, owner };
    })
    .toSorted((one, other) => Number(other.name === runs) - Number(one.name === runs));

const typeOf = (dataType: string): Column["type"] => {
  if (dataType === "number" || dataType === "bigint") return "whole";
  return dataType === "boolean" ? "truth" : "text";
};

/** True of a table whose rows the database numbers. */
export const isNumbered = ({ key }: Table): boolean => key.length === 1 && key[0]?.name === "key";

/** Where each run only appends rows, the column that numbers them. */
export const seqOf = ({ key, owner }: Table): Column | undefined =>
  key.length === 2 && key[0]?.name === owner && key[1]?.type === "whole" ? key[1] : undefined;

export const runsOf = (tables: readonly Table[]): Table => {
  const table = tables.find(({ name }) => name === runs);
  if (!table) throw new Error("The schema has no runs.");
  return table;
};
