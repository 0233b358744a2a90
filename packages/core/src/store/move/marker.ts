/** The row that says where a place stands in a move. Each change of it is guarded by what it was, so that of two that decide one does. */
import type { Fields, Link } from "../server/link.ts";
import type { MoveRow } from "../rows.ts";
import { ask, type Place, type Words } from "./place.ts";

const columns = (words: Words): string => ["role", "state", "other", "token", "turn"].map((name) => words.quote(name)).join(", ");

const moveOf = (row: Fields | undefined): MoveRow | undefined =>
  row && {
    role: String(row["role"]) as MoveRow["role"],
    state: String(row["state"]) as MoveRow["state"],
    other: String(row["other"]),
    token: String(row["token"]),
    turn: Number(row["turn"]),
  };

export const readMove = async (place: Place): Promise<MoveRow | undefined> =>
  moveOf((await ask(place, `select ${columns(place.words)} from holdfast_moves`))[0]);

/** Puts a row in the place of what was seen there. False when it is no longer what was seen. */
export const replaceMove = (place: Place, seen: MoveRow | undefined, next: MoveRow): Promise<boolean> =>
  place.use((link) => replaceOn(link, place.words, seen, next));

export const replaceOn = async (link: Link, words: Words, seen: MoveRow | undefined, next: MoveRow): Promise<boolean> => {
  const { role, state, other, token, turn } = next;
  if (seen === undefined) {
    const { count } = await link.send(
      words.text(
        `insert into holdfast_moves (${words.quote("key")}, ${columns(words)}, ${words.quote("at")})
         select 1, ?, ?, ?, ?, ${turn}, ${words.now} from (select 1 as one) as one where not exists (select 1 from holdfast_moves)`,
      ),
      [role, state, other, token],
    );
    return count === 1;
  }
  const { count } = await link.send(
    words.text(
      `update holdfast_moves set role = ?, state = ?, other = ?, token = ?, turn = ${turn}, written = written + 1, at = ${words.now}
       where role = ? and state = ? and token = ? and turn = ${seen.turn}`,
    ),
    [role, state, other, token, seen.role, seen.state, seen.token],
  );
  return count === 1;
};

/** Forgets what was seen. False when it is no longer that. */
export const removeMove = async (place: Place, seen: MoveRow): Promise<boolean> => {
  const { count } = await place.use((link) =>
    link.send(place.words.text("delete from holdfast_moves where role = ? and state = ? and token = ?"), [
      seen.role,
      seen.state,
      seen.token,
    ]),
  );
  return count === 1;
};
