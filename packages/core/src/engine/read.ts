/** Reading a whole history, in pages. */
import type { Row } from "../store/rows.ts";
import type { Engine } from "./engine.ts";
import { page } from "./settings.ts";

export const readHistory = async (engine: Engine, run: number): Promise<Row[]> => {
  const rows: Row[] = [];
  for (;;) {
    const more = await engine.store.history.read(run, rows.at(-1)?.seq ?? -1, page);
    for (const row of more) rows.push(row);
    if (more.length < page) return rows;
  }
};
