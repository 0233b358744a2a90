/** A suite of the torture: what it is asked to do, and what it comes back with. */

import type { On } from "./kit/place.ts";

/** `slice` is what every change must pass, in seconds; `whole` is what a release must pass. */
export type Size = "slice" | "whole";

export type Order = {
  readonly seed: number;
  readonly size: Size;
  /** Where its runs are kept. */
  readonly on: On;
  /** An empty folder on a real disk, gone afterwards. */
  readonly folder: string;
  /** Tells whoever looks on how far it is. */
  readonly say: (line: string) => void;
  /** Gives something back when the suite is over, however it ends: last first. */
  readonly afterwards: (release: () => unknown) => void;
};

export type Report = {
  /** What was done and found, in the order in which it is printed: `{ kills: 1000, lost: 0 }`. */
  readonly figures: Readonly<Record<string, number | string>>;
  /** Every rule that did not hold, with all that is needed to have it again. None, when all is well. */
  readonly breaches: readonly string[];
  /** Parts that could not be done on this machine, and why, in plain words. */
  readonly skipped?: readonly string[];
};

export type Suite = {
  readonly name: string;
  /** What it does, in a line. */
  readonly title: string;
  /** The places on which it can be carried out, one after the other. Default: only SQLite. */
  readonly on?: readonly On[];
  /** It starts the servers that it is carried out on, and says itself when there can be none. */
  readonly ownServers?: true;
  readonly run: (order: Order) => Promise<Report>;
};
