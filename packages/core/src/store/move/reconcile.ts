/**
 * Makes the runs of one place those of another: what is the same already is left, of what has grown the new records are put in, and what is not the same is put
 * in anew. It can be repeated at any time, whatever an earlier try has left, and the last one, of a place that nobody writes, leaves no difference.
 */
import type { MoveRow } from "../rows.ts";
import { gapsIn, ownedBy, type Gap, type Grown } from "./gaps.ts";
import type { Place } from "./place.ts";
import { inSpans, ofRuns, pagesOf, printsOf, windowsOf, type Part, type Some } from "./read.ts";
import { runsOf, seqOf, type Row, type Table } from "./tables.ts";
import { fill, insertOn, put, type Clearing, type Load } from "./write.ts";

export type Carry = {
  readonly source: Place;
  readonly target: Place;
  readonly move: MoveRow;
  /** Runs that are carried together. */
  readonly batch: number;
  /** Called after each batch; what it throws ends the work. */
  readonly onward: (runs: number) => void;
};

/** Answers with the runs that were put in, added to or taken away: of all there are, or of these parts. */
export const reconcile = async (carry: Carry, parts?: readonly Part[]): Promise<readonly number[]> => {
  const changed: number[] = [];
  for (const { part, isKnown } of parts?.map((each) => ({ part: each, isKnown: true })) ?? (await differing(carry)))
    changed.push(...(await mend(carry, part, isKnown)));
  return changed;
};

/** The windows that do not count the same at both places, or in which a run is open. While all of its runs are at their end, what a window counts only grows. */
const differing = async ({ source, target }: Carry): Promise<readonly { readonly part: Part; readonly isKnown: boolean }[]> => {
  const [there, here] = await Promise.all([windowsOf(source), windowsOf(target)]);
  return [...new Set([...there.keys(), ...here.keys()])]
    .toSorted((one, other) => one - other)
    .filter((start) => {
      const [one, other] = [there.get(start), here.get(start)];
      return !(one?.isOver && other?.isOver && one.print === other.print);
    })
    .map((start) => ({ part: { start }, isKnown: here.has(start) }));
};

const mend = async (carry: Carry, part: Part, isKnown: boolean): Promise<readonly number[]> => {
  const { source, target, batch, onward } = carry;
  const gaps = await gapsIn(source, target, part, isKnown);
  for (let at = 0; at < gaps.length; at += batch) {
    const some = gaps.slice(at, at + batch);
    await close(carry, some, isKnown);
    onward(some.length);
  }
  await assertGrown(
    carry,
    gaps.flatMap(({ grown }) => grown ?? []),
  );
  return gaps.map(({ run }) => run);
};

/** Rows to a transaction go up to this; one page of them always goes. */
const mostRows = 4_000;

/** Carries what is missing of these runs. A crash in between leaves them different, and so to be carried. */
const close = async (carry: Carry, gaps: readonly Gap[], isKnown: boolean): Promise<void> => {
  const grown = gaps.flatMap((gap) => gap.grown ?? []);
  await carryAll(carry, isKnown ? clearing(carry, gaps) : [], loadsOf(carry, gaps, grown));
};

const clearing = ({ target }: Carry, gaps: readonly Gap[]): readonly Clearing[] =>
  ownedBy(target)
    .toReversed()
    .map((table) => ({ table, runs: anewIn(table, gaps) }))
    .filter(({ runs }) => runs.length > 0);

const anewIn = ({ name }: Table, gaps: readonly Gap[]): readonly number[] =>
  gaps.filter(({ anew }) => anew.has(name)).map(({ run }) => run);

/** In as few transactions as will do, each of which is read before it is written. */
const carryAll = async ({ target, move }: Carry, clear: readonly Clearing[], loads: AsyncIterable<Load>): Promise<void> => {
  let cleared = clear;
  let held: Load[] = [];
  const write = async (): Promise<void> => {
    if (cleared.length > 0 || held.length > 0) await put(target, move, cleared, held);
    [cleared, held] = [[], []];
  };
  for await (const load of loads) {
    held.push(load);
    if (held.reduce((sum, { rows }) => sum + rows.length, 0) >= mostRows) await write();
  }
  await write();
};

async function* loadsOf({ source, target }: Carry, gaps: readonly Gap[], grown: readonly Grown[]): AsyncGenerator<Load> {
  for (const table of ownedBy(target)) {
    const twin = twinOf(source, table);
    const runs = anewIn(table, gaps);
    if (table.owner === "key") yield* ownRows(table, gaps);
    else if (runs.length > 0) yield* loaded(source, table, ofRuns(source, twin, runs));
    if (seqOf(table) && grown.length > 0) yield* loaded(source, table, inSpans(source, twin, grown));
  }
}

/** As they were seen, before what else there is of them was looked at. */
function* ownRows(table: Table, gaps: readonly Gap[]): Generator<Load> {
  const rows = gaps.flatMap(({ anew, row }) => (row && anew.has(table.name) ? [row] : []));
  if (rows.length > 0) yield { table, rows };
}

async function* loaded(source: Place, table: Table, some: Some): AsyncGenerator<Load> {
  for await (const rows of pagesOf(source, twinOf(source, table), some)) yield { table, rows };
}

/** Records are only added, until somebody retries a run: then some were taken away, and what is there does not add up. */
const assertGrown = async (carry: Carry, grown: readonly Grown[]): Promise<void> => {
  const { target, source } = carry;
  if (grown.length === 0) return;
  const table = ownedBy(target).find((each) => seqOf(each) !== undefined) ?? runsOf(target.words.tables);
  const prints = await printsOf(
    target,
    table,
    ofRuns(
      target,
      table,
      grown.map(({ run }) => run),
    ),
  );
  const runs = grown.filter(({ run, sums }) => prints.get(run)?.sums !== sums).map(({ run }) => run);
  if (runs.length === 0) return;
  await carryAll(carry, [{ table, runs }], loaded(source, table, ofRuns(source, twinOf(source, table), runs)));
};

export const twinOf = ({ words }: Place, { name }: Table): Table => {
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
