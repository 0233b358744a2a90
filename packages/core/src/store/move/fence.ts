/**
 * The fence of a place that is being moved: triggers on every table that refuse each insert, update and delete, whoever asks, by whatever release,
 * through whatever connection, and also within a transaction of the user's own. Reading goes on.
 *
 * Where the database can do it, fence and marker are one transaction. MySQL's DDL commits by itself: there the marker says `moving` first,
 * then one table is closed after the other, and the last look at the rows begins when all are. A crash in between is gone on with by repeating.
 */
import type { MoveRow } from "../rows.ts";
import { fenceWords } from "../moved.ts";
import type { Place } from "./place.ts";
import { removeMove, replaceMove, replaceOn } from "./marker.ts";
import { patiently, transact } from "./write.ts";

/** Closes a place for writing, or closes it for good. False when the marker is no longer what was seen. */
export const raise = async (place: Place, seen: MoveRow, state: "moving" | "moved"): Promise<boolean> => {
  const { words } = place;
  const next = { ...seen, state };
  const statements = words.fence(fenceWords(state, seen.other));
  place.assertInPlace();
  if (words.fencesAtOnce)
    return transact(place, async (link) => {
      for (const text of statements) await link.send(text);
      if (await replaceOn(link, words, seen, next)) return true;
      throw gone;
    }).catch((error: unknown) => {
      if (error === gone) return false;
      throw error;
    });
  if (!(await replaceMove(place, seen, next))) return false;
  if (state === "moving") await repeatably(place, statements);
  return true;
};

const gone = new Error("The marker is no longer what was seen.");

const repeatably = async (place: Place, statements: readonly string[]): Promise<void> => {
  for (const text of statements)
    await patiently(place, () =>
      place.use(async (link) => {
        await link.send(text).catch((error: unknown) => {
          if (!place.words.isDone(error)) throw error;
        });
      }),
    );
};

/** Opens a place again that was closed for a move. The marker decides: false when the move went on, or was at its end, in between. */
export const lower = async (place: Place, seen: MoveRow, then: "copying" | "none"): Promise<boolean> => {
  const { words } = place;
  if (words.fencesAtOnce)
    return transact(place, async (link) => {
      if (!(await replaceOn(link, words, seen, { ...seen, state: "copying" }))) return false;
      for (const text of words.lift) await link.send(text);
      if (then === "none") await link.send("delete from holdfast_moves");
      return true;
    });
  const giving: MoveRow = { ...seen, state: "abandoning" };
  if (seen.state !== "abandoning" && !(await replaceMove(place, seen, giving))) return false;
  await repeatably(place, words.lift);
  return then === "none" ? removeMove(place, giving) : replaceMove(place, giving, { ...giving, state: "copying" });
};
