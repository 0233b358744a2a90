/** What a database says that is being moved, was moved, or is not whole yet; and how whoever meets it is told. */
import * as Fault from "../model/fault.ts";

/** What the fence says to a writer begins with this. Releases that do not know it say it as it is, so it is said in words too. */
const mark = "holdfast_moved";

export const fenceWords = (state: "moving" | "moved", to: string): string => `${mark} ${state} to ${to}`;

/** Where a database stands in a move: a statement that every database takes. */
export const askMove = "select m.role, m.state, m.other from holdfast_moves as m";

/** The fault for an error of the fence, also where somebody has wrapped it; undefined for every other error. */
export const movedOf = (error: unknown): Fault.Fault | undefined => {
  let at = error;
  for (let depth = 0; at instanceof Error && depth < 5; depth++) {
    if (Fault.is(at, "database_moved")) return at;
    const found = /holdfast_moved (moving|moved) to (.*)/.exec(at.message);
    if (found) return moved(found[1] === "moved" ? "moved" : "moving", found[2] ?? "", error);
    at = at.cause;
  }
  return undefined;
};

export const moved = (state: "moving" | "moved", to: string, cause?: unknown): Fault.Fault =>
  Fault.make(
    "database_moved",
    state === "moved"
      ? `This database was moved to ${to} and takes no more writes. Open that one; its runs go on there.`
      : `This database is being moved to ${to} and takes no writes just now. Running work waits. If nobody is moving it any more, repeat Database.copy to the same place, or give the move up with Database.abandon.`,
    { state, to },
    cause === undefined ? {} : { cause },
  );

/** True for the end of a move: nothing will ever be written here again. */
export const isGone = (error: unknown): boolean => Fault.is(error, "database_moved") && error.data["state"] === "moved";

/** Throws `database_incomplete` for a place that something is being copied into. */
export const assertWhole = (
  row: { readonly role?: unknown; readonly state?: unknown; readonly other?: unknown } | undefined,
): void => {
  const from = String(row?.other);
  if (row?.role === "backup")
    throw Fault.make(
      "database_incomplete",
      `This file is a backup of ${from}: to run it would do once more what was done there. Put it into a place of its own with Database.restore.`,
      { from },
    );
  if (row?.role !== "destination" || row.state !== "arriving") return;
  throw Fault.make(
    "database_incomplete",
    `This database is not whole yet: it is being filled from ${from}. Wait until that is done. If nobody does it any more, repeat it (Database.copy or Database.restore from the same place), or throw this database away.`,
    { from },
  );
};
