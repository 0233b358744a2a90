/**
 * Moves a schema forward or back, by one process at a time.
 *
 *   look ─► who is in the way? ─► begin, alone ─► look again ─► statements and records ─► commit
 *    ▲                              │ somebody holds a lock
 *    └────────── a short nap ◄──────┘ until the patience is over
 *
 * Where tables change with their transaction, a death leaves the schema as it was. Elsewhere a migration is first recorded as begun; each statement may
 * find its work done; and whoever comes next brings it to its end.
 */
import * as Fault from "../../model/fault.ts";
import { newestOf, type Migration, type Opening, type Standing } from "../migration.ts";
import { migrationBusy, schemaDiffers, schemaLossy, schemaNewer } from "./faults.ts";
import { compare, isUnkept, look, pendingOf, refuseUnfit } from "./look.ts";
import type { Migrator } from "./migrator.ts";
import { addNeeds, completeRecord, needsAfter, recordBegun, recordDone, removeRecord, reopenRecord } from "./records.ts";
import { nap, quietly, say, type Steps } from "./steps.ts";
import { clear, lookAfter, nobody, type Bar, type Dead } from "./workers.ts";

export type Order = {
  /** This release's newest, when nothing else is said. */
  readonly to?: number | undefined;
  /** Does all of it and takes it back; where that cannot be taken back, only looks. */
  readonly dry?: boolean | undefined;
  readonly acceptDataLoss?: boolean | undefined;
  readonly isGone?: Opening["isGone"];
};

export type Move = { readonly name: string; readonly version: number; readonly direction: "forward" | "back" };

export type Moved = {
  readonly from: number;
  readonly to: number;
  readonly moves: readonly Move[];
  /** The tables were there, made by somebody else as this release wants them: it was only written down. */
  readonly adopted: boolean;
};

/** How long, in ms, others may be in the way: another process that migrates, transactions that keep tables locked. */
export const patience = 45_000;

/** Throws a `schema_…` fault, or `storage_busy` when the patience is over. */
export function* migrate(migrator: Migrator, order: Order): Steps<Moved> {
  const until = performance.now() + patience;
  for (;;) {
    try {
      return yield* attemptMove(migrator, order);
    } catch (error) {
      if (!migrator.isHeld(error)) throw error;
      if (performance.now() > until) throw migrationBusy(patience / 1_000, error);
    }
    yield* nap(20 + Math.random() * 80);
  }
}

type Path = { readonly back: readonly Migration[]; readonly forward: readonly Migration[]; readonly to: number };

/** What lies between the database and where it is to go. Throws `invalid_option` and `schema_newer`. */
export const pathOf = (standing: Standing, migrations: readonly Migration[], wanted: number | undefined): Path => {
  refuseUnfit(standing, migrations);
  const newest = newestOf(migrations);
  const to = wanted ?? Math.max(newest, standing.version);
  if (!Number.isInteger(to) || to < 0 || (wanted !== undefined && wanted > newest)) {
    throw Fault.make("invalid_option", `There is no schema ${to}: this release of Holdfast knows 0 (nothing) to ${newest}.`, {
      to,
    });
  }
  if (wanted !== undefined && standing.version > newest) throw schemaNewer(standing.version, standing.version, newest);
  const isThere = ({ version }: Migration): boolean => version <= standing.version || standing.begun.includes(version);
  return {
    to,
    back: migrations.filter((migration) => migration.version > to && isThere(migration)).toReversed(),
    forward: pendingOf(standing, migrations).filter(({ version }) => version <= to),
  };
};

const movesOf = ({ back, forward }: Path): readonly Move[] => [
  ...back.map(({ name, version }) => ({ name, version, direction: "back" as const })),
  ...forward.map(({ name, version }) => ({ name, version, direction: "forward" as const })),
];

/** Which workers could not go on at the end of the path. Undefined when all can. */
const barOf = ({ needs }: Standing, { back, forward, to }: Path): Bar | undefined => {
  if (back.length > 0) return { stops: (knows) => knows > to, says: `no more than schema ${to}` };
  const after = needsAfter(needs, forward);
  return after > needs && needs > 0 ? { stops: (knows) => knows < after, says: `at least schema ${after}` } : undefined;
};

function* attemptMove(migrator: Migrator, order: Order): Steps<Moved> {
  const standing = yield* look(migrator);
  const path = pathOf(standing, migrator.migrations, order.to);
  const moves = movesOf(path);
  if (moves.length === 0) return { from: standing.version, to: path.to, moves, adopted: false };
  const bar = barOf(standing, path);
  const dead = bar ? yield* lookAfter(migrator, bar, order.isGone) : nobody;
  if (order.dry === true && !migrator.takesBack) return yield* foresee(migrator, standing, path, order);
  yield* migrator.begin();
  try {
    const moved = yield* move(migrator, order, dead);
    for (const text of order.dry === true ? migrator.rollback : migrator.commit) yield* say(text);
    return moved;
  } catch (error) {
    yield* quietly(migrator.rollback);
    throw error;
  }
}

/** All that can be known without doing it. */
function* foresee(migrator: Migrator, standing: Standing, path: Path, order: Order): Steps<Moved> {
  const adopted = isUnkept(standing) && path.forward.length > 0 && (yield* isAdoptable(migrator, standing, path.to));
  yield* refuseLosses(path.back, standing, order);
  return { from: standing.version, to: path.to, moves: movesOf(path), adopted };
}

function* move(migrator: Migrator, order: Order, dead: Dead): Steps<Moved> {
  const standing = yield* look(migrator);
  const path = pathOf(standing, migrator.migrations, order.to);
  yield* refuseLosses(path.back, standing, order);
  const announced = yield* makeWay(migrator, standing, path, dead);
  for (const migration of path.back) yield* goBack(migrator, migration);
  if (path.forward.length === 0) return { from: standing.version, to: path.to, moves: movesOf(path), adopted: false };
  const adopted = isUnkept(standing) && (yield* isAdoptable(migrator, standing, path.to));
  yield* say(migrator.makeVersions);
  if (standing.kept && !standing.tellsNeeds && announced.length === 0) yield* say(addNeeds);
  yield* goForward(migrator, { ...standing, begun: [...standing.begun, ...announced] }, path, {
    adopted,
    dry: order.dry === true,
  });
  return { from: standing.version, to: path.to, moves: movesOf(path), adopted };
}

/**
 * Nobody is left, and nobody comes, who could not go on. Where no transaction keeps them off, the migrations are announced first: who comes before sees
 * them, or is seen. Answers with those that were announced.
 */
function* makeWay(migrator: Migrator, standing: Standing, path: Path, dead: Dead): Steps<readonly number[]> {
  const bar = barOf(standing, path);
  if (!bar) return [];
  const fresh = path.forward.filter(({ version }) => !standing.begun.includes(version));
  const announced = migrator.takesBack ? [] : fresh;
  if (announced.length > 0 && !standing.tellsNeeds) yield* say(addNeeds);
  for (const migration of announced) yield* say(recordBegun(migration, needsAfter(standing.needs, path.forward)));
  try {
    yield* clear(migrator, bar, dead);
  } catch (error) {
    yield* quietly(announced.map(removeRecord));
    throw error;
  }
  return announced.map(({ version }) => version);
}

/** Whether tables that nobody has recorded are as this release wants them. Throws `schema_differs` when they are there and are not. */
function* isAdoptable(migrator: Migrator, { kept }: Standing, to: number): Steps<boolean> {
  const { isEmpty, breaking } = yield* compare(migrator);
  if (isEmpty) return false;
  // A release that did not record what it began was killed in its first migration.
  const wasKilled = kept && !migrator.takesBack && breaking.some(({ what }) => what === "the table is missing");
  if (wasKilled) return false;
  if (breaking.length > 0) throw schemaDiffers(breaking);
  if (to === newestOf(migrator.migrations)) return true;
  throw Fault.make(
    "invalid_option",
    "The tables are there, but not which migrations have made them. Call Database.migrate without the option to first: it writes that down.",
  );
}

function* refuseLosses(back: readonly Migration[], { begun }: Standing, { acceptDataLoss }: Order): Steps<void> {
  if (acceptDataLoss === true) return;
  const losses: string[] = [];
  for (const { version, loses } of back) {
    if (begun.includes(version)) continue;
    for (const { what, when } of loses) if ((yield* say(when)).length > 0) losses.push(what);
  }
  if (losses.length > 0) throw schemaLossy(losses);
}

function* goBack(migrator: Migrator, migration: Migration): Steps<void> {
  if (!migrator.takesBack) yield* say(reopenRecord(migration));
  for (const text of migration.down) yield* does(migrator, text, true);
  yield* say(removeRecord(migration));
}

type Manner = { readonly adopted: boolean; readonly dry: boolean };

function* goForward(migrator: Migrator, standing: Standing, { forward }: Path, { adopted, dry }: Manner): Steps<void> {
  const { migrations, takesBack, now } = migrator;
  const careful = standing.version > 0 || !takesBack;
  let needs = standing.needs;
  let allDone = !dry;
  for (const migration of forward) {
    needs = Math.max(needs, migration.needs);
    const isBegun = standing.begun.includes(migration.version);
    if (!takesBack && !isBegun) yield* say(recordBegun(migration, needs));
    for (const text of adopted ? [] : migration.up) allDone = (yield* does(migrator, text, careful)) && allDone;
    // Whoever found something done has others' work under its own.
    if (!allDone && !adopted && migration.version === newestOf(migrations)) yield* insistOnShape(migrator);
    yield* say(takesBack ? recordDone(migration, needs, now) : completeRecord(migration, needs, now));
  }
}

function* insistOnShape(migrator: Migrator): Steps<void> {
  const { breaking } = yield* compare(migrator);
  if (breaking.length > 0)
    throw schemaDiffers(breaking, migrator.takesBack ? undefined : "The migration was not recorded as done.");
}

/** Answers whether it was still to be done. */
function* does({ savepoint, isDone }: Migrator, statement: string, careful: boolean): Steps<boolean> {
  const safe = careful && savepoint;
  if (safe) yield* say("savepoint holdfast");
  try {
    yield* say(statement);
  } catch (error) {
    if (!careful || !isDone(error, statement)) throw error;
    if (safe) yield* say("rollback to savepoint holdfast");
    return false;
  }
  if (safe) yield* say("release savepoint holdfast");
  return true;
}
