/** What the history of a run said when this life of it began. */
import {
  askOrder,
  drawsIn,
  hasRefusal,
  originsIn,
  placesIn,
  reservedIn,
  rulesOf,
  type Draws,
  type Origin,
  type Places,
} from "../model/places.ts";
import { currentRules, type Row, type Rules } from "../model/records.ts";
import type { Engine } from "./engine.ts";

export type Recorded = {
  /** The rules by which it is written. */
  readonly rules: Rules;
  /** When this life began, by the wall clock, where an earlier one left records: 0 elsewhere. */
  readonly loadedAt: number;
  /** The records of operations in the order in which the body asked for those. */
  readonly askOrder: readonly Row[];
  readonly places: Places | undefined;
  readonly reserved: ReadonlySet<string>;
  /** The run was refused before. Code that is as it was is refused again soon after the replay; see `refusedUntil`. */
  readonly wasRefused: boolean;
  readonly draws: Draws | undefined;
  /** The runs that it was forked from, each with the last seq that was copied. */
  readonly origins: readonly Origin[];
  /** Rounds in which a step is done anew after it was undone. */
  readonly rounds: ReadonlyMap<string, number>;
};

/** The rows in their order are those without loose results. */
export const recordedIn = (engine: Engine, rows: readonly Row[], ordered: readonly Row[]): Recorded => {
  if (rows.length === 1 && rulesOf(rows, []) === currentRules) return nothingRecorded;
  const places = placesIn(rows);
  const origins = originsIn(rows);
  return {
    rules: rulesOf(rows, origins),
    loadedAt: rows.length > 1 ? engine.clock.now() : 0,
    askOrder: askOrder(ordered),
    places,
    reserved: reservedIn(places),
    wasRefused: hasRefusal(places),
    draws: drawsIn(rows),
    origins,
    rounds: roundsIn(rows),
  };
};

/** What all runs share that begin. */
const nothingRecorded: Recorded = {
  rules: currentRules,
  loadedAt: 0,
  askOrder: [],
  places: undefined,
  reserved: new Set(),
  wasRefused: false,
  draws: undefined,
  origins: [],
  rounds: new Map(),
};

/** Known before the first record is delivered, for the order of the undoing depends on them. */
const roundsIn = (rows: readonly Row[]): Map<string, number> => {
  const rounds = new Map<string, number>();
  for (const { kind, key, attempt } of rows) if (kind === "redo" && key !== null) rounds.set(key, attempt ?? 1);
  return rounds;
};
