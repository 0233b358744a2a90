/** The first words of a move: each place is told which move it is part of, and refuses what it is not fit for. */
import * as Fault from "../../model/fault.ts";
import type { MoveRow } from "../rows.ts";
import { assertWhole, moved } from "../moved.ts";
import { ask, type Place } from "./place.ts";
import { readMove, removeMove, replaceMove } from "./marker.ts";
import { lower } from "./fence.ts";
import { patiently } from "./write.ts";

/** `source` and `target` as the markers now say it. */
export type Begun = { readonly source: MoveRow; readonly target: MoveRow };

export const begin = async (source: Place, target: Place): Promise<Begun> => {
  const from = await beginAtSource(source, target);
  const to = await beginAtTarget(source, target, from);
  return { source: from, target: to };
};

const changed = (place: Place): Fault.Fault =>
  Fault.make("move_refused", `Somebody else began or ended a move of ${place.name} in this moment. Look at it, and repeat.`, {
    place: place.name,
  });

const beginAtSource = async (source: Place, target: Place): Promise<MoveRow> => {
  let seen = await readMove(source);
  assertWhole(seen);
  if (seen?.role === "source" && seen.state === "abandoning") {
    if (!(await lower(source, seen, "none"))) throw changed(source);
    seen = undefined;
  }
  const isSame = seen?.role === "source" && seen.other === target.name;
  if (seen && isSame) return seen;
  if (seen?.role === "source" && seen.state === "moved") throw moved("moved", seen.other);
  if (seen?.role === "source" && seen.state === "moving")
    throw Fault.make(
      "move_refused",
      `${source.name} is being moved to ${seen.other}. Repeat Database.copy to that place, or give that move up with Database.abandon, before you move it elsewhere.`,
      { from: source.name, to: seen.other },
    );
  await rehearse(source);
  const next: MoveRow = { role: "source", state: "copying", other: target.name, token: Bun.randomUUIDv7(), turn: 0 };
  if (!(await patiently(source, () => replaceMove(source, seen, next)))) throw changed(source);
  return next;
};

const rehearse = async (source: Place): Promise<void> => {
  try {
    for (const text of source.words.rehearsal) await source.use((link) => link.send(text));
  } catch (error) {
    throw Fault.make(
      "move_refused",
      `${source.name} cannot be closed for writing: ${error instanceof Error ? error.message : String(error)}. Nothing was done.
Give its user the right to make triggers (TRIGGER; where the server keeps a binary log also log_bin_trust_function_creators = 1), and repeat.`,
      { from: source.name },
      { cause: error },
    );
  }
};

const notEmpty = (target: Place, why: string): Fault.Fault =>
  Fault.make("database_not_empty", `${target.name} ${why}. Nothing was written there. Name an empty database.`, {
    to: target.name,
  });

export const beginAtTarget = async (source: Place, target: Place, move: MoveRow): Promise<MoveRow> => {
  const seen = await readMove(target);
  const isOurs = seen?.role === "destination" && seen.token === move.token;
  if (seen && isOurs && seen.state === "arrived") return seen;
  if (seen?.role === "source" && seen.token === move.token)
    throw Fault.make("invalid_option", `${source.name} and ${target.name} are the same database. Name another one to move to.`);
  if (seen?.role === "source") throw notEmpty(target, `was itself moved to ${seen.other}, or is being moved there`);
  if (seen && seen.state !== "arrived" && !isOurs && seen.other !== source.name)
    throw notEmpty(target, `holds an unfinished copy of ${seen.other}`);
  const isUnfinished = seen?.state === "arriving";
  if (!isUnfinished) await assertEmpty(target);
  const next: MoveRow = {
    role: "destination",
    state: "arriving",
    other: source.name,
    token: move.token,
    turn: (seen?.turn ?? 0) + 1,
  };
  if (!(await patiently(target, () => replaceMove(target, seen, next)))) throw changed(target);
  await assertUnused(target, next, isUnfinished);
  return next;
};

const assertEmpty = async (target: Place): Promise<void> => {
  for (const { name } of target.words.tables) {
    const rows = await ask(target, `select 1 as there from ${name} limit 1`);
    if (rows.length > 0) throw notEmpty(target, `has rows in ${name}`);
  }
};

/** Whoever opens it looks at the marker after it has put itself on the list: so one of the two sees the other. */
const assertUnused = async (target: Place, move: MoveRow, isUnfinished: boolean): Promise<void> => {
  const [worker] = await ask(
    target,
    `select ${target.words.shown({ name: "host", type: "text" })} as host, pid from holdfast_workers`,
  );
  if (!worker) return;
  if (!isUnfinished) await removeMove(target, move);
  throw notEmpty(
    target,
    `is open in a process (pid ${String(worker["pid"])} on ${String(worker["host"])}). Close it; if it died, open and close this database once more`,
  );
};
