/** What tables look like, and how those that are there differ from those of this release. */

export type Column = {
  readonly type: string;
  readonly nullable: boolean;
  /** As a literal; null when there is none. */
  readonly default: string | null;
  /** The database gives it a number. */
  readonly grows: boolean;
};

/** `where` is the condition of a partial index, in a spelling that all databases share; empty when it holds all rows. */
export type Index = { readonly columns: readonly string[]; readonly unique: boolean; readonly where: string };

export type Table = {
  readonly columns: ReadonlyMap<string, Column>;
  readonly key: readonly string[];
  readonly indexes: ReadonlyMap<string, Index>;
  /** What no Drizzle table says. Without it everything works, only slower or less strictly. */
  readonly traits: ReadonlyMap<string, string>;
  /** What no Drizzle table says, and a promise rests on. */
  readonly musts: ReadonlyMap<string, string>;
};

export type Shape = ReadonlyMap<string, Table>;

/** One thing that is not as this release wants it. */
export type Difference = {
  /** `holdfast_runs`, `holdfast_runs.claim`, or the name of an index. */
  readonly where: string;
  /** What is wrong, as people read it. */
  readonly what: string;
  /** False when all works as promised all the same, only slower or less strictly. */
  readonly breaks: boolean;
};

const breaking = (where: string, what: string): Difference => ({ where, what, breaks: true });
const harmless = (where: string, what: string): Difference => ({ where, what, breaks: false });

/** Every difference, table by table. Tables that this release does not know are passed over. */
export const differencesOf = (is: Shape, wanted: Shape): readonly Difference[] =>
  [...wanted].flatMap(([name, table]) => {
    const there = is.get(name);
    return there ? tableDifferences(name, there, table) : [breaking(name, "the table is missing")];
  });

const tableDifferences = (name: string, is: Table, wanted: Table): readonly Difference[] => [
  ...columnDifferences(name, is, wanted),
  ...(is.key.join() === wanted.key.join()
    ? []
    : [breaking(name, `its primary key is (${is.key.join(", ")}), and should be (${wanted.key.join(", ")})`)]),
  ...indexDifferences(is, wanted),
  ...traitDifferences(is.musts, wanted.musts, (what) => breaking(name, what)),
  ...traitDifferences(is.traits, wanted.traits, (what) => harmless(name, what)),
];

const columnDifferences = (name: string, is: Table, wanted: Table): readonly Difference[] => [
  ...[...wanted.columns].flatMap(([column, want]) => {
    const where = `${name}.${column}`;
    const there = is.columns.get(column);
    return there ? columnDifference(where, there, want) : [breaking(where, "the column is missing")];
  }),
  ...[...is.columns]
    .filter(([column]) => !wanted.columns.has(column))
    .map(([column, { nullable, default: given, grows }]) =>
      nullable || given !== null || grows
        ? harmless(`${name}.${column}`, "this release does not know the column")
        : breaking(`${name}.${column}`, "this release does not know the column, and it takes no row without it"),
    ),
];

const columnDifference = (where: string, is: Column, want: Column): readonly Difference[] => [
  ...(is.type === want.type ? [] : [breaking(where, `its type is ${is.type}, and should be ${want.type}`)]),
  ...(is.nullable === want.nullable
    ? []
    : [breaking(where, want.nullable ? "it takes no null, and should" : "it takes null, and should not")]),
  ...(is.default === want.default
    ? []
    : [breaking(where, `its default is ${is.default ?? "none"}, and should be ${want.default ?? "none"}`)]),
  ...(want.grows && !is.grows ? [breaking(where, "the database does not number it, and should")] : []),
];

const said = ({ columns, unique, where }: Index): string =>
  `${unique ? "unique " : ""}on (${columns.join(", ")})${where === "" ? "" : ` where ${where}`}`;

const indexDifferences = (is: Table, wanted: Table): readonly Difference[] => [
  ...[...wanted.indexes].flatMap(([name, want]) => {
    const there = is.indexes.get(name);
    if (!there) return [breaking(name, `the index ${said(want)} is missing`)];
    return said(there) === said(want) ? [] : [breaking(name, `the index is ${said(there)}, and should be ${said(want)}`)];
  }),
  ...[...is.indexes]
    .filter(([name]) => !wanted.indexes.has(name))
    .map(([name, index]) =>
      index.unique
        ? breaking(name, `this release does not know the index ${said(index)}, and it may refuse rows`)
        : harmless(name, `this release does not know the index ${said(index)}`),
    ),
];

const traitDifferences = (
  is: ReadonlyMap<string, string>,
  wanted: ReadonlyMap<string, string>,
  difference: (what: string) => Difference,
): readonly Difference[] =>
  [...wanted]
    .filter(([name, value]) => is.get(name) !== value)
    .map(([name, value]) => difference(`its ${name} is ${is.get(name) ?? "not set"}, and should be ${value}`));

/** A condition as every database tells it in its own way: without quotes, brackets, casts, tables' names and spaces that say nothing. */
export const plainCondition = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/::[a-z]+/g, "")
    .replaceAll(/["`]?holdfast_\w+["`]?\./g, "")
    .replaceAll(/["`()]/g, "")
    .replaceAll(/\s+/g, " ")
    .trim();

/** A default as every database tells it in its own way. */
export const plainDefault = (value: unknown): string | null => {
  if (value === null || value === undefined) return null;
  const text = (typeof value === "string" ? value : JSON.stringify(value)).replaceAll(/::[a-z ]+/g, "").trim();
  if (/^null$/i.test(text)) return null;
  if (/^false$/i.test(text)) return "0";
  if (/^true$/i.test(text)) return "1";
  return text.replaceAll(/^'|'$/g, "");
};
