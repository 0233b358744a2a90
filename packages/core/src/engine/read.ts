/** Reading a whole history, in pages. */
import type { Row } from "../store/rows.ts";
import type { Engine } from "./engine.ts";
import { page } from "./settings.ts";

/** The whole histories of several runs; most fit into one page. */
export const readHistories = async (engine: Engine, runs: readonly number[]): Promise<readonly (readonly Row[])[]> => {
  const histories: (readonly Row[])[] = [];
  for (const [index, first] of (await engine.store.history.readFirst(runs, page)).entries()) {
    const rest = first.length < page ? first : await readHistory(engine, runs[index] ?? 0, [...first]);
    histories.push(rest);
  }
  return histories;
};

export const readHistory = async (engine: Engine, run: number, rows: Row[] = []): Promise<Row[]> => {
  for (;;) {
    const more = await engine.store.history.read(run, rows.at(-1)?.seq ?? -1, page);
    for (const row of more) rows.push(row);
    if (more.length < page) return rows;
  }
};
