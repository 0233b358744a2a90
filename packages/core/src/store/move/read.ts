/** Reading a place: in windows of runs, in pages that are bounded in bytes, and as sums that tell whether two places are the same. */
import { ask, rowOf, type Place } from "./place.ts";
import { runsOf, seqOf, type Column, type Row, type Table } from "./tables.ts";
import type { Param } from "../server/link.ts";

/** So many keys of runs are looked at together. */
export const windowSize = 2_048;

/** Where the window begins that a key is in. */
export const windowOf = (key: number): number => key - (key % windowSize);

/** Rows of a page, and bytes of its texts: one row may be larger. */
const pageRows = 1_000;
const pageBytes = 2_000_000;

/** Sums stay exact in a double, however many rows there are. */
const modulus = 2_147_483_647;

export const listOf = (keys: readonly number[]): string => `(${keys.map((key) => Math.trunc(key)).join(", ")})`;

export type Window = { readonly print: string; readonly isOver: boolean };

/**
 * The windows of the runs there are, each with what can only grow: while all of its runs are at their end, equal windows hold equal runs.
 */
export const windowsOf = async (place: Place): Promise<ReadonlyMap<number, Window>> => {
  const key = place.words.quote("key");
  const rows = await ask(
    place,
    `select (${key} - ${key} % ${windowSize}) as start, count(*) as runs, count(ended_at) as ended, sum(lease) as leases, sum(mail) as mails
     from holdfast_runs group by 1`,
  );
  return new Map(
    rows.map(({ start, runs, ended, leases, mails }) => [
      Number(start),
      { print: [runs, ended, leases, mails].map(String).join(" "), isOver: Number(runs) === Number(ended) },
    ]),
  );
};

const listed = ({ words }: Place, { columns }: Table): string =>
  columns.map((column) => `${words.shown(column)} as ${words.quote(column.name)}`).join(", ");

/** Some rows of a table: where they are found, and which of those. */
export type Some = { readonly from: string; readonly where: string; readonly params: readonly Param[] };

export const every = ({ name }: Table): Some => ({ from: name, where: "1 = 1", params: [] });

/** Those of the runs whose keys are in a window. */
export const inWindow = ({ words }: Place, { name, owner = "" }: Table, start: number): Some => ({
  from: name,
  where: `${words.quote(owner)} >= ? and ${words.quote(owner)} < ?`,
  params: [start, start + windowSize],
});

export const ofRuns = ({ words }: Place, { name, owner = "" }: Table, runs: readonly number[]): Some => ({
  from: name,
  where: `${words.quote(owner)} in ${listOf(runs)}`,
  params: [],
});

/** Runs that are looked at together: a window, or those with these keys. */
export type Part = { readonly start: number } | { readonly runs: readonly number[] };

export const inPart = (place: Place, table: Table, part: Part): Some =>
  "start" in part ? inWindow(place, table, part.start) : ofRuns(place, table, part.runs);

/** Of a run, the records behind one seq and up to another. */
export type Span = { readonly run: number; readonly behind: number; readonly upto: number };

export const inSpans = ({ words }: Place, table: Table, spans: readonly Span[]): Some => ({
  from: words.spanned(table),
  where: "1 = 1",
  params: [JSON.stringify(spans.map(({ run, behind, upto }) => ({ span_run: run, span_behind: behind, span_upto: upto })))],
});

export const runsIn = async (place: Place, part: Part): Promise<readonly Row[]> => {
  const table = runsOf(place.words.tables);
  const { from, where, params } = inPart(place, table, part);
  const rows = await ask(place, `select ${listed(place, table)} from ${from} where ${where}`, ...params);
  return rows.map((row) => rowOf(table, row));
};

/** What a table holds of a run, added up; and where it appends, how far that has come. */
export type Print = { readonly sums: string; readonly last: number };

/** Records are appended and messages are taken, so equal sums are equal rows. */
export const printsOf = async (place: Place, table: Table, some: Some): Promise<ReadonlyMap<number, Print>> => {
  const owner = place.words.quote(table.owner ?? "");
  const seq = seqOf(table);
  const rows = await ask(
    place,
    `select ${owner} as owner, ${seq ? `max(${place.words.quote(seq.name)})` : "0"} as last, ${sumsOf(place, table)}
     from ${some.from} where ${some.where} group by ${owner}`,
    ...some.params,
  );
  return new Map(
    rows.map(({ owner: run, last, ...sums }) => [
      Number(run),
      { sums: Object.values(sums).map(String).join(" "), last: Number(last) },
    ]),
  );
};

/** These rows, added up. */
export const sumOf = async (place: Place, table: Table, some: Some): Promise<string> => {
  const [sums = {}] = await ask(place, `select ${sumsOf(place, table)} from ${some.from} where ${some.where}`, ...some.params);
  return Object.entries(sums)
    .map(([name, sum]) => `${name} ${String(sum)}`)
    .join(", ");
};

/** How many rows, and of each column a sum that tells where it stands: numbers by their value, texts by their bytes. */
const sumsOf = ({ words }: Place, { columns, key }: Table): string => {
  const places = key.filter(({ type }) => type === "whole").map((column) => words.counted(column));
  const weight = places.length === 0 ? "1" : `((${places.join(" + ")}) % 1009 + 1)`;
  const sums = columns.map((column) => {
    const name = words.quote(`${column.name}_sum`);
    return column.type === "words" || column.type === "spoken"
      ? `count(${words.quote(column.name)}) as ${name}`
      : `coalesce(sum(${words.counted(column)} * ${weight} % ${modulus}), 0) as ${name}`;
  });
  return ["count(*) as found", ...sums].join(", ");
};

/** Rows of a table in pages, in the order of its key. */
export async function* pagesOf(place: Place, table: Table, some = every(table)): AsyncGenerator<readonly Row[]> {
  const { words } = place;
  const order = table.key.map(({ name }) => words.quote(name)).join(", ");
  const size = table.columns
    .filter(({ type }) => type === "text" || type === "words" || type === "spoken")
    .map(({ name }) => `coalesce(octet_length(${words.quote(name)}), 0)`)
    .join(" + ");
  for (let last: Row | undefined = undefined; ;) {
    const after = last === undefined ? undefined : beyond(place, table, last);
    const which = `from ${some.from} where ${some.where}${after ? ` and (${after.text})` : ""} order by ${order}`;
    const params = [...some.params, ...(after?.params ?? [])];
    const sizes = await ask(place, `select ${size || "0"} as size ${which} limit ${pageRows}`, ...params);
    if (sizes.length === 0) return;
    const fitting = fit(sizes.map((row) => Number(row["size"])));
    const rows: readonly Row[] = (await ask(place, `select ${listed(place, table)} ${which} limit ${fitting}`, ...params)).map(
      (row) => rowOf(table, row),
    );
    if (rows.length === 0) return;
    yield rows;
    if (fitting === sizes.length && sizes.length < pageRows) return;
    last = rows.at(-1);
  }
}

/** How many of these fit into a page: one at least. */
const fit = (sizes: readonly number[]): number => {
  let bytes = 0;
  const end = sizes.findIndex((size) => (bytes += size) > pageBytes);
  return end < 0 ? sizes.length : Math.max(1, end);
};

/** Behind a row in the order of the key, said so that every database goes along its index. */
const beyond = ({ words }: Place, { key }: Table, row: Row): { readonly text: string; readonly params: readonly Param[] } => {
  const compared = (column: Column, by: string): string => `${words.quote(column.name)} ${by} ${words.given(column)}`;
  const parts = key.map((column, index) => {
    const before = key.slice(0, index);
    return {
      text: [...before.map((each) => compared(each, "=")), compared(column, ">")].join(" and "),
      params: [...before, column].map(({ name }) => row[name] ?? null),
    };
  });
  return { text: parts.map(({ text }) => `(${text})`).join(" or "), params: parts.flatMap(({ params }) => params) };
};
