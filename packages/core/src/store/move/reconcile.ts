/**
 * Makes the runs of one place those of another: what is the same already is left, what is not is put in anew. It can be repeated at any
 * time, whatever an earlier try has left, and the last one, of a place that nobody writes, leaves no difference.
 */
import type { MoveRow } from "../rows.ts";
import type { Place } from "./place.ts";
import { pagesOf, printsIn, runsIn, windowsOf } from "./read.ts";
import { runsOf, type Row, type Table } from "./tables.ts";
import { clearOn, fill, insert, insertOn } from "./write.ts";

export type Carry = {
  readonly source: Place;
  readonly target: Place;
  readonly move: MoveRow;
  /** Runs that are carried together. */
  readonly batch: number;
  /** Called after each batch; what it throws ends the work. */
  readonly onward: (runs: number) => void;
};

/** Answers with how many runs were put in or taken away. */
export const reconcile = async (carry: Carry): Promise<number> => {
  const [there, here] = await Promise.all([windowsOf(carry.source), windowsOf(carry.target)]);
  let changed = 0;
  for (const start of [...new Set([...there.keys(), ...here.keys()])].toSorted((one, other) => one - other)) {
    const [one, other] = [there.get(start), here.get(start)];
    if (one?.isOver && other?.isOver && one.print === other.print) continue;
    const keys = other === undefined ? await keysIn(carry.source, start) : await differing(carry, start);
    for (let at = 0; at < keys.length; at += carry.batch) {
      const some = keys.slice(at, at + carry.batch);
      await carryRuns(carry, some, other !== undefined);
      changed += some.length;
      carry.onward(some.length);
    }
  }
  return changed;
};

const keysIn = async (place: Place, start: number): Promise<number[]> =>
  (await runsIn(place, start)).map((run) => Number(run["key"])).toSorted((one, other) => one - other);

const ownedBy = ({ words }: Place): readonly Table[] => words.tables.filter(({ owner }) => owner !== undefined);

/** The runs of a window that are not the same at both places, and those that somebody executes: they may have changed in ways that no sum tells. */
const differing = async ({ source, target }: Carry, start: number): Promise<number[]> => {
  const keys = new Set<number>();
  const [runs, copies] = await Promise.all([runsIn(source, start), runsIn(target, start)]);
  const names = runsOf(source.words.tables).columns.map(({ name }) => name);
  const text = (rows: readonly Row[]): Map<number, string> =>
    new Map(rows.map((row) => [Number(row["key"]), JSON.stringify(names.map((name) => row[name]))]));
  compare(text(runs), text(copies), keys);
  for (const run of runs) if (run["worker"] !== null) keys.add(Number(run["key"]));
  for (const table of ownedBy(source)) {
    if (table.owner === "key") continue;
    const twin = target.words.tables.find(({ name }) => name === table.name) ?? table;
    const [prints, others] = await Promise.all([printsIn(source, table, start), printsIn(target, twin, start)]);
    compare(prints, others, keys);
  }
  return [...keys].toSorted((one, other) => one - other);
};

const compare = (one: ReadonlyMap<number, string>, other: ReadonlyMap<number, string>, keys: Set<number>): void => {
  for (const [key, print] of one) if (other.get(key) !== print) keys.add(key);
  for (const key of other.keys()) if (!one.has(key)) keys.add(key);
};

/** Takes away what the target has of these runs, and puts in what the source has. A crash in between leaves them different, and so to be carried. */
const carryRuns = async ({ source, target, move }: Carry, keys: readonly number[], isKnown: boolean): Promise<void> => {
  const tables = ownedBy(target);
  if (isKnown)
    await fill(target, move, async (link) => {
      for (const table of tables.toReversed()) await clearOn(link, target, table, keys);
    });
  for (const table of tables)
    for await (const rows of pagesOf(source, twinOf(source, table), keys)) await insert(target, move, table, rows);
};

const twinOf = ({ words }: Place, { name }: Table): Table => {
  const table = words.tables.find((each) => each.name === name);
  if (!table) throw new Error(`${name} is not a table of both places.`);
  return table;
};

/** What is of no run is little: it is carried whole, at one go. */
export const carryOthers = async ({ source, target, move }: Carry): Promise<void> => {
  for (const table of target.words.tables) {
    if (table.owner !== undefined) continue;
    const rows: Row[] = [];
    for await (const page of pagesOf(source, twinOf(source, table))) rows.push(...page);
    await fill(target, move, async (link) => {
      await link.send(`delete from ${table.name}`);
      if (rows.length > 0) await insertOn(link, target, table, rows);
    });
  }
};
