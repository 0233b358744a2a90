/**
 * What is not the same at two places, run by run. It takes nothing on trust: each look reads every row of the runs it is about, and adds them up where they are kept.
 *
 * The rows of the runs are read first, their records after. So what a run is said to be is never ahead of what is there of it, also while others write:
 * a run that is seen at its end has had all of its records when they are looked at.
 */
import type { Place } from "./place.ts";
import { inPart, printsOf, runsIn, type Part, type Print, type Span } from "./read.ts";
import { runsOf, seqOf, type Row, type Table } from "./tables.ts";

/** What is to be carried of a run: of these tables all that there is of it, and its records behind those that are there. */
export type Gap = {
  readonly run: number;
  readonly anew: ReadonlySet<string>;
  readonly grown: Grown | undefined;
  /** The row of the run itself; undefined when there is none any more. */
  readonly row: Row | undefined;
};

/** Once it was carried, what is there of the run adds up to this. Else something was taken away, and it is carried anew. */
export type Grown = Span & { readonly sums: string };

type Look = {
  readonly runs: ReadonlyMap<number, Row>;
  readonly prints: ReadonlyMap<string, ReadonlyMap<number, Print>>;
};

const look = async (place: Place, tables: readonly Table[], part: Part): Promise<Look> => {
  const runs = await runsIn(place, part);
  const prints = new Map<string, ReadonlyMap<number, Print>>();
  for (const table of tables) prints.set(table.name, await printsOf(place, table, inPart(place, table, part)));
  return { runs: new Map(runs.map((row) => [Number(row["key"]), row])), prints };
};

const nothing: Look = { runs: new Map(), prints: new Map() };

/** Tables that hold something of a run, the runs themselves first. */
export const ownedBy = ({ words }: Place): readonly Table[] => words.tables.filter(({ owner }) => owner !== undefined);

const beside = (place: Place): readonly Table[] => ownedBy(place).filter(({ owner }) => owner !== "key");

/** The gaps of a part, in the order of the keys. `isKnown` says that the target has something of it. */
export const gapsIn = async (source: Place, target: Place, part: Part, isKnown: boolean): Promise<readonly Gap[]> => {
  const [one, other] = await Promise.all([
    isKnown ? look(source, beside(source), part) : look(source, [], part),
    isKnown ? look(target, beside(target), part) : nothing,
  ]);
  const keys = new Set([one, other].flatMap(({ runs, prints }) => [runs, ...prints.values()].flatMap((of) => [...of.keys()])));
  return [...keys].toSorted((first, second) => first - second).flatMap((run) => gapOf(source, one, other, run) ?? []);
};

const gapOf = (source: Place, one: Look, other: Look, run: number): Gap | undefined => {
  const [row, copy] = [one.runs.get(run), other.runs.get(run)];
  const tables = ownedBy(source);
  const runs = runsOf(tables);
  if (!row || !copy || row["id"] !== copy["id"] || row["created_at"] !== copy["created_at"])
    return { run, anew: new Set(tables.map(({ name }) => name)), grown: undefined, row };
  const anew = new Set<string>();
  if (runs.columns.some(({ name }) => row[name] !== copy[name])) anew.add(runs.name);
  let grown: Grown | undefined;
  for (const table of beside(source)) {
    const [print, was] = [one.prints.get(table.name)?.get(run), other.prints.get(table.name)?.get(run)];
    if (print?.sums === was?.sums && !mayHideChanges(table, row, print)) continue;
    if (seqOf(table) && print && was && print.last > was.last)
      grown = { run, behind: was.last, upto: print.last, sums: print.sums };
    else anew.add(table.name);
  }
  return anew.size === 0 && !grown ? undefined : { run, anew, grown, row };
};

/** What a run publishes takes the place of what it published before: the sums may be the same. Only who executes it does that. */
const mayHideChanges = ({ name }: Table, row: Row, print: Print | undefined): boolean =>
  name === "holdfast_states" && row["worker"] !== null && print !== undefined;
