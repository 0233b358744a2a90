/**
 * The proof that two places hold the same. Most of it is done before the source is closed: the runs that are at their end are added up, window by window. Behind the
 * fence only those are looked at that were open then, or are open now, or came in between; and what the others count must be what it was, for it only grows.
 *
 *   stand     which runs are open, and what those at their end count, in one moment
 *   sums      of those at their end in that moment, at both places: the windows in which they are the same are proven
 *   fence
 *   stand     those at their end in both moments count the same, so nothing was done to them in between
 */
import * as Fault from "../../model/fault.ts";
import { ownedBy } from "./gaps.ts";
import type { Place } from "./place.ts";
import { every, inPart, inWindow, listOf, sumOf, windowOf, windowSize, type Part, type Some } from "./read.ts";
import { twinOf, type Carry } from "./reconcile.ts";
import { endedSince, isEqual, none, plus, standOf, type Stand } from "./stand.ts";
import type { Table } from "./tables.ts";

/** How the source stood, and the windows in which what was at its end then was the same at both places. */
export type Proven = { readonly stand: Stand; readonly windows: ReadonlySet<number> };

/** While others write: they may write to these runs, and then what those count is no longer what it was. */
export const prove = async ({ source, target, onward }: Carry): Promise<Proven> => {
  const stand = await standOf(source);
  const windows = new Set<number>();
  const open = Map.groupBy(stand.open, windowOf);
  for (const start of new Set([...stand.ended.keys(), ...open.keys()])) {
    if (!stand.ended.has(start) || (await isSame(source, target, start, open.get(start) ?? [], stand.last))) windows.add(start);
    onward(0);
  }
  return { stand, windows };
};

const isSame = async (source: Place, target: Place, start: number, open: readonly number[], last: number): Promise<boolean> => {
  for (const table of ownedBy(source)) {
    const [there, here] = await added(source, target, table, (place) => {
      const { from, where, params } = inWindow(place, table, start);
      const owner = place.words.quote(table.owner ?? "");
      return { from, where: `${where} and ${owner} <= ${last} and ${owner} not in ${listOf([-1, ...open])}`, params };
    });
    if (there !== here) return false;
  }
  return true;
};

const added = (source: Place, target: Place, table: Table, some: (place: Place) => Some): Promise<readonly [string, string]> =>
  Promise.all([sumOf(source, table, some(source)), sumOf(target, twinOf(target, table), some(target))]);

/** All that may have changed since. A window of which that cannot be told is all of it. */
export const changedSince = async (source: Place, { stand: then, windows }: Proven): Promise<readonly Part[]> => {
  const now = await standOf(source);
  const since = await endedSince(source, then, now);
  const whole = [...new Set([...then.ended.keys(), ...now.ended.keys()])].filter((start) => {
    const left = plus(now.ended.get(start) ?? none, since.counts.get(start) ?? none, -1);
    const isProven = windows.has(start) || start > then.last;
    return !isProven || !isEqual(left, then.ended.get(start) ?? none);
  });
  return partsOf(new Set([...then.open, ...now.open, ...since.keys]), new Set(whole));
};

/** How many runs are looked at together that are not all there is of their window. */
const together = 500;

/** These runs, and all of these windows: a window that is many of them is looked at as a whole. */
export const partsOf = (runs: Iterable<number>, whole: ReadonlySet<number> = new Set()): readonly Part[] => {
  const windows = new Set(whole);
  const single: number[] = [];
  for (const [start, keys] of Map.groupBy(runs, windowOf)) {
    if (keys.length > windowSize / 2) windows.add(start);
    else if (!windows.has(start)) single.push(...keys);
  }
  single.sort((one, other) => one - other);
  const parts: Part[] = [...windows].toSorted((one, other) => one - other).map((start) => ({ start }));
  for (let at = 0; at < single.length; at += together) parts.push({ runs: single.slice(at, at + together) });
  return parts;
};

/**
 * Throws `copy_mismatch` unless both places, which nobody writes, add up to the same. Where it is known which runs were carried since everything was looked at, it is
 * enough to look at those: the others were the same.
 */
export const assertSame = async (
  { source, target }: Pick<Carry, "source" | "target">,
  carried?: readonly number[],
): Promise<void> => {
  const parts = carried && partsOf(carried);
  for (const table of source.words.tables) {
    if (!parts || table.owner === undefined) await assertAdded(source, target, table, () => every(table));
    else for (const part of parts) await assertAdded(source, target, table, (place) => inPart(place, table, part));
  }
  if (parts) await assertStand(source, target);
};

const assertAdded = async (source: Place, target: Place, table: Table, some: (place: Place) => Some): Promise<void> => {
  const [there, here] = await added(source, target, table, some);
  if (there !== here) throw mismatch(source, target, table.name, there, here);
};

const assertStand = async (source: Place, target: Place): Promise<void> => {
  const [there, here] = (await Promise.all([standOf(source), standOf(target)])).map(
    ({ open, ended, last }) =>
      `${open.size} open, last ${last}, ended ${JSON.stringify([...ended].toSorted(([one], [other]) => one - other))}`,
  );
  if (there !== here) throw mismatch(source, target, "holdfast_runs", String(there), String(here));
};

const mismatch = (source: Place, target: Place, table: string, there: string, here: string): Fault.Fault =>
  Fault.make(
    "copy_mismatch",
    `${table} is not the same at both places: ${there} at ${source.name}, ${here} at ${target.name}. The source stays in use. Please report this.`,
    { table, there, here },
  );
