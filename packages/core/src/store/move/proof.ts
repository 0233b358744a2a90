/**
 * The proof that two places hold the same. What is at its end is added up before the source is closed, window by window, and needs no second look when the source
 * is closed and the window still adds up to the same: what its runs count only grows. Everything else is added up behind the fence.
 */
import * as Fault from "../../model/fault.ts";
import { ownedBy } from "./gaps.ts";
import type { Place } from "./place.ts";
import { every, inWindow, sumOf, windowsOf, type Some } from "./read.ts";
import { isAlike, twinOf, type Carry, type Settled } from "./reconcile.ts";
import type { Table } from "./tables.ts";

/** The windows that were the same at both places, each with what its runs counted before that was looked at. */
export type Proven = ReadonlyMap<number, string>;

/** While others write: they may write to these windows, and then what their runs count is no longer what it was. */
export const prove = async ({ source, target, onward }: Carry): Promise<Proven> => {
  const proven = new Map<number, string>();
  for (const [start, { isOver, print }] of await windowsOf(source)) {
    if (isOver && (await isSame(source, target, start))) proven.set(start, print);
    onward(0);
  }
  return proven;
};

const isSame = async (source: Place, target: Place, start: number): Promise<boolean> => {
  for (const table of ownedBy(source)) {
    const [there, here] = await added(source, target, table, (place) => inWindow(place, table, start));
    if (there !== here) return false;
  }
  return true;
};

const added = (source: Place, target: Place, table: Table, some: (place: Place) => Some): Promise<readonly [string, string]> =>
  Promise.all([sumOf(source, table, some(source)), sumOf(target, twinOf(target, table), some(target))]);

/** Behind the fence: what was proven, and was not touched since, is not looked at again. */
export const provenBefore = (proven: Proven): Settled =>
  proven.size === 0 ? isAlike : (start, there) => there !== undefined && there.isOver && proven.get(start) === there.print;

/** Throws `copy_mismatch` unless both places, which nobody writes, add up to the same. */
export const assertSame = async ({ source, target }: Pick<Carry, "source" | "target">, proven: Proven): Promise<void> => {
  const isLeftOut = provenBefore(proven);
  const windows = proven.size === 0 ? undefined : await openWindows(source, target, isLeftOut);
  for (const table of source.words.tables) {
    if (windows === undefined || table.owner === undefined) await assertAdded(source, target, table, () => every(table));
    else for (const start of windows) await assertAdded(source, target, table, (place) => inWindow(place, table, start));
  }
};

const openWindows = async (source: Place, target: Place, isLeftOut: Settled): Promise<readonly number[]> => {
  const [there, here] = await Promise.all([windowsOf(source), windowsOf(target)]);
  return [...new Set([...there.keys(), ...here.keys()])].filter((start) => !isLeftOut(start, there.get(start), here.get(start)));
};

const assertAdded = async (source: Place, target: Place, table: Table, some: (place: Place) => Some): Promise<void> => {
  const [there, here] = await added(source, target, table, some);
  if (there === here) return;
  throw Fault.make(
    "copy_mismatch",
    `${table.name} is not the same at both places: ${there} at ${source.name}, ${here} at ${target.name}. The source stays in use. Please report this.`,
    { table: table.name, there, here },
  );
};
