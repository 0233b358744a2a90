/** Writing a place that is being filled: each transaction holds the marker, so that only the process that took the move up last writes. */
import * as Fault from "../../model/fault.ts";
import type { Link } from "../server/link.ts";
import type { MoveRow } from "../rows.ts";
import { nap } from "../pace.ts";
import { machinePace } from "../pace.ts";
import { ask, type Place } from "./place.ts";
import { listOf } from "./read.ts";
import type { Row, Table } from "./tables.ts";

/** How long, in ms, somebody else's lock may keep a move waiting. */
const patience = 30_000;

/** Tries again while something passing is in the way. */
export const patiently = async <T>(place: Place, work: () => Promise<T>): Promise<T> => {
  const until = performance.now() + patience;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!place.isPassing(error) || performance.now() > until) throw error;
      await nap(machinePace, 2 + Math.random() * 10);
    }
  }
};

/** One transaction. */
export const transact = <T>(place: Place, work: (link: Link) => Promise<T>): Promise<T> =>
  patiently(place, () =>
    place.use(async (link) => {
      for (const text of place.words.begin) await link.send(text);
      try {
        const answer = await work(link);
        await link.send("commit");
        return answer;
      } catch (error) {
        await link.send("rollback").catch(() => {});
        throw error;
      }
    }),
  );

/** One transaction of the process that fills the place. Throws `move_refused` once another one does. */
export const fill = <T>(place: Place, { token, turn }: MoveRow, work: (link: Link) => Promise<T>): Promise<T> =>
  transact(place, async (link) => {
    const { count } = await link.send(
      place.words.text(
        "update holdfast_moves set written = written + 1 where role = 'destination' and state = 'arriving' and token = ? and turn = ?",
      ),
      [token, turn],
    );
    if (count !== 1)
      throw Fault.make(
        "move_refused",
        `${place.name} is being filled by another process by now, or the copy was given up. Nothing more is written from here.`,
        { to: place.name },
      );
    return work(link);
  });

const clearOn = async (link: Link, { words }: Place, cleared: readonly Clearing[]): Promise<void> => {
  for (const { table, runs } of cleared)
    await link.send(`delete from ${table.name} where ${words.quote(table.owner ?? "")} in ${listOf(runs)}`);
};

export const insertOn = async (link: Link, { words }: Place, table: Table, rows: readonly Row[]): Promise<void> => {
  for (const { text, params } of words.insert(table, rows)) await link.send(text, params);
};

/** Rows of a table that are put in together. */
export type Load = { readonly table: Table; readonly rows: readonly Row[] };

/** Runs, all of whose rows of a table are taken away. */
export type Clearing = { readonly table: Table; readonly runs: readonly number[] };

/** In one transaction, takes away what there is of these runs, and puts these rows in. A row that the place cannot hold is named. */
export const put = async (place: Place, move: MoveRow, cleared: readonly Clearing[], loads: readonly Load[]): Promise<void> => {
  let going: Load | undefined;
  try {
    await fill(place, move, async (link) => {
      await clearOn(link, place, cleared);
      for (const load of loads) {
        going = load;
        await insertOn(link, place, load.table, load.rows);
      }
      going = undefined;
    });
  } catch (error) {
    if (!going || (!place.isDefect(error) && !Fault.is(error, "value_too_large"))) throw error;
    throw await culprit(place, move, cleared, going, loads, error);
  }
};

const tried = new Error("It goes in.");

/** Each row by itself, in a transaction that is taken back: the first that does not go in is the one. */
const culprit = async (
  place: Place,
  move: MoveRow,
  cleared: readonly Clearing[],
  { table, rows }: Load,
  loads: readonly Load[],
  error: unknown,
): Promise<unknown> => {
  for (const row of rows) {
    const why = await fill(place, move, async (link) => {
      await clearOn(link, place, cleared);
      await insertOn(link, place, table, [row]);
      throw tried;
    }).catch((failure: unknown) => failure);
    if (why === tried) continue;
    const run = Number(row[table.owner ?? ""] ?? Number.NaN);
    return refused(place, table, row, { key: run, id: await idOf(place, loads, run) }, why);
  }
  return error;
};

/** It may come with the same rows, or be there since before. */
const idOf = async (place: Place, loads: readonly Load[], run: number): Promise<string> => {
  if (Number.isNaN(run)) return "";
  const own = loads.filter(({ table }) => table.owner === "key").flatMap(({ rows }) => rows);
  const row = own.find(({ key }) => Number(key) === run);
  if (row) return String(row["id"]);
  const [found] = await ask(
    place,
    `select ${place.words.shown({ name: "id", type: "text" })} as id from holdfast_runs where ${place.words.quote("key")} = ?`,
    run,
  );
  return found ? String(found["id"]) : "";
};

const refused = (
  place: Place,
  table: Table,
  row: Row,
  run: { readonly key: number; readonly id: string },
  cause: unknown,
): Fault.Fault => {
  const where = table.key.map(({ name }) => `${name} ${row[name]}`).join(", ");
  const why = cause instanceof Error ? cause.message : String(cause);
  return Fault.make(
    Fault.is(cause, "value_too_large") ? "value_too_large" : "invalid_value",
    `${place.name} does not take a row of ${table.name} (${where})${run.id === "" ? "" : ` of run ${run.id}`}: ${why}
Nothing is lost: the original is as it was. Change that value or that limit, and repeat.`,
    { run: run.id, table: table.name, where },
    { cause },
  );
};
