/** A database that is moved from or to: how it is reached, and how it is spoken to. What follows from that is the same for all of them. */
import type { Statement } from "../server/dialect.ts";
import type { Fields, Link, Param, Rows } from "../server/link.ts";
import type { Column, Row, Table } from "./tables.ts";

export type Words = {
  readonly tables: readonly Table[];
  readonly quote: (name: string) => string;
  /** Parameters are written as `?`; the text as this database takes it. */
  readonly text: (text: string) => string;
  /** A column as it is read, and as it is added up. */
  readonly shown: (column: Column) => string;
  readonly counted: (column: Column) => string;
  /** A parameter that a column is compared with. */
  readonly given: (column: Column) => string;
  /** The time of the database, in ms since 1970. */
  readonly now: string;
  /** A table, each row of which is in a span: the parameter is JSON, of objects `span_run`, `span_behind` and `span_upto`. */
  readonly spanned: (table: Table) => string;
  readonly insert: (table: Table, rows: readonly Row[]) => readonly Statement[];
  /** Makes the database look at how much it holds, so that it finds its way in what was put in just now; where it does not by itself. */
  readonly survey: readonly string[];
  /** Makes the database number new rows from behind those that were put in. */
  readonly advance: readonly string[];
  /** Makes the database number workers from here on. */
  readonly numberWorkersFrom: (first: number) => readonly string[];
  /** Begins to read as of one moment. */
  readonly snapshot: readonly string[];
  readonly begin: readonly string[];
  /** What closes every table for writing, whoever writes. `said` is what a writer is told. */
  readonly fence: (said: string) => readonly string[];
  readonly lift: readonly string[];
  /** Fence and lift are part of a transaction. Where they are not, each of their statements can be repeated. */
  readonly fencesAtOnce: boolean;
  /** What shows, and leaves nothing, whether we have the right to raise the fence; needed where that is not part of a transaction. */
  readonly rehearsal: readonly string[];
  /** Means that what a repeatable statement is to do is done. */
  readonly isDone: (error: unknown) => boolean;
};

export type Place = {
  /** Without a password. */
  readonly name: string;
  readonly words: Words;
  /** Lends the connection, for as many ms as it may take. One piece of work at a time. */
  readonly use: <T>(work: (link: Link) => Promise<T>, patience?: number) => Promise<T>;
  /** True for an error that goes by itself: somebody keeps a lock, or is in the way. */
  readonly isPassing: (error: unknown) => boolean;
  /** True for an error of what was to be written, not of the database. */
  readonly isDefect: (error: unknown) => boolean;
  readonly faultOf: (error: unknown) => Error;
  /** Throws when the place is no longer the one that was opened. */
  readonly assertInPlace: () => void;
  readonly close: () => Promise<void>;
};

export const ask = async (place: Place, text: string, ...params: Param[]): Promise<Rows> =>
  place.use((link) => link.send(place.words.text(text), params));

/** From what a database answers to what is carried. */
export const rowOf = ({ columns }: Table, fields: Fields): Row =>
  Object.fromEntries(columns.map((column) => [column.name, valueOf(column, fields[column.name])]));

const valueOf = ({ name, type }: Column, value: unknown): string | number | null => {
  if (value === null || value === undefined) return null;
  switch (type) {
    case "whole":
      return Number(value);
    case "truth":
      return value === true || Number(value) === 1 ? 1 : 0;
    case "words":
      return String(JSON.parse(textOf(name, value)));
    case "spoken":
    case "text":
      return textOf(name, value);
  }
};

const textOf = (name: string, value: unknown): string => {
  if (typeof value === "string") return value;
  throw new Error(`The database answered with ${typeof value} where text was asked for: ${name}.`);
};

/** A value as it is put in where `words` are kept as JSON. */
export const kept = (column: Column, value: string | number | null): string | number | null =>
  column.type === "words" && value !== null ? JSON.stringify(value) : value;
