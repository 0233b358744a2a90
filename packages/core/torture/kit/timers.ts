/** Timers against their moments: by the clock of the process that fired them, and, behind a server, by that of the database itself. */
import type { Place } from "./place.ts";

export type Early = { readonly id: string; readonly due: number; readonly at: number; readonly written: number | null };

/** Those that fired before they were due, or whose process was ahead of its server's clock. */
export const early = ({ on, plain }: Place): Promise<Early[]> => {
  const isHasty = on === "sqlite" ? "f.at < t.due" : "(f.at < t.due or w.at < t.due or w.at < f.at)";
  return plain.query<Early>(
    `select r.id, t.due, f.at, w.at as written from holdfast_history as f join holdfast_runs as r on r.key = f.run
     join holdfast_history as t on t.run = f.run and t.key = f.key and t.kind = 'timer'
     join torture_writes as w on w.run = f.run and w.seq = f.seq
     where f.kind = 'fired' and ${isHasty}`,
  );
};
